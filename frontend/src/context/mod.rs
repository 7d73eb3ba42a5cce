//! What else was written in a thread, as it goes to the agent in front of a
//! prompt: which posts, how many, and in which frame.
//!
//! Trust: whoever may post in a thread may write anything there, also for the
//! agent of whoever asks next. It reaches that agent as quoted data under its
//! author's name, in a frame that it cannot leave. Pure functions; nothing here
//! decides what an agent may do.

mod excerpt;
mod frame;
mod unseen;

pub use excerpt::{Entry, excerpt};
pub use unseen::{Posted, Source, Voice, unseen};

/// Bytes that count as a token: about right for prose in Latin letters, and too
/// careful for most else.
pub const BYTES_PER_TOKEN: usize = 4;

/// What stands there when a thread could not be read.
pub const UNREAD: &str =
    "[Gaggle could not read what else was written in this thread: you may be missing something.]";
