//! The half of Gaggle that is root. The rules by which it judges files and
//! accounts are `gaggle-policy`'s.
//!
//! Trust: root's own files, and of the frontend nothing but a Mattermost id.
//! One thread, no async runtime, no network.
#![deny(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod admin;
mod arguments;
mod audit;
mod become_user;
mod cgroup;
mod control;
mod event_loop;
mod journal;
mod launch;
mod log_pipe;
mod mounts;
mod request;
mod run;
mod service;
mod startup;
mod status;
mod sys;
mod workers;

pub use run::main;
