//! What goes to an agent in front of a prompt: what else was written in the
//! thread, as far as there is room, and before that what the admin says.
//!
//! Trust: whoever may post in a thread may write anything there, also for the
//! agent of whoever asks next. It reaches that agent as quoted data under its
//! author's name, in a frame that it cannot leave. Pure functions; nothing here
//! decides what an agent may do.

mod excerpt;
mod frame;
mod instructions;
mod unseen;

pub use excerpt::{Entry, excerpt};
pub(crate) use frame::clean;
pub use instructions::{Instructed, instruct};
pub use unseen::{Posted, Source, Voice, unseen};

/// Bytes that count as a token: about right for prose in Latin letters, and too
/// careful for most else.
pub const BYTES_PER_TOKEN: usize = 4;

/// What stands there when a thread could not be read.
pub const UNREAD: &str =
    "[Gaggle could not read what else was written in this thread: you may be missing something.]";
