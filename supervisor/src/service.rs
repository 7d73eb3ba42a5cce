//! The decisions: who gets a worker, who loses it, what the admin sees.
//!
//! Trust: requests come through [`control`](crate::control) and
//! [`admin`](crate::admin), whose peers were checked. Every decision here is
//! audited before or as it takes effect.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gaggle_ipc::control::{
    ControlReply, ControlRequest, MAX_LISTED, Refusal, RefusalCode, StopReason, WorkerExit,
};
use gaggle_ipc::{MattermostUserId, WorkerId};

use crate::audit::{Audit, Event};
use crate::control::Connection;
use crate::launch::{Ground, launch};
use crate::log_pipe;
use crate::workers::{LaunchReport, Outcome, StartRates, State, Worker};
use gaggle_policy::account;
use gaggle_policy::configuration::Snapshot;

/// A worker whose frontend is gone ends by itself; so long it may take.
const GRACE_FRONTEND_GONE: Duration = Duration::from_secs(2);
/// On the way out, workers may end their turns in order for so long.
const GRACE_SHUTDOWN: Duration = Duration::from_secs(5);

/// Everything root keeps in mind.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) config_dir: PathBuf,
    pub(crate) ground: Ground,
    pub(crate) snapshot: Snapshot,
    /// Why the last reload did not take effect.
    pub(crate) stale: Option<String>,
    pub(crate) audit: Audit,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) frontend: Option<Connection>,
    pub(crate) started: u64,
    pub(crate) shutting_down: bool,
    next_worker: u64,
    rates: StartRates,
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Service {
    /// Makes the state of a supervisor that serves nobody yet.
    pub(crate) fn new(
        config_dir: PathBuf,
        ground: Ground,
        snapshot: Snapshot,
        audit: Audit,
    ) -> Self {
        Self {
            config_dir,
            ground,
            snapshot,
            stale: None,
            audit,
            workers: BTreeMap::new(),
            frontend: None,
            started: unix_now(),
            shutting_down: false,
            next_worker: 1,
            rates: StartRates::default(),
        }
    }

    /// Kills and removes what an earlier supervisor left. What does not die (a
    /// process that waits for a dead disk) is left alone, and so is its number.
    ///
    /// # Errors
    /// A sentence that names what could not be removed.
    pub(crate) fn clear_leftovers(&mut self) -> Result<(), String> {
        for leftover in self.ground.tree.leftovers()? {
            let name = &leftover.to_string();
            let removed = self.ground.tree.remove_leftover(leftover)?;
            self.audit.emit(&if removed {
                Event::LeftoverRemoved { name }
            } else {
                Event::LeftoverStuck { name }
            });
            self.next_worker = self.next_worker.max(leftover.0.saturating_add(1));
        }
        Ok(())
    }

    /// Answers one request of the frontend.
    pub(crate) fn answer(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Start { request, user } => self.answer_start(request, user),
            ControlRequest::Stop { request, worker } => {
                self.stop(worker, StopReason::Requested, Duration::ZERO);
                self.reply(&ControlReply::Stopping { request, worker });
            }
            ControlRequest::List { request } => {
                let workers = self.workers.keys().copied().take(MAX_LISTED).collect();
                self.reply(&ControlReply::Workers { request, workers });
            }
        }
    }

    fn answer_start(&mut self, request: u32, user: MattermostUserId) {
        let known = self.workers.values().find(|worker| worker.user == user);
        if let Some(worker) = known
            && matches!(worker.state, State::Running)
            && !worker.is_stopping()
        {
            let worker = worker.id;
            self.reply(&ControlReply::Running { request, worker });
            return;
        }
        if let Err(refusal) = self.start(request, user) {
            let account = self.snapshot.person(user).ok().map(|p| p.account.name.clone());
            let account = account.as_ref().map(gaggle_ipc::AccountName::as_str);
            self.audit.emit(&Event::StartRefused { user, account, refusal });
            self.reply(&ControlReply::Refused { request, refusal });
        }
    }

    fn start(&mut self, request: u32, user: MattermostUserId) -> Result<(), Refusal> {
        if self.shutting_down {
            return Err(RefusalCode::ShuttingDown.into());
        }
        // One worker per person, even while an earlier one is being buried.
        if self.workers.values().any(|worker| worker.user == user) {
            return Err(RefusalCode::Busy.into());
        }
        let person = self.snapshot.person(user)?;
        if self.workers.len() >= usize::from(self.snapshot.settings.max_workers) {
            return Err(RefusalCode::TooManyWorkers.into());
        }
        let own_entry = self.snapshot.people.contains_key(&user).then_some(user);
        if !self.rates.admit(own_entry, Instant::now()) {
            return Err(RefusalCode::StartRate.into());
        }
        let account = &person.account;
        let recorded = self.audit.emit(&Event::StartAttempt { user, account: &account.name });
        if !recorded && self.snapshot.settings.require_journal {
            return Err(RefusalCode::AuditUnavailable.into());
        }
        let id = WorkerId(self.next_worker);
        // Also for a failed launch: no number is ever used twice.
        self.next_worker += 1;
        let launched = launch(&self.ground, &self.snapshot.settings, person, id)?;
        self.workers.insert(id, Worker::new(id, user, person, request, launched, unix_now()));
        Ok(())
    }

    /// Acts on what a launching worker's error pipe says.
    pub(crate) fn follow_launch(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.read_launch_report() != LaunchReport::ProgramRuns {
            return;
        }
        let state = std::mem::replace(&mut worker.state, State::Running);
        let State::Launching { request, frontend_end, .. } = state else {
            return;
        };
        let (user, account, uid) = (worker.user, worker.account.clone(), worker.uid.as_raw());
        let (pid, profile, shared) = (worker.pid.as_raw(), worker.profile, worker.shared);
        self.audit.emit(&Event::WorkerStarted { user, account: &account, worker: id, uid, pid });
        let started = ControlReply::Started { request, worker: id, account, profile, shared };
        // Our copy of the frontend's end closes here: root keeps none.
        let delivered =
            self.frontend.as_ref().is_some_and(|f| f.send(&started, Some(&frontend_end)));
        if !delivered {
            self.frontend_gone();
        }
    }

    /// Stops one worker.
    pub(crate) fn stop(&mut self, id: WorkerId, reason: StopReason, grace: Duration) {
        if let Some(worker) = self.workers.get_mut(&id)
            && !worker.is_stopping()
        {
            worker.stop(reason, grace);
            let user = worker.user;
            self.audit.emit(&Event::WorkerStopping { worker: id, user, reason });
        }
    }

    /// Tells about workers that are gone, and forgets them.
    pub(crate) fn bury(&mut self) {
        let mut gone = Vec::new();
        for worker in self.workers.values_mut() {
            worker.reap();
            if let Some(outcome) = worker.finish() {
                gone.push((worker.id, outcome));
            }
        }
        for (id, outcome) in gone {
            // Its last words, which nobody can add to any more.
            for _ in 0..log_pipe::READS_OF_A_FULL_PIPE {
                self.record_output(id);
            }
            if let Some(worker) = self.workers.remove(&id) {
                self.tell_end(&worker, outcome);
            }
        }
    }

    /// Records what a worker wrote, as much as one read brings.
    pub(crate) fn record_output(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(log) = &mut worker.log else { return };
        let read = log.read(Instant::now());
        if read.ended {
            worker.log = None;
        }
        for line in &read.lines {
            let account = &worker.account;
            self.audit.emit(&Event::WorkerOutput { worker: id, account, line });
        }
    }

    fn tell_end(&mut self, worker: &Worker, outcome: Outcome) {
        let (user, account) = (worker.user, &worker.account);
        match outcome {
            Outcome::NotStarted { request, refusal } => {
                let account = Some(account.as_str());
                self.audit.emit(&Event::StartRefused { user, account, refusal });
                // To another frontend its number could mean another request.
                if !worker.orphaned {
                    self.reply(&ControlReply::Refused { request, refusal });
                }
            }
            Outcome::Exited(exit) => {
                if let WorkerExit::SandboxRefused(step) = exit {
                    self.audit.emit(&Event::SandboxRefused {
                        worker: worker.id,
                        user,
                        account,
                        step,
                    });
                }
                self.audit.emit(&Event::WorkerExited { worker: worker.id, user, account, exit });
                self.reply(&ControlReply::Exited { worker: worker.id, exit });
            }
        }
    }

    /// Sends to the frontend; one that does not read is dropped.
    fn reply(&mut self, reply: &ControlReply) {
        if self.frontend.as_ref().is_some_and(|frontend| !frontend.send(reply, None)) {
            self.frontend_gone();
        }
    }

    /// Forgets the frontend and stops what was started for it.
    pub(crate) fn frontend_gone(&mut self) {
        if self.frontend.take().is_some() {
            self.audit.emit(&Event::FrontendGone);
        }
        for worker in self.workers.values_mut() {
            worker.orphaned = true;
        }
        let ids: Vec<_> = self.workers.keys().copied().collect();
        for id in ids {
            self.stop(id, StopReason::FrontendGone, GRACE_FRONTEND_GONE);
        }
    }

    /// Begins to stop everything.
    pub(crate) fn shut_down(&mut self) {
        if self.shutting_down {
            return;
        }
        self.shutting_down = true;
        self.audit.emit(&Event::Stopping);
        let ids: Vec<_> = self.workers.keys().copied().collect();
        for id in ids {
            self.stop(id, StopReason::ShuttingDown, GRACE_SHUTDOWN);
        }
    }

    /// Reads the configuration again; on failure the present one stays.
    pub(crate) fn reload(&mut self) {
        let loaded = Snapshot::load(&self.config_dir)
            .and_then(|snapshot| self.ground.check_programs(&snapshot.settings).map(|()| snapshot));
        match loaded {
            Ok(snapshot) => {
                self.snapshot = snapshot;
                self.stale = None;
                self.audit_configuration();
                self.stop_unmapped();
            }
            Err(why) => {
                self.audit.emit(&Event::ConfigurationRefused { why: &why });
                self.stale = Some(why);
            }
        }
        // A broken file does not hold up the admin's off-switch.
        self.stop_expired();
    }

    /// Records what is in force and each entry that is not.
    pub(crate) fn audit_configuration(&mut self) {
        let (usable, refused) = (self.snapshot.people.len(), self.snapshot.bad.len());
        self.audit.emit(&Event::ConfigurationLoaded { usable, refused });
        for bad in &self.snapshot.bad {
            let (key, account, why) = (&*bad.key, &*bad.account, &*bad.problem);
            self.audit.emit(&Event::EntryRefused { key, account, why });
        }
    }

    fn stop_unmapped(&mut self) {
        let changed = |worker: &&Worker| {
            self.snapshot.person(worker.user).ok().is_none_or(|person| {
                person.account.name != worker.account || person.account.uid != worker.uid
            })
        };
        let ids: Vec<_> = self.workers.values().filter(changed).map(|worker| worker.id).collect();
        for id in ids {
            self.stop(id, StopReason::MappingChanged, Duration::ZERO);
        }
    }

    /// Once a minute: changed files, expired and vanished accounts.
    pub(crate) fn minute(&mut self) {
        self.rates.prune(Instant::now());
        if self.snapshot.is_outdated() {
            self.reload();
        } else {
            self.stop_expired();
        }
    }

    fn stop_expired(&mut self) {
        let expired = |worker: &&Worker| {
            let gone =
                matches!(account::look_up(&worker.account), Err(RefusalCode::AccountUnknown));
            let person = self.snapshot.person(worker.user).ok();
            // Where nobody can tell, who is at work stays; starts are refused.
            gone || person.is_some_and(|p| account::is_expired(&p.account).unwrap_or(false))
        };
        let ids: Vec<_> = self.workers.values().filter(expired).map(|worker| worker.id).collect();
        for id in ids {
            self.stop(id, StopReason::AccountExpired, Duration::ZERO);
        }
    }
}
