//! The outer process: starts the inner one in namespaces of its own and takes
//! everything down, however that ends.
//!
//! Trust: the inner process; a Ctrl-C or the end of the caller ends it at once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result};
use gaggle_tests::lab::inside::cgroup::Tree;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

/// For the inner process, and for the container.
pub(crate) const SESSION: &str = "session";
pub(crate) const MACHINE: &str = "machine";
/// Where systemd's own hierarchy of cgroup version 1 is, on machines that have it.
const NAMED_HIERARCHY: &str = "/sys/fs/cgroup/systemd";

/// Runs this program again, inside; whether all went well.
///
/// # Errors
/// It cannot be started, or not be taken down.
pub(crate) fn run() -> Result<bool> {
    // Before anything is made: no signal may come between it and its end.
    let mut ends = SigSet::empty();
    ends.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    let mut all = ends;
    all.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), None)?;
    let tree = Tree::make("gaggle-container-", &[SESSION, MACHINE])?;
    let mut inner = start(tree.path())?;
    let outcome = wait(&mut inner, &all);
    // It has ended, or is to end: a process in a cgroup that is killed cannot stay.
    let removed = tree.remove();
    let _ = inner.wait();
    remove_named(tree.path());
    removed?;
    outcome
}

fn start(cgroup: &Path) -> Result<Child> {
    let own = std::env::current_exe().context("find this program")?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--mount", "--pid"])
        .args(["--fork", "--mount-proc", "--kill-child", "--"])
        .arg(own)
        .args(std::env::args_os().skip(1))
        .arg("--inside")
        .arg(cgroup)
        .spawn()
        .context("start setpriv and unshare, of util-linux")
}

fn wait(inner: &mut Child, signals: &SigSet) -> Result<bool> {
    loop {
        if signals.wait()? != Signal::SIGCHLD {
            eprintln!("stopped; taking down");
            return Ok(false);
        }
        if let Some(status) = inner.try_wait()? {
            return Ok(status.success());
        }
    }
}

/// systemd-nspawn leaves empty folders there.
fn remove_named(cgroup: &Path) {
    let name = cgroup.file_name().unwrap_or_default();
    let folder = PathBuf::from(NAMED_HIERARCHY).join(name);
    let parts = [SESSION, MACHINE].map(|part| folder.join(part));
    let payloads = ["payload", "supervisor"].map(|part| folder.join(MACHINE).join(part));
    for folder in payloads.iter().chain(&parts).chain([&folder]) {
        let _ = std::fs::remove_dir(folder);
    }
}
