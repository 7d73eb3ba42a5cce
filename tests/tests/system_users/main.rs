//! `gaggle user` against a running supervisor and the simulator, on a machine
//! where it may make accounts.

mod adopting;
mod bench;
mod dedicated;
mod killed;
mod looking_up;
mod reading;
mod removing;
