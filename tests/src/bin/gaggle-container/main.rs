//! The package in a booted container: installed, configured, attacked, upgraded
//! and removed as an admin would, with the simulated Mattermost, the scripted
//! model and the real Goose. Started by `cargo xtask vm container`.
//!
//! Trust: whoever starts it is root. It runs in a mount, network and process
//! namespace of its own, over a root folder that it does not change; the one
//! thing outside is a cgroup folder, removed at the end.
#![forbid(unsafe_code)]

mod cases;
mod chat;
mod machine;
mod outside;
mod package;
mod played;
mod readme;
mod session;
mod snapshot;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

#[derive(Parser)]
#[command(name = "gaggle-container")]
struct Cli {
    /// Print the names of all cases and do nothing
    #[arg(long, exclusive = true)]
    list: bool,
    #[command(flatten)]
    run: Option<Run>,
}

/// What is tried, on what.
#[derive(clap::Args)]
pub(crate) struct Run {
    /// A Debian root with systemd; it is not changed
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The package
    #[arg(long, value_name = "FILE")]
    deb: PathBuf,
    /// The Goose binary that the admin puts beside it
    #[arg(long, value_name = "FILE")]
    goose: PathBuf,
    /// Only the cases whose name contains this, and those that lead there
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// A shell in the container after a failure, or before the package is removed
    #[arg(long)]
    shell: bool,
    /// The cgroup of the inner process; given by the outer one
    #[arg(long, hide = true, value_name = "DIR")]
    inside: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gaggle-container: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well; what did not has been said.
fn run() -> Result<bool> {
    let Cli { list, run } = Cli::parse();
    if list {
        cases::all().iter().for_each(|case| println!("{}", case.name));
        return Ok(true);
    }
    let run = run.ok_or_else(|| anyhow::anyhow!("name --root, --deb and --goose"))?;
    match &run.inside {
        None => outside::run(),
        Some(cgroup) => session::run(&run, cgroup),
    }
}
