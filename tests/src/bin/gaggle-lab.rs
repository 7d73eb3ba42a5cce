//! Holds the mount namespace of one lab; started by tests and by the demo.
//!
//! Trust: whoever starts it is root already. It reads what to build from
//! standard input and takes everything down when that ends.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match gaggle_tests::lab::inside::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gaggle-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
