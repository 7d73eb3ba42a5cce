//! Measures Gaggle where it may not get slow or big. Started by
//! `cargo xtask bench`, which builds what is measured.
//!
//! Trust: whoever starts it is root. It changes nothing of the machine: all runs
//! in a lab.
#![forbid(unsafe_code)]

mod client;
mod figures;
mod launch;
mod memory;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "gaggle-bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// How fast workers start, many at once too, and what they weigh
    Launch(Launch),
    /// The part that is timed, inside the lab; started by `launch`
    #[command(hide = true)]
    Client,
}

#[derive(clap::Args)]
struct Launch {
    /// The folder of the programs that are measured
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Workers started one after the other
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=400))]
    starts: u32,
    /// Workers started at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=100))]
    people: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// End with status 1 when over a target
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gaggle-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all that was to be checked is within its target.
fn run() -> Result<bool> {
    let arguments = match Cli::parse().what {
        What::Client => return client::run().map(|()| true),
        What::Launch(arguments) => arguments,
    };
    let figures = launch::measure(&arguments.programs, arguments.starts, arguments.people)?;
    if arguments.json {
        println!("{}", figures.json());
    } else {
        print!("{}", figures.table());
    }
    Ok(!arguments.check || figures.within_targets())
}
