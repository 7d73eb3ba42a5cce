//! The decisions: who gets a worker, how it is stopped, who is told.
//!
//! Trust: requests come over [`connection`](crate::connection)s whose peers were
//! checked. Every decision here is audited before or as it takes effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gaggle_ipc::admin::AdminReply;
use gaggle_ipc::control::{
    ControlReply, ControlRequest, MAX_LISTED, Refusal, RefusalCode, StopReason, WorkerExit,
};
use gaggle_ipc::{MattermostUserId, WorkerId};
use gaggle_policy::configuration::Snapshot;

use crate::audit::{self, Audit, record};
use crate::connection::Connection;
use crate::forked::Question;
use crate::log_pipe;
use crate::workers::{Outcome, Requester, State, Worker};
use gaggle_launch::launch::{Ground, launch};
use gaggle_policy::admission::Admission;

/// A worker whose frontend is gone ends by itself; so long it may take.
const GRACE_FRONTEND_GONE: Duration = Duration::from_secs(2);

/// Everything root keeps in mind.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) ground: Ground,
    pub(crate) snapshot: Snapshot,
    /// Why the last reload did not take effect.
    pub(crate) stale: Option<String>,
    pub(crate) audit: Audit,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) frontend: Option<Connection>,
    pub(crate) admins: BTreeMap<u64, Connection>,
    pub(crate) started: u64,
    pub(crate) shutting_down: bool,
    pub(crate) lockdown: bool,
    pub(crate) admission: Admission,
    /// The look at files and accounts that is under way.
    pub(crate) review: Option<Question>,
    /// Once it is done, everything is to be read again.
    pub(crate) reload_next: bool,
    /// Admins who wait for a reload.
    pub(crate) reloaders: BTreeSet<u64>,
    pub(crate) next_worker: u64,
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Service {
    /// Makes the state of a supervisor that serves nobody yet.
    pub(crate) fn new(ground: Ground, snapshot: Snapshot) -> Self {
        Self {
            ground,
            snapshot,
            stale: None,
            audit: Audit::new(),
            workers: BTreeMap::new(),
            frontend: None,
            admins: BTreeMap::new(),
            started: unix_now(),
            shutting_down: false,
            lockdown: false,
            admission: Admission::default(),
            review: None,
            reload_next: false,
            reloaders: BTreeSet::new(),
            next_worker: 1,
        }
    }

    /// Kills and removes what an earlier supervisor left. What does not die (a
    /// process that waits for a dead disk) is left alone, and so is its number.
    ///
    /// # Errors
    /// A sentence that names what could not be removed.
    pub(crate) fn clear_leftovers(&mut self) -> Result<(), String> {
        for leftover in self.ground.tree.leftovers()? {
            let removed = self.ground.tree.remove_leftover(leftover)?;
            let kind = if removed { &audit::LEFTOVER_REMOVED } else { &audit::LEFTOVER_STUCK };
            self.audit.emit(kind, &[("CGROUP", &leftover)]);
            self.next_worker = self.next_worker.max(leftover.0.saturating_add(1));
        }
        Ok(())
    }

    /// Answers one request of the frontend.
    pub(crate) fn answer(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Start { request, user } => {
                let known = self.workers.values().find(|worker| {
                    worker.user == user
                        && matches!(worker.requester, Requester::Frontend(_))
                        && matches!(worker.state, State::Running)
                        && !worker.is_stopping()
                });
                if let Some(worker) = known.map(|worker| worker.id) {
                    self.reply(&ControlReply::Running { request, worker });
                } else if let Err(refusal) = self.start(user, Requester::Frontend(request)) {
                    self.reply(&ControlReply::Refused { request, refusal });
                }
            }
            ControlRequest::Stop { request, worker } => {
                // What an admin tries is none of the frontend's.
                if self.workers.get(&worker).is_some_and(|found| !found.requester.is_admin()) {
                    self.stop(worker, StopReason::Requested, Duration::ZERO);
                }
                self.reply(&ControlReply::Stopping { request, worker });
            }
            ControlRequest::List { request } => {
                let its = self.workers.values().filter(|worker| !worker.requester.is_admin());
                let workers = its.map(|worker| worker.id).take(MAX_LISTED).collect();
                self.reply(&ControlReply::Workers { request, workers });
            }
        }
    }

    /// Starts a worker; a refusal is recorded.
    ///
    /// # Errors
    /// The refusal, to be told.
    pub(crate) fn start(
        &mut self,
        user: MattermostUserId,
        requester: Requester,
    ) -> Result<(), Refusal> {
        let started = self.try_start(user, requester);
        if let Err(refusal) = started {
            let account = self.snapshot.person(user).ok().map(|p| p.account.name.to_string());
            self.record_refusal(user, &account.unwrap_or_default(), refusal);
        }
        started
    }

    fn try_start(&mut self, user: MattermostUserId, requester: Requester) -> Result<(), Refusal> {
        let settings = &self.snapshot.settings;
        let probe = requester.is_admin();
        if self.shutting_down {
            return Err(RefusalCode::ShuttingDown.into());
        }
        // An admin who switched everything off may still try a sandbox.
        if self.lockdown && !probe {
            return Err(RefusalCode::Lockdown.into());
        }
        // One worker per person, even while an earlier one is being buried.
        let same = |worker: &Worker| worker.user == user && worker.requester.is_admin() == probe;
        if self.workers.values().any(same) {
            return Err(RefusalCode::Busy.into());
        }
        let person = self.snapshot.person(user)?;
        if settings.require_limits && !self.ground.tree.missing_controllers().is_empty() {
            return Err(RefusalCode::LimitsUnavailable.into());
        }
        if self.workers.len() >= usize::from(settings.max_workers) {
            return Err(RefusalCode::TooManyWorkers.into());
        }
        self.admission.admit(self.snapshot.own_entry(user), Instant::now())?;
        let recorded = record!(self.audit, START_ATTEMPT;
            USER: user, ACCOUNT: person.account.name, PROBE: if probe { "1" } else { "" });
        if !recorded && settings.require_journal {
            return Err(RefusalCode::AuditUnavailable.into());
        }
        let id = WorkerId(self.next_worker);
        // Also for a failed launch: no number is ever used twice.
        self.next_worker += 1;
        let launched = launch(&self.ground, settings, person, id)?;
        self.workers.insert(id, Worker::new(id, user, person, requester, launched, unix_now()));
        Ok(())
    }

    fn record_refusal(&mut self, user: MattermostUserId, account: &str, refusal: Refusal) {
        let step = refusal.step.map_or("", gaggle_ipc::launch::LaunchStep::name);
        let errno = if refusal.errno == 0 { String::new() } else { refusal.errno.to_string() };
        record!(self.audit, START_REFUSED;
            USER: user, ACCOUNT: account, REASON: refusal.code.name(), STEP: step, ERRNO: errno);
    }

    /// Acts on what a launching worker's error pipe says.
    pub(crate) fn follow_launch(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if !worker.read_launch_report() {
            return;
        }
        let State::Launching { peer_end, .. } =
            std::mem::replace(&mut worker.state, State::Running)
        else {
            return;
        };
        let (user, account, requester) = (worker.user, worker.account.clone(), worker.requester);
        let (profile, shared) = (worker.profile, worker.shared);
        let (uid, pid) = (worker.uid, worker.pid);
        record!(self.audit, WORKER_STARTED;
            USER: user, ACCOUNT: account, WORKER: id, UID: uid, PID: pid,
            PROBE: if requester.is_admin() { "1" } else { "" });
        match requester {
            // Our copy of the peer's end closes here: root keeps none.
            Requester::Frontend(request) => {
                let started =
                    ControlReply::Started { request, worker: id, account, profile, shared };
                let frontend = self.frontend.as_ref();
                if !frontend.is_some_and(|f| f.send(&started, Some(&peer_end))) {
                    self.frontend_gone();
                }
            }
            Requester::Admin(number) => match self.admins.get_mut(&number) {
                Some(admin) => {
                    let probing = AdminReply::Probing { worker: id, account, profile, shared };
                    admin.queue(&probing, Some(peer_end));
                    admin.queue(&AdminReply::Done, None);
                }
                None => self.stop(id, StopReason::FrontendGone, Duration::ZERO),
            },
            Requester::Nobody => {}
        }
    }

    /// Stops one worker.
    pub(crate) fn stop(&mut self, id: WorkerId, reason: StopReason, grace: Duration) {
        if let Some(worker) = self.workers.get_mut(&id)
            && !worker.is_stopping()
        {
            worker.stop(reason, grace);
            let user = worker.user;
            record!(self.audit, WORKER_STOPPING; WORKER: id, USER: user, REASON: reason.name());
        }
    }

    /// Stops those workers, and tells how many.
    pub(crate) fn stop_where(
        &mut self,
        chosen: impl Fn(&Self, &Worker) -> bool,
        reason: StopReason,
        grace: Duration,
    ) -> usize {
        let chosen = self.workers.values().filter(|w| !w.is_stopping() && chosen(self, w));
        let ids: Vec<_> = chosen.map(|worker| worker.id).collect();
        ids.iter().for_each(|id| self.stop(*id, reason, grace));
        ids.len()
    }

    /// Tells about workers that are gone, and forgets them.
    pub(crate) fn bury(&mut self) {
        let ended = self.workers.values().filter(|worker| worker.has_ended());
        for id in ended.map(|worker| worker.id).collect::<Vec<_>>() {
            // Its end may be seen before what it said on its way to the program: that
            // it was ready, and then that the program ran.
            [id; 2].into_iter().for_each(|id| self.follow_launch(id));
            self.workers.get_mut(&id).map(Worker::reap).unwrap_or_default();
        }
        let gone = self.workers.values_mut().filter_map(|w| Some((w.id, w.finish()?)));
        for (id, outcome) in gone.collect::<Vec<_>>() {
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
        let lines = worker.log.as_mut().and_then(|log| log.read(Instant::now()));
        if lines.is_none() {
            worker.log = None;
        }
        for line in lines.iter().flatten() {
            record!(self.audit, WORKER_OUTPUT;
                WORKER: id, ACCOUNT: worker.account, UNATTESTED: line);
        }
    }

    fn tell_end(&mut self, worker: &Worker, outcome: Outcome) {
        let (user, account, id) = (worker.user, &worker.account, worker.id);
        if !worker.requester.is_admin() {
            self.admission.ended(self.snapshot.own_entry(user), &outcome, worker.born.elapsed());
        }
        let exit = match outcome {
            Err(refusal) => {
                self.record_refusal(user, account.as_str(), refusal);
                match worker.requester {
                    Requester::Frontend(request) => {
                        self.reply(&ControlReply::Refused { request, refusal });
                    }
                    Requester::Admin(number) => {
                        self.tell_admin(number, vec![AdminReply::Refused(refusal)]);
                    }
                    Requester::Nobody => {}
                }
                return;
            }
            Ok(exit) => exit,
        };
        if let WorkerExit::SandboxRefused(step) = exit {
            record!(self.audit, SANDBOX_REFUSED;
                WORKER: id, USER: user, ACCOUNT: account, STEP: step.name());
        }
        record!(self.audit, WORKER_EXITED;
            WORKER: id, USER: user, ACCOUNT: account, REASON: exit);
        if matches!(worker.requester, Requester::Frontend(_)) {
            self.reply(&ControlReply::Exited { worker: id, exit });
        }
    }

    /// Gives an admin a whole answer; one that is gone needs none.
    pub(crate) fn tell_admin(&mut self, number: u64, mut replies: Vec<AdminReply>) {
        replies.push(AdminReply::Done);
        if let Some(admin) = self.admins.get_mut(&number) {
            replies.iter().for_each(|reply| admin.queue(reply, None));
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
            record!(self.audit, FRONTEND_GONE;);
        }
        let its = |worker: &Worker| matches!(worker.requester, Requester::Frontend(_));
        self.stop_where(|_, worker| its(worker), StopReason::FrontendGone, GRACE_FRONTEND_GONE);
        for worker in self.workers.values_mut().filter(|worker| its(worker)) {
            worker.requester = Requester::Nobody;
        }
    }
}
