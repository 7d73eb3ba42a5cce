//! The half of Gaggle that is root. The rules by which it judges files and
//! accounts are `gaggle-policy`'s.
//!
//! Trust: root's own files, and of the frontend nothing but a Mattermost id.
//! One thread, no async runtime, no network.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod arguments;
mod audit;
mod connection;
mod event_loop;
mod forked;
mod journal;
mod listeners;
mod log_pipe;
mod oversight;
mod run;
mod service;
mod status;
mod workers;

pub use run::main;
