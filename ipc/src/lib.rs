//! The words Gaggle's processes exchange.
//!
//! Trust: every type here is valid once it exists. Decoding is the only way in
//! from the wire, it is bounded, and it refuses what the constructors refuse.
//!
//! | module | between | who is believed |
//! |---|---|---|
//! | [`control`] | frontend → supervisor and back | root believes the *channel* (peer uid), never a name in it |
//! | [`admin`] | the `gaggle` command → supervisor | uid 0 only |
//! | [`session`] | frontend ↔ worker | each believes that the other end was made by root for this one person |
//! | [`launch`] | supervisor → worker | the worker's environment, descriptors and exit codes |
//!
//! `landlock` has the words for what a kernel lacks, the same from worker and command.
//! [`codec`] is the only module that may name `bincode`; [`fds`] the only one
//! with `unsafe`.
#![deny(unsafe_code)]

pub mod admin;
#[cfg(feature = "session")]
pub mod channel;
pub mod codec;
pub mod control;
#[cfg(feature = "session")]
mod failure;
pub mod fds;
#[cfg(feature = "session")]
pub mod files;
pub mod ids;
#[cfg(feature = "session")]
pub mod landlock;
pub mod launch;
pub mod seqpacket;
#[cfg(feature = "session")]
pub mod session;
pub mod text;

pub use ids::{
    AccountName, GooseSession, InvalidId, MattermostId, MattermostUserId, ModelName, ThreadId,
    TurnId, WorkerId,
};
pub use text::{Text, TooLong};
