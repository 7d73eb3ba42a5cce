//! `cargo xtask test`: what must pass before a change is good.
//!
//! Trust: as the caller's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{goose, prerequisites, run};

/// What `cargo xtask test --help` says.
pub(crate) const ABOUT: &str = "\
Check the format, run the lints, build, and run all tests.

As root the system tests run too: the real programs with the real Goose under
real accounts, each test in a mount namespace of its own; the host stays as it
is. Without root everything else runs, and what did not is counted at the end.

With --soak, as root, the tests that take long run in place of all others: three
hundred kills of every process, at each state of a message and at any moment,
over a thousand messages. GAGGLE_TEST_SEED=N repeats the choices of a run.";

/// Names the Goose binary for the tests.
pub(crate) const ENV_GOOSE: &str = "GAGGLE_TEST_GOOSE";
/// Names the file in which tests note that they could not run.
const ENV_NOT_RUN: &str = "GAGGLE_TEST_NOT_RUN";

/// Runs everything, or with `soak` what takes long.
pub(crate) fn run(filter: Option<&str>, goose: Option<PathBuf>, soak: bool) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    if soak && !run::is_root() {
        return Err(
            "the long tests kill real programs under real accounts: run it as root".to_owned()
        );
    }
    step("format", &mut run::cargo(&["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    step("lints", &mut run::cargo(&lints))?;
    step("build", &mut run::cargo(&["build", "--workspace", "--locked"]))?;
    let not_run = run::target_folder()?.join("tests-not-run");
    let _ = fs::remove_file(&not_run);
    let mut tests = if soak { long_tests(filter) } else { tests(filter) };
    tests.env(ENV_NOT_RUN, &not_run);
    if run::is_root() {
        prerequisites::require(prerequisites::LAB)?;
        prerequisites::require(prerequisites::TOOLS)?;
    }
    // The worker is tried with the real Goose without root too. Tests run in
    // folders of their own: a path must hold there as well.
    let goose = goose.map_or_else(goose::fetch, |path| {
        path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
    })?;
    tests.env(ENV_GOOSE, goose);
    let outcome = step("tests", &mut tests);
    report(&not_run);
    outcome?;
    if filter.is_none() && !soak {
        step(
            "examples in the docs",
            &mut run::cargo(&["test", "--doc", "--workspace", "--locked"]),
        )?;
    }
    Ok(())
}

fn tests(filter: Option<&str>) -> Command {
    let nextest = run::exists("cargo-nextest");
    let mut command = if nextest {
        run::cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
    } else {
        run::cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--all-targets"])
    };
    command.args(filter);
    command
}

/// Those that say how far they are.
fn long_tests(filter: Option<&str>) -> Command {
    let mut command = run::cargo(&["test", "--package", "gaggle-tests", "--test", "system_crash"]);
    command.args(["--locked", "--"]).args(filter).args(["--ignored", "--nocapture"]);
    command
}

fn step(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("── {name}");
    run::run(command)
}

/// Says what could not run; the tests have noted it, a line each.
fn report(not_run: &Path) {
    let noted = fs::read_to_string(not_run).unwrap_or_default();
    let mut lines: Vec<&str> = noted.lines().collect();
    if lines.is_empty() {
        return;
    }
    lines.sort_unstable();
    eprintln!("── NOT RUN: {} tests", lines.len());
    for line in lines {
        eprintln!("NOT RUN: {line}");
    }
}
