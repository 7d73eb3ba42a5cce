//! The whole frontend against the Mattermost simulator, with a supervisor and
//! workers played by the test, so that they can fail in every way.
//!
//! Each test asserts what a person sees in the channel.

mod answers;
mod failures;
mod fake;
mod gating;
mod restarts;
mod stopping;
mod world;
