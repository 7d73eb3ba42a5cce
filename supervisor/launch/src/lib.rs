//! The launch checklist: from root to a person's account, in `docs/launch.md`
//! line by line.
//!
//! Trust: the caller's decision that this person gets a worker, and the kernel.
//! Nothing here listens to anybody. The order of steps is the security of it.
#![deny(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod become_user;
pub mod cgroup;
mod home;
pub mod launch;
mod mounts;
pub mod process;
pub mod sys;
