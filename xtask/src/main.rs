//! `cargo xtask`: everything a developer does with this repository.
//!
//! Trust: it runs as whoever calls it and does what its options say. What it
//! fetches is checked against a digest in this repository.
#![forbid(unsafe_code)]

#[path = "../../tests/src/bin/gaggle-demo/arguments.rs"]
mod arguments;
mod bench;
mod container;
mod deb;
mod demo;
mod fuzz;
mod goose;
mod manual;
mod prerequisites;
mod run;
mod test;
mod vm;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

const ABOUT: &str = "\
Development commands of Gaggle.

  cargo xtask demo           chat with Goose in this terminal: nothing to configure
  cargo xtask demo --once 'run: id -un'
  cargo xtask test           format, lints and all tests
  sudo -E cargo xtask test   the system tests too: real accounts, real sandbox
  cargo xtask fuzz           drive every decoder with made-up input
  sudo -E cargo xtask bench  how fast workers start, and what they weigh
  cargo xtask deb            the Debian package, in target/debian
  cargo xtask man            manual pages and completions, in target/manual
  sudo -E cargo xtask vm qemu  Debian's own kernels, limits, addresses: in virtual machines
  sudo -E cargo xtask vm container  the package in booted containers, from its installation on";

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = ABOUT)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Chat with Goose through Gaggle in this terminal
    Demo(Box<arguments::Demo>),
    /// Check the format, run the lints, build, and run all tests
    #[command(long_about = test::ABOUT)]
    Test {
        /// Run only tests whose name contains this
        filter: Option<String>,
        /// Use this Goose binary
        #[arg(long, value_name = "PATH")]
        goose: Option<PathBuf>,
        /// Run the tests that take long, and none of the others
        #[arg(long)]
        soak: bool,
    },
    /// Fetch the Goose binary that tests and demo use
    Goose,
    /// Measure speed and size
    Bench(bench::Bench),
    /// Drive every decoder with made-up input
    Fuzz(fuzz::Fuzz),
    /// Build the Debian package
    Deb(deb::Deb),
    /// Write the manual pages and completions of the command
    Man,
    /// Run the tests that need a machine of their own
    Vm(vm::Vm),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test { filter, goose, soak } => test::run(filter.as_deref(), goose, soak),
        Command::Goose => goose::fetch().map(|path| println!("{}", path.display())),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Deb(arguments) => deb::run(&arguments),
        Command::Man => manual::write(),
        Command::Vm(arguments) => vm::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // What ran has said it all when there is nothing to add.
            if !why.is_empty() {
                eprintln!("cargo xtask: {why}");
            }
            ExitCode::FAILURE
        }
    }
}
