//! The half of Gaggle that is root, and the rules by which it judges files and
//! accounts, which the `gaggle` command applies too.
//!
//! Trust: root's own files, and of the frontend nothing but a Mattermost id.
//! One thread, no async runtime, no network.
#![deny(unsafe_code)]
#![deny(clippy::indexing_slicing)]

pub mod account;
mod admin;
mod arguments;
mod audit;
mod become_user;
mod cgroup;
pub mod configuration;
mod control;
mod event_loop;
mod journal;
mod launch;
mod log_pipe;
pub mod mapping;
mod mounts;
pub mod provider_env;
mod request;
mod run;
mod service;
pub mod settings;
mod startup;
mod status;
mod sys;
pub mod trusted_file;
mod workers;

pub use run::main;
