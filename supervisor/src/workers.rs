//! The table of workers: who runs, how each ends, and when it is really over.
//!
//! Trust: a worker tells root nothing. What counts is its pidfd and its cgroup:
//! a worker is gone when nothing runs in its folder any more.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gaggle_ipc::control::{Refusal, RefusalCode, StopReason, WorkerExit};
use gaggle_ipc::launch::{LaunchStep, Profile};
use gaggle_ipc::{AccountName, MattermostUserId, WorkerId};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, Uid, read};
use std::os::fd::AsFd;

use crate::become_user::REPORT;
use crate::cgroup::WorkerCgroup;
use crate::launch::Launched;
use crate::log_pipe::LogPipe;
use gaggle_policy::configuration::Person;

/// From fork to the worker's program.
pub(crate) const LAUNCH_LIMIT: Duration = Duration::from_secs(10);
/// How soon a dying worker's cgroup is looked at again, at first and at most.
const BURIAL: Duration = Duration::from_millis(5);
const UNKILLABLE: Duration = Duration::from_secs(1);
/// Starts of one person in a row, and how long one of them takes to be forgotten.
const START_BURST: usize = 10;
/// The same for all people together who have no entry: a taken-over frontend
/// can make up as many of them as it likes.
const FALLBACK_BURST: usize = 30;
const START_FORGOTTEN: Duration = Duration::from_secs(60);

/// How far a worker is.
#[derive(Debug)]
pub(crate) enum State {
    /// Between fork and its program.
    Launching { request: u32, error: OwnedFd, frontend_end: OwnedFd, deadline: Instant },
    /// Its program runs.
    Running,
    /// It is dead; its descendants are being killed.
    Ending { outcome: Outcome, pause: Duration, again: Instant },
}

/// What is told when a worker is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// It never reached its program.
    NotStarted { request: u32, refusal: Refusal },
    /// It ran.
    Exited(WorkerExit),
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) user: MattermostUserId,
    pub(crate) account: AccountName,
    pub(crate) uid: Uid,
    /// As it was started; a reload may have changed the entry since.
    pub(crate) profile: Profile,
    pub(crate) shared: bool,
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) log: Option<LogPipe>,
    /// Seconds since 1970, for display.
    pub(crate) started: u64,
    pub(crate) state: State,
    cgroup: WorkerCgroup,
    /// The frontend that asked for it is gone: nothing is told to another.
    pub(crate) orphaned: bool,
    /// Its child said that only the program is left to come.
    prepared: bool,
    failed: Option<(LaunchStep, i32)>,
    stopping: Option<(StopReason, Instant)>,
}

/// What the error pipe said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LaunchReport {
    Nothing,
    ProgramRuns,
    Failed,
}

impl Worker {
    /// Enters a launched child into the table's form.
    pub(crate) fn new(
        id: WorkerId,
        user: MattermostUserId,
        person: &Person,
        request: u32,
        launched: Launched,
        started: u64,
    ) -> Self {
        Self {
            id,
            user,
            account: person.account.name.clone(),
            uid: person.account.uid,
            profile: person.entry.profile,
            shared: person.entry.shared,
            pid: launched.pid,
            pidfd: launched.pidfd,
            log: Some(LogPipe::new(launched.log)),
            started,
            state: State::Launching {
                request,
                error: launched.error,
                frontend_end: launched.frontend_end,
                deadline: Instant::now() + LAUNCH_LIMIT,
            },
            cgroup: launched.cgroup,
            orphaned: false,
            prepared: false,
            failed: None,
            stopping: None,
        }
    }

    /// The error pipe, while what it says still counts. After a report of
    /// failure its end means the child's death and not that a program runs; and
    /// who is being stopped is not told of as started any more.
    pub(crate) fn error_pipe(&self) -> Option<&OwnedFd> {
        match &self.state {
            State::Launching { error, .. } if self.failed.is_none() && !self.is_stopping() => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Reads the error pipe of a launching worker.
    pub(crate) fn read_launch_report(&mut self) -> LaunchReport {
        let Some(error) = self.error_pipe() else { return LaunchReport::Nothing };
        let mut report = [0; REPORT];
        match read(error, &mut report) {
            Ok(0) if self.prepared => LaunchReport::ProgramRuns,
            // Killed on its way. That it is gone shows with the pidfd.
            Ok(0) => LaunchReport::Nothing,
            Ok(_) => self.note(report),
            Err(_) => LaunchReport::Nothing,
        }
    }

    fn note(&mut self, [code, errno @ ..]: [u8; REPORT]) -> LaunchReport {
        if code == 0 {
            self.prepared = true;
            return LaunchReport::Nothing;
        }
        let step = LaunchStep::from_code(code).unwrap_or(LaunchStep::Exec);
        self.failed = Some((step, i32::from_le_bytes(errno)));
        LaunchReport::Failed
    }

    /// Asks it to end and kills it `grace` later. The first reason stays.
    pub(crate) fn stop(&mut self, reason: StopReason, grace: Duration) {
        if self.is_stopping() {
            return;
        }
        self.stopping = Some((reason, Instant::now() + grace));
        if grace.is_zero() {
            self.kill();
        } else {
            // Not reaped yet, so the number is still this child's.
            let _ = kill(self.pid, Signal::SIGTERM);
        }
    }

    /// Kills it and all its descendants. Errors are met again by the next try.
    pub(crate) fn kill(&mut self) {
        // Once it is reaped, its number may be a stranger's.
        let reaped = matches!(self.state, State::Ending { .. });
        if self.cgroup.kill_all().is_err() && !reaped {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Root has decided that it ends.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_some() || self.is_ending()
    }

    /// It is dead; what it left is not yet.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending { .. })
    }

    /// When something must be done about it even if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.stopping, &self.state) {
            (_, State::Ending { again, .. }) => Some(*again),
            (Some((_, at)), _) => Some(at),
            (None, State::Launching { deadline, .. }) => Some(*deadline),
            (None, State::Running) => None,
        }
    }

