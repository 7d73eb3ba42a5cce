//! The half of Gaggle that is root. The rules by which it judges files and
//! accounts are `gaggle-policy`'s.
//!
//! Trust: root's own files, and of the frontend nothing but a Mattermost id.
//! One thread, no async runtime, no network.
#![deny(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod admission;
mod arguments;
mod audit;
mod become_user;
mod cgroup;
mod connection;
mod event_loop;
mod forked;
mod journal;
mod launch;
mod log_pipe;
mod mounts;
mod oversight;
mod run;
mod service;
mod startup;
mod status;
mod sys;
mod workers;

pub use run::main;
