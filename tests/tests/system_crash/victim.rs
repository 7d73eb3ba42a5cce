//! What is killed.
//!
//! Trust: none; SIGKILL leaves nobody time to prepare.

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::Which;
use gaggle_tests::lab::namespace::process_name;
use gaggle_tests::mattermost::Fault;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::World;

/// How long Mattermost is down, in milliseconds.
const DOWN: u64 = 700;

/// A process of ours, or Mattermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Victim {
    Frontend,
    Supervisor,
    /// The person's own.
    Worker,
    /// All that the person has.
    Goose,
    /// Its posts stay, its connections end.
    Mattermost,
}

impl Victim {
    pub(crate) const ALL: [Self; 5] =
        [Self::Frontend, Self::Supervisor, Self::Worker, Self::Goose, Self::Mattermost];

    /// Kills it. What comes back by itself does not before [`Victim::revive`].
    pub(crate) fn kill(self, world: &mut World, person: &str) -> Result<()> {
        match self {
            Self::Frontend => world.lab.service(Which::Frontend)?.kill(),
            Self::Supervisor => {
                world.lab.service(Which::Supervisor)?.kill()?;
                // Its workers end with it.
                let of_people = || world.lab.namespace.people_running("gaggle-worker");
                world.until("workers are gone", || of_people().is_empty().then_some(()))
            }
            Self::Worker => kill_all(world, person, "gaggle-worker"),
            Self::Goose => kill_all(world, person, "goose"),
            Self::Mattermost => {
                // Ends also what Mattermost was to do before.
                world.lab.simulator.clear_faults();
                world.lab.simulator.inject(Fault::Restart { millis: DOWN });
                Ok(())
            }
        }
    }

    /// Starts again what systemd would.
    pub(crate) fn revive(self, world: &mut World) -> Result<()> {
        match self {
            Self::Frontend => world.lab.start(Which::Frontend),
            Self::Supervisor => world.lab.start(Which::Supervisor),
            Self::Worker | Self::Goose | Self::Mattermost => Ok(()),
        }
    }
}

fn kill_all(world: &World, person: &str, name: &str) -> Result<()> {
    let pids = world.running(person, name)?;
    ensure!(!pids.is_empty(), "{person} has no {name}\n{}", world.story());
    for pid in &pids {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).context("kill it")?;
    }
    // Who writes to one that is about to die has sent what nobody reads.
    let gone = || pids.iter().all(|pid| process_name(*pid).is_empty()).then_some(());
    world.until("it is gone", gone)
}

/// Stops, or lets go on, a process.
pub(crate) fn freeze(pid: i32, frozen: bool) -> Result<()> {
    let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
    // One that was killed meanwhile needs no letting go.
    match kill(Pid::from_raw(pid), signal) {
        Err(error) if frozen => Err(error).context("freeze it"),
        _ => Ok(()),
    }
}
