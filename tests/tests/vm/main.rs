//! What only a machine with a kernel of its own can show, with Gaggle installed
//! in it and started by its units: `cargo xtask vm qemu` boots it and runs these.
//!
//! They change the machine they run on, so they run where they are told that it
//! is made for them, and say loudly elsewhere that they do not.

mod addresses;
mod limits;
mod machine;
mod new_kernel;
mod no_landlock;
mod old_kernel;
