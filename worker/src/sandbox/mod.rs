//! The sandbox: which places a process may touch, and how that is enforced.
//!
//! Nested Landlock domains. A is the worker's; B is one Goose's, a subset of A
//! without the cgroup folder and the worker's own state. Processes in B can
//! neither trace, signal nor inspect those in A or in a sibling B; each command
//! that Goose runs has one more, from which it cannot inspect its Goose.
//!
//! Trust: the table in [`places`] is the policy; the kernel does the rest.

pub(crate) mod command;
pub(crate) mod domain;
pub(crate) mod places;
pub(crate) mod seccomp;
