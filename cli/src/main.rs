//! `gaggle`: the command of this crate's library.
//!
//! Trust: as there.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gaggle::run()
}
