//! The sandbox: which places a process may touch, and how that is enforced.
//!
//! Two nested Landlock domains. A is the worker's; B is one Goose's, a subset of
//! A without the cgroup folder and the worker's own state. Processes in B can
//! neither trace, signal nor inspect those in A or in a sibling B.
//!
//! Trust: the table in [`places`] is the policy; the kernel does the rest.

pub(crate) mod domain;
pub(crate) mod places;
pub(crate) mod seccomp;
