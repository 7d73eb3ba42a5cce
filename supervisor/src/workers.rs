//! The table of workers: who runs, how each ends, and when it is really over.
//!
//! Trust: a worker tells root nothing. What counts is its pidfd and its cgroup:
//! a worker is gone when nothing runs in its folder any more.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gaggle_ipc::control::{Refusal, StopReason, WorkerExit};
use gaggle_ipc::launch::{LaunchStep, Profile};
use gaggle_ipc::{AccountName, MattermostUserId, WorkerId};
use gaggle_policy::configuration::Person;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::log_pipe::LogPipe;
use gaggle_launch::cgroup::WorkerCgroup;
use gaggle_launch::launch::{Launched, Report, read_report};

/// From fork to the worker's program.
const LAUNCH_LIMIT: Duration = Duration::from_secs(10);
/// How soon a dying worker's cgroup is looked at again, at first and at most.
const BURIAL: Duration = Duration::from_millis(5);
const UNKILLABLE: Duration = Duration::from_secs(1);

/// Who is told about a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requester {
    /// The frontend, under its number for the request.
    Frontend(u32),
    /// The admin's connection of this number, who tries a sandbox.
    Admin(u64),
    /// Nobody: who asked is gone, and to a successor the number could mean
    /// another request.
    Nobody,
}

impl Requester {
    /// An admin tries a sandbox.
    pub(crate) fn is_admin(self) -> bool {
        matches!(self, Self::Admin(_))
    }
}

/// How far a worker is.
#[derive(Debug)]
pub(crate) enum State {
    /// Between fork and its program.
    Launching { error: OwnedFd, peer_end: OwnedFd, deadline: Instant },
    /// Its program runs.
    Running,
    /// It is dead; its descendants are being killed.
    Ending { outcome: Outcome, pause: Duration, again: Instant },
}

/// What is told when a worker is gone: how it ended, or why it never reached its
/// program.
pub(crate) type Outcome = Result<WorkerExit, Refusal>;

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) user: MattermostUserId,
    pub(crate) account: AccountName,
    pub(crate) uid: u32,
    /// As it was started; a reload may have changed the entry since.
    pub(crate) profile: Profile,
    pub(crate) shared: bool,
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) log: Option<LogPipe>,
    /// Seconds since 1970, for display.
    pub(crate) started: u64,
    pub(crate) born: Instant,
    pub(crate) requester: Requester,
    pub(crate) state: State,
    cgroup: WorkerCgroup,
    /// What its child said last on its way to the program.
    report: Report,
    stopping: Option<(StopReason, Instant)>,
}

impl Worker {
    /// Enters a launched child into the table's form.
    pub(crate) fn new(
        id: WorkerId,
        user: MattermostUserId,
        person: &Person,
        requester: Requester,
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
            born: Instant::now(),
            requester,
            state: State::Launching {
                error: launched.error,
                peer_end: launched.peer_end,
                deadline: Instant::now() + LAUNCH_LIMIT,
            },
            cgroup: launched.cgroup,
            report: Report::Nothing,
            stopping: None,
        }
    }

    /// The error pipe, while what it says still counts. After a report of
    /// failure its end means the child's death and not that a program runs; and
    /// who is being stopped is not told of as started any more.
    pub(crate) fn error_pipe(&self) -> Option<&OwnedFd> {
        match &self.state {
            State::Launching { error, .. }
                if !matches!(self.report, Report::Failed(..)) && !self.is_stopping() =>
            {
                Some(error)
            }
            _ => None,
        }
    }

    /// Reads the error pipe of a launching worker; `true` if its program runs.
    /// A pipe that ends before the word of readiness belonged to a child that
    /// somebody killed, which shows with the pidfd.
    pub(crate) fn read_launch_report(&mut self) -> bool {
        let Some(error) = self.error_pipe() else { return false };
        match read_report(error) {
            Report::Ended => return self.report == Report::Prepared,
            Report::Nothing => {}
            told => self.report = told,
        }
        false
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

    /// It should have reached its program by now.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        matches!(self.state, State::Launching { deadline, .. } if deadline <= now)
    }

    /// Kills it if a deadline of its own has passed.
    pub(crate) fn enforce_deadline(&mut self, now: Instant) {
        if self.is_ending() || self.deadline().is_none_or(|at| now < at) {
            return;
        }
        // A process that waits for a dead file server outlives its kill.
        if let Some((_, again)) = &mut self.stopping {
            *again = now + UNKILLABLE;
            self.kill();
        }
    }

    /// Reaps the process, which has ended, and begins to kill what it left.
    pub(crate) fn reap(&mut self) {
        if self.is_ending() {
            return;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let status = waitid(Id::PIDFd(self.pidfd.as_fd()), flags);
        // Nobody else reaps; if it cannot be waited for, it is gone.
        let status = status.unwrap_or(WaitStatus::Exited(self.pid, 255));
        let outcome = self.outcome(status);
        self.state = State::Ending { outcome, pause: BURIAL, again: Instant::now() };
        self.kill();
    }

    /// Its process has ended, reaped or not.
    pub(crate) fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::PIDFd(self.pidfd.as_fd()), flags);
        !matches!(status, Ok(WaitStatus::StillAlive) | Err(Errno::EINTR))
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
            State::Launching { .. } => Err(self
                .stopping
                .map_or_else(|| self.report.refusal(), |(reason, _)| reason.refusal().into())),
            _ => Ok(exit),
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
