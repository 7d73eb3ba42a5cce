//! `cargo xtask vm container`: the package in booted containers of Debian, from
//! its installation until nothing of it is left.
//!
//! Trust: Debian's archive, by its signatures. The containers have no network
//! but a loopback, and change nothing but a layer of their own in memory.

pub(crate) mod root;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::{deb, goose, prerequisites, run};
use root::Release;

const NEEDED: &[prerequisites::Needed] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("dpkg-deb", "dpkg"),
];
/// Built with the tests, and their attackers.
const PROGRAMS: &[&str] = &["gaggle-container", "gaggle-acts"];

/// Install, attack, upgrade and remove the package in booted containers
#[derive(Debug, Args)]
pub(crate) struct Container {
    /// Use this package; without it one is built
    #[arg(long, value_name = "FILE")]
    deb: Option<PathBuf>,
    /// Only this release of Debian; else one after the other
    #[arg(long, value_enum)]
    release: Option<Release>,
    /// Use this Goose binary
    #[arg(long, value_name = "PATH")]
    goose: Option<PathBuf>,
    /// Only the cases whose name contains this, and those that lead there
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// A shell in the container after a failure, or before the package is removed
    #[arg(long)]
    shell: bool,
}

/// Builds what is missing and plays all cases on each release.
pub(crate) fn run(arguments: &Container) -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    prerequisites::require(NEEDED)?;
    if !run::is_root() {
        return Err("containers are booted by root: run it as root".to_owned());
    }
    let deb = match &arguments.deb {
        Some(file) => whole(file)?,
        None => deb::build()?,
    };
    let goose = arguments.goose.as_deref().map_or_else(goose::fetch, whole)?;
    let mut build = run::cargo(&["build", "--locked", "--package", "gaggle-tests"]);
    for program in PROGRAMS {
        build.args(["--bin", program]);
    }
    run::run(&mut build)?;
    let mut failed = Vec::new();
    for release in Release::value_variants() {
        if arguments.release.is_none_or(|only| only == *release) {
            let root = root::prepared(*release)?;
            if play(arguments, &root, &deb, &goose).is_err() {
                failed.push(release.suite());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed on {}", failed.join(" and "))) }
}

/// The programs run in other folders.
fn whole(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn play(arguments: &Container, root: &Path, deb: &Path, goose: &Path) -> Result<(), String> {
    let program = run::target_folder()?.join("debug/gaggle-container");
    // It takes everything down when this process ends, in whatever way.
    let mut play = Command::new("setpriv");
    play.args(["--pdeathsig", "TERM", "--"]).arg(program);
    play.arg("--root").arg(root).arg("--deb").arg(deb).arg("--goose").arg(goose);
    if let Some(case) = &arguments.case {
        play.args(["--case", case]);
    }
    if arguments.shell {
        play.arg("--shell");
    }
    run::run(&mut play)
}
