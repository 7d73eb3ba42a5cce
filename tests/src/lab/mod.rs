//! The lab: real programs under real accounts without touching the host.
//!
//! Trust: it runs as root. What a lab mounts is in a mount namespace of its
//! own; the one thing outside is a cgroup folder, killed and removed at the end.

pub mod goose;
pub mod inside;
pub mod namespace;
pub mod programs;
pub mod records;
pub mod service;
pub mod spec;
pub mod wait;
