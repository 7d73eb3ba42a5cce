//! What root's own files say, and which accounts may have an agent: the rules
//! that the supervisor follows and the `gaggle` command applies beforehand.
//!
//! Trust: files that only root can have written, and the system's name services.
//! Nothing here listens to anybody or starts anything.
#![deny(unsafe_code)]
#![deny(clippy::indexing_slicing)]

pub mod account;
pub mod admission;
pub mod configuration;
pub mod limits;
pub mod mapping;
pub mod programs;
pub mod provider_env;
pub mod review;
pub mod settings;
mod sys;
pub mod trusted_file;
