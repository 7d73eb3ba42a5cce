//! What all cases share: the container, the people who write, the package.
//!
//! Trust: the cases; each leaves the services running and answering.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::wait;

use crate::chat::{Asked, Chat};
use crate::machine::Machine;
use crate::snapshot::Snapshot;

/// Whatever a unit does on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The one name for all, and the parts.
pub(crate) const ALL: &str = "gaggle.service";
pub(crate) const SUPERVISOR: &str = "gaggle-supervisor.service";
pub(crate) const FRONTEND: &str = "gaggle-frontend.service";

/// All units that run while people are served.
pub(crate) const WHOLE: [&str; 5] =
    [ALL, SUPERVISOR, FRONTEND, "gaggle-control.socket", "gaggle-admin.socket"];
/// What a turn of some seconds says at its end.
pub(crate) const LAST_WORD: &str = "whole";

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
    /// While the frontend is to be killed by its watchdog.
    pub(crate) hung: Option<Hung>,
}

/// The main processes when the frontend was made to hang.
pub(crate) struct Hung {
    pub(crate) supervisor: u32,
    pub(crate) frontend: u32,
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

    /// `name` gets an answer from their own account, in their own workspace, and
    /// leaves something there.
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn is_served(&self, name: &str) -> Result<()> {
        let said = self.chat.answer(name, "run: id -un; pwd; touch was-here")?;
        let wanted = format!("{name}\n/home/{name}/workspace");
        ensure!(said == wanted, "{name}'s agent says {said:?}");
        ensure!(self.keepsake(name).exists(), "{name}'s agent does not work in the workspace");
        Ok(())
    }

    /// What [`Self::is_served`] leaves.
    pub(crate) fn keepsake(&self, name: &str) -> PathBuf {
        self.machine.seen(&format!("/home/{name}/workspace/was-here"))
    }

    /// A turn of some seconds that `name` has begun, with its command running.
    ///
    /// # Errors
    /// It does not come to that.
    pub(crate) fn running_turn(&self, name: &str) -> Result<Asked> {
        let asked = self.chat.ask(name, &format!("run: sleep 6; echo {LAST_WORD}"))?;
        self.until("the turn runs", || {
            let found = self.machine.output(&["pgrep", "-u", name, "-x", "sleep"]).ok()?;
            found.status.success().then_some(())
        })?;
        Ok(asked)
    }

    /// Waits until all units are active.
    ///
    /// # Errors
    /// One is not, after a minute.
    pub(crate) fn until_whole(&self) -> Result<()> {
        let is_active = |unit| self.property(unit, "ActiveState").is_ok_and(|s| s == "active");
        let all = || WHOLE.into_iter().all(is_active).then_some(());
        self.until("all units are active", all)
    }
}
