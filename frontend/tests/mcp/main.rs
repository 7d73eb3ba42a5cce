//! Mattermost as tools: what each gives, and above all what it does not.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod leaks;
mod outside;
mod protocol;
mod reading;
mod town;
mod writing;
