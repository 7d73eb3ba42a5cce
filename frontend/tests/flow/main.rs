//! The whole frontend against the Mattermost simulator, with a supervisor and
//! workers played by the test, so that they can fail in every way.
//!
//! Each test asserts what a person sees in the channel.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod again;
mod answers;
mod approvals;
mod choices;
mod commands;
mod context;
mod conversations;
mod failures;
mod fake;
mod faults;
mod files_in;
mod files_out;
mod gating;
mod idle;
mod late;
mod malice;
mod reloading;
mod restarts;
mod shelf;
mod stopping;
mod tools;
mod world;
