//! What all cases share: the container, the people who write, the package.
//!
//! Trust: the cases; each leaves the services running and answering.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::wait;

use crate::chat::Chat;
use crate::machine::Machine;
use crate::snapshot::Snapshot;

/// Whatever a unit does on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The parts of the service.
pub(crate) const SUPERVISOR: &str = "gaggle-supervisor.service";
pub(crate) const FRONTEND: &str = "gaggle-frontend.service";

/// Where the cases play.
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    pub(crate) chat: Chat,
    /// The root that the container's layer is over.
    pub(crate) base: PathBuf,
    /// In memory, for this run.
    pub(crate) folder: PathBuf,
    pub(crate) deb: PathBuf,
    pub(crate) goose: PathBuf,
    /// The root before the package was ever there.
    pub(crate) before: Option<Snapshot>,
}

impl Stage {
    /// A property of a unit, as systemd holds it now.
    ///
    /// # Errors
    /// There is no such unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> Result<String> {
        self.machine.run(&["systemctl", "show", "--value", "--property", name, unit])
    }

    /// The main process of a unit that runs.
    ///
    /// # Errors
    /// It does not run.
    pub(crate) fn main_pid(&self, unit: &str) -> Result<u32> {
        let pid = self.property(unit, "MainPID")?.parse().unwrap_or(0);
        ensure!(pid > 0, "{unit} does not run");
        Ok(pid)
    }

    /// A line of a process' `/proc/PID/status` in the container, without its name.
    ///
    /// # Errors
    /// There is no such process or line.
    pub(crate) fn status_of(&self, pid: u32, name: &str) -> Result<String> {
        let text = self.machine.run(&["cat", &format!("/proc/{pid}/status")])?;
        let prefix = format!("{name}:");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        Ok(line.with_context(|| format!("no {name} in {pid}'s status"))?.trim().to_owned())
    }

    /// What `look` finds within a minute.
    ///
    /// # Errors
    /// Nothing; `what` says what it should have been.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> Result<T> {
        wait::until(SOON, look).with_context(|| format!("not in time: {what}"))
    }

    /// The words of a shell's script in alice's agent, as it answers.
    ///
    /// # Errors
    /// There is no whole answer.
    pub(crate) fn agent(&self, script: &str) -> Result<String> {
        self.chat.answer("alice", &format!("run: {script}"))
    }

    /// alice gets an answer from her own account.
    ///
    /// # Errors
    /// She does not.
    pub(crate) fn answers(&self) -> Result<()> {
        let said = self.agent("id -un")?;
        ensure!(said == "alice", "alice's agent says it is {said:?}");
        Ok(())
    }
}
