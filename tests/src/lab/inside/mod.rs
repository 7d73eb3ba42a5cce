//! The inner side of a lab: what `gaggle-lab` does in its mount namespace.
//!
//! Trust: it runs as root and believes the test that started it. It changes
//! nothing of the host but one cgroup folder of its own, which it removes.

mod accounts;
pub mod cgroup;
mod journal;
mod mounts;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use super::spec::{Report, Spec};

pub use cgroup::can_be_made as cgroup_can_be_made;

/// Builds the lab that standard input asks for, says so on standard output,
/// collects journal records until standard input ends, and removes everything.
///
/// # Errors
/// Whatever kept the lab from being built or removed; the test has been told.
pub fn run() -> Result<()> {
    // The end comes through standard input alone: a Ctrl-C that reaches the
    // whole terminal must not end this process before it has cleaned up.
    let mut late = SigSet::empty();
    late.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&late), None)?;
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line).context("read what the lab is to be")?;
    match Inside::build(&spec) {
        Ok(mut inside) => {
            say(&Report::Ready {
                pid: std::process::id(),
                cgroup: inside.cgroup.path().to_owned(),
            })?;
            inside.serve(&mut input)?;
            inside.cgroup.remove()?;
            // For the case that the test is no longer there to do it.
            let _ = std::fs::remove_dir_all(&spec.outside);
            Ok(())
        }
        Err(error) => say(&Report::Failed(format!("{error:#}"))),
    }
}

fn say(report: &Report) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    Ok(out.flush()?)
}

struct Inside {
    cgroup: cgroup::Tree,
    journal: journal::Journal,
}

impl Inside {
    fn build(spec: &Spec) -> Result<Self> {
        // Opened before the mounts, which may cover the folder it is in.
        let records = journal::open_file(&spec.outside)?;
        let cgroup = cgroup::Tree::make("gaggle-lab-", &["services", "workers"])?;
        mounts::own_namespace()?;
        mounts::programs_and_config(spec)?;
        mounts::homes(&spec.accounts)?;
        mounts::runtime()?;
        accounts::replace(&spec.accounts)?;
        let journal = journal::Journal::listen(records)?;
        Ok(Self { cgroup, journal })
    }

    fn serve(&mut self, input: &mut BufReader<std::io::Stdin>) -> Result<()> {
        let stdin = std::io::stdin();
        loop {
            let mut fds = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.journal.as_fd(), PollFlags::POLLIN),
            ];
            poll(&mut fds, PollTimeout::NONE)?;
            let [asked, recorded] = fds.map(|fd| fd.any().unwrap_or(true));
            if recorded {
                self.journal.collect()?;
            }
            if asked && input.read(&mut [0; 64])? == 0 {
                return Ok(());
            }
        }
    }
}
