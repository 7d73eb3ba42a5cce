//! `cargo xtask vm container`: the package in booted containers of Debian, from
//! its installation until nothing of it is left.
//!
//! Trust: Debian's archive, by its signatures. The containers have no network
//! but a loopback, and change nothing but a layer of their own in memory.

pub(crate) mod root;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    /// Only this release of Debian; else both, side by side
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
///
/// # Errors
/// Something is missing, or a case failed and has said why.
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
    let releases = Release::value_variants().iter().copied();
    let chosen = releases.filter(|release| arguments.release.is_none_or(|only| only == *release));
    let roots = chosen.map(|release| Ok((release, root::prepared(release)?)));
    let roots: Vec<_> = roots.collect::<Result<_, String>>()?;
    let play = |root: &Path| play(arguments, root, &deb, &goose);
    let failed = if arguments.shell || roots.len() == 1 {
        one_by_one(&roots, play)?
    } else {
        at_once(&roots, play)?
    };
    if failed.is_empty() { Ok(()) } else { Err(format!("failed on {}", failed.join(" and "))) }
}

type Roots = [(Release, PathBuf)];

/// At this terminal. The names of those that failed.
fn one_by_one(
    roots: &Roots,
    play: impl Fn(&Path) -> Result<Command, String>,
) -> Result<Vec<&'static str>, String> {
    let mut failed = Vec::new();
    for (release, root) in roots {
        if run::run(&mut play(root)?).is_err() {
            failed.push(release.suite());
        }
    }
    Ok(failed)
}

/// Side by side, for most of the time is spent waiting; each line with the name of
/// its release. The names of those that failed.
fn at_once(
    roots: &Roots,
    play: impl Fn(&Path) -> Result<Command, String>,
) -> Result<Vec<&'static str>, String> {
    let mut playing = Vec::new();
    for (release, root) in roots {
        let mut play = play(root)?;
        let mut child = play
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("setpriv could not be started: {error}"))?;
        let lines = child.stdout.take().map(BufReader::new);
        let name = release.suite();
        let said = std::thread::spawn(move || {
            for line in lines.into_iter().flat_map(|lines| lines.lines()).map_while(Result::ok) {
                println!("{name}: {line}");
            }
        });
        playing.push((name, child, said));
    }
    let mut failed = Vec::new();
    for (name, mut child, said) in playing {
        let _ = said.join();
        if !child.wait().is_ok_and(|status| status.success()) {
            failed.push(name);
        }
    }
    Ok(failed)
}

/// The programs run in other folders.
fn whole(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

/// The program that plays all cases on `root`.
fn play(arguments: &Container, root: &Path, deb: &Path, goose: &Path) -> Result<Command, String> {
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
    Ok(play)
}
