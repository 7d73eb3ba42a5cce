//! `cargo xtask bench`: builds what is to be measured as it is shipped, and
//! measures it.
//!
//! Trust: as the caller's, who is root: workers run under accounts of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::{prerequisites, run};

const MORE: &str = "\
launch: how long it takes from a request until a worker says Hello, by the side
of a bare fork and exec of the same program; how fifty people fare who come at
once; what supervisor and worker weigh. Everything runs in a lab of its own.

Figures depend on the machine and on what else it does: only ratios and sizes
have targets.";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The start of workers
    Launch,
}

/// Measure speed and size.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Bench {
    /// What to measure; everything if not given
    what: Option<What>,
    /// Workers to start one after the other
    #[arg(long, value_name = "N")]
    starts: Option<u32>,
    /// People who come at once
    #[arg(long, value_name = "N")]
    people: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// End with status 1 when over a target
    #[arg(long)]
    check: bool,
}

/// Builds and measures.
pub(crate) fn run(arguments: &Bench) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    if !run::is_root() {
        return Err("workers run under accounts of their own: run it as root".to_owned());
    }
    prerequisites::require(prerequisites::LAB)?;
    let programs = build()?;
    match arguments.what {
        None | Some(What::Launch) => launch(arguments, &programs),
    }
}

/// A folder with the programs: those that are measured as they are shipped, the
/// others, which a lab has as well, as they are tested.
fn build() -> Result<PathBuf, String> {
    let measured = ["--package", "gaggle-supervisor", "--package", "gaggle-worker"];
    run::run(run::cargo(&["build", "--release", "--locked"]).args(measured))?;
    run::run(&mut run::cargo(&["build", "--workspace", "--exclude", "xtask", "--locked"]))?;
    let target = run::target_folder()?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for (built, name) in [
        ("release", "gaggle-supervisor"),
        ("release", "gaggle-worker"),
        ("debug", "gaggle-frontend"),
        ("debug", "gaggle"),
    ] {
        // A copy: root's programs may have no second name, and cargo gives them one.
        let (from, to) = (target.join(built).join(name), folder.join(name));
        fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(folder)
}

fn launch(arguments: &Bench, programs: &Path) -> Result<(), String> {
    let mut bench = Command::new(run::target_folder()?.join("debug/gaggle-bench"));
    bench.args(["launch", "--programs"]).arg(programs);
    for (name, number) in [("--starts", arguments.starts), ("--people", arguments.people)] {
        if let Some(number) = number {
            bench.args([name, &number.to_string()]);
        }
    }
    bench.args(arguments.json.then_some("--json"));
    bench.args(arguments.check.then_some("--check"));
    match bench.status() {
        Ok(status) if status.success() => Ok(()),
        // It has said what is over its target, or why it could not measure.
        Ok(_) => Err(String::new()),
        Err(error) => Err(format!("the bench could not be started: {error}")),
    }
}
