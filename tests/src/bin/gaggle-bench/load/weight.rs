//! What Gaggle's processes weigh together, and what they have spent.
//!
//! Trust: the kernel's files about a process and about its cgroup.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use gaggle_tests::lab::Which;

use super::super::gaggle::Gaggle;
use super::super::idle::processor_time;
use super::super::memory::Memory;

/// Of each kind together, in MiB: what is shared counts once. The agents are not Gaggle's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weight {
    pub(super) frontend: f64,
    pub(super) supervisor: f64,
    pub(super) workers: f64,
}

impl Weight {
    pub(super) fn all(&self) -> f64 {
        self.frontend + self.supervisor + self.workers
    }

    /// The heavier one.
    pub(super) fn max(self, other: Self) -> Self {
        if other.all() > self.all() { other } else { self }
    }
}

/// The processes that are there all the time.
pub(super) struct Processes {
    frontend: i32,
    supervisor: i32,
}

impl Processes {
    pub(super) fn of(gaggle: &mut Gaggle) -> Result<Self> {
        let frontend = gaggle.frontend()?;
        Ok(Self { frontend, supervisor: gaggle.lab.service(Which::Supervisor)?.pid() })
    }

    /// As of now.
    pub(super) fn weigh(&self, gaggle: &Gaggle) -> Weight {
        // One that ended meanwhile weighs nothing.
        let mib = |pid| Memory::of(pid).map_or(0.0, |memory| memory.proportional / 1024.0);
        Weight {
            frontend: mib(self.frontend),
            supervisor: mib(self.supervisor),
            workers: workers(gaggle).into_iter().map(mib).sum(),
        }
    }
}

/// A worker is also what becomes a Goose, in a group of its own, until it is one.
fn workers(gaggle: &Gaggle) -> Vec<i32> {
    let mut pids = gaggle.lab.namespace.people_running("gaggle-worker");
    pids.retain(|pid| {
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        group.lines().any(|line| line.ends_with("/worker"))
    });
    pids
}

/// Of all cores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) frontend: Duration,
    pub(super) workers: Duration,
}

impl Spent {
    /// Since they were started.
    pub(super) fn of(processes: &Processes, gaggle: &Gaggle) -> Result<Self> {
        let workers = workers(gaggle).into_iter().filter_map(|pid| processor_time(pid).ok());
        Ok(Self { frontend: processor_time(processes.frontend)?, workers: workers.sum() })
    }
}