    /// Kills it if a deadline of its own has passed.
    pub(crate) fn enforce_deadline(&mut self, now: Instant) {
        if self.is_ending() || self.deadline().is_none_or(|at| now < at) {
            return;
        }
        let reason = self.stopping.map_or(StopReason::LaunchTimeout, |(reason, _)| reason);
        // A process that waits for a dead file server outlives its kill.
        self.stopping = Some((reason, now + UNKILLABLE));
        self.kill();
    }

    /// Reaps the process if it ended, and begins to kill what it left.
    pub(crate) fn reap(&mut self) {
        if self.is_ending() {
            return;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let status = match waitid(Id::PIDFd(self.pidfd.as_fd()), flags) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return,
            Ok(status) => status,
            // Nobody else reaps; if it cannot be waited for, it is gone.
            Err(_) => WaitStatus::Exited(self.pid, 255),
        };
        let outcome = self.outcome(status);
        self.state = State::Ending { outcome, pause: BURIAL, again: Instant::now() };
        self.kill();
    }

    fn outcome(&self, status: WaitStatus) -> Outcome {
        let exit = match (self.stopping, status) {
            (Some((reason, _)), _) => WorkerExit::Stopped(reason),
            (None, WaitStatus::Exited(_, code)) => {
                let code = u8::try_from(code).unwrap_or(255);
                LaunchStep::from_exit_status(code)
                    .map_or(WorkerExit::Status(code), WorkerExit::SandboxRefused)
            }
            (None, WaitStatus::Signaled(_, signal, _)) => {
                WorkerExit::Signal(u8::try_from(signal as i32).unwrap_or(0))
            }
            (None, _) => WorkerExit::Status(255),
        };
        match &self.state {
            State::Launching { request, .. } => {
                let (step, errno) =
                    self.failed.map_or((None, 0), |(step, errno)| (Some(step), errno));
                let refusal = Refusal { code: RefusalCode::LaunchFailed, step, errno };
                Outcome::NotStarted { request: *request, refusal }
            }
            _ => Outcome::Exited(exit),
        }
    }

    /// The outcome, once nothing of it runs any more and its folder is removed.
    pub(crate) fn finish(&mut self) -> Option<Outcome> {
        let State::Ending { outcome, pause, again } = &mut self.state else { return None };
        if Instant::now() < *again {
            return None;
        }
        *again = Instant::now() + *pause;
        *pause = UNKILLABLE.min(*pause * 2);
        let outcome = *outcome;
        if self.cgroup.is_populated() {
            // A fork may have raced with the first kill.
            self.kill();
            return None;
        }
        // EBUSY while the last process is being buried: the next turn tries again.
        self.cgroup.remove().ok()?;
        Some(outcome)
    }
}

/// How often each person's worker was started lately; people without an entry
/// count as one.
#[derive(Debug, Default)]
pub(crate) struct StartRates(BTreeMap<Option<MattermostUserId>, VecDeque<Instant>>);

impl StartRates {
    /// Counts a start; `false` if there were too many.
    pub(crate) fn admit(&mut self, user: Option<MattermostUserId>, now: Instant) -> bool {
        let burst = if user.is_some() { START_BURST } else { FALLBACK_BURST };
        let starts = self.0.entry(user).or_default();
        while starts.front().is_some_and(|at| now.duration_since(*at) >= START_FORGOTTEN) {
            starts.pop_front();
        }
        let admitted = starts.len() < burst;
        if admitted {
            starts.push_back(now);
        }
        admitted
    }

    /// Forgets people without recent starts, so that the table stays small.
    pub(crate) fn prune(&mut self, now: Instant) {
        self.0.retain(|_, starts| {
            starts.back().is_some_and(|at| now.duration_since(*at) < START_FORGOTTEN)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_is_held_back_and_then_forgiven() {
        let user = Some(MattermostUserId::new("aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap());
        let other = Some(MattermostUserId::new("bbbbbbbbbbbbbbbbbbbbbbbbbb").unwrap());
        let mut rates = StartRates::default();
        let now = Instant::now();
        assert!((0..START_BURST).all(|_| rates.admit(user, now)));
        assert!(!rates.admit(user, now));
        assert!(rates.admit(other, now), "another person is not concerned");
        assert!((0..FALLBACK_BURST).all(|_| rates.admit(None, now)));
        assert!(!rates.admit(None, now), "made-up people share one measure");
        assert!(rates.admit(user, now + START_FORGOTTEN));
        rates.prune(now + START_FORGOTTEN * 3);
        assert!(rates.0.is_empty());
    }
}
