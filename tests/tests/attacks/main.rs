//! The attacks of `docs/attacks.md`, tried for real: the ids of the rows that a
//! case covers stand in its name, like `a09_a10_the_worker_is_out_of_reach`.
//!
//! Trust: none of the attackers played here. Each case has a control, the same
//! act by somebody who may or with that one defence off, so that a case fails
//! when the attack is only mistyped.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

mod agent;
mod catalogue;
mod files;
mod frontend;
mod local;
mod mattermost;
mod worker;
