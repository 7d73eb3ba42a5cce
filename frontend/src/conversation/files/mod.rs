//! Files of a conversation: what people attach goes into the thread's inbox, what the
//! agent has for them comes out of its outbox.
//!
//! Trust: a file is anybody's. None is kept here: pieces go from one side to the other
//! as the other takes them. Which file of an account may be read or written the
//! agent's sandbox decides, never this process.

mod get;
mod incoming;
mod outgoing;
mod prompt;
mod sending;

pub(super) use incoming::Brought;
pub(super) use outgoing::Outgoing;
pub(super) use prompt::ROOM;
