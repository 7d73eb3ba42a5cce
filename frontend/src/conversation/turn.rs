//! One turn, from its job to its end.
//!
//! Trust: frames come from the worker of the person who asked. A prompt is noted
//! in the ledger as sent before it is; from then on nobody knows what it has
//! done, and it is not run again by itself unless the worker vouches that
//! nothing happened.

mod ending;
mod failures;
mod frames;
mod opening;
mod sending;
mod spending;

use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::TurnId;
use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::session::{Before, FailureKind, GooseMode, ToWorker, TurnEnd};
use tokio::sync::watch;
use tokio::time::Instant;

use super::files::{Brought, Outgoing};
use super::prompt::Composed;
use super::{Inner, Job, Past, Stop};
use crate::render::Phase;
use crate::state::{Outcome, StateError, Told};
use crate::worker::{Route, Worker, WorkerError};
use failures::Failures;
pub(super) use failures::Refused;
use sending::SendError;
use spending::Spending;

/// How long a worker may take to end a turn that was cancelled; it needs half
/// of that for the worst Goose.
pub(super) const CANCEL_DEADLINE: Duration = Duration::from_secs(12);
/// How much longer than Goose a worker may be silent.
const SILENCE_SLACK: Duration = Duration::from_secs(60);
/// How often a turn is tried that certainly did nothing.
const TRIES: u32 = 3;

/// How a turn ended, all things considered.
#[derive(Debug)]
enum End {
    /// The worker said so.
    Said(TurnEnd),
    /// There is no worker.
    NotStarted(WorkerError),
    /// The worker ended in the middle.
    WorkerGone(Option<WorkerExit>),
    /// The worker did not react and was stopped.
    Silent,
    /// Ended because too much of it failed; what the person is asked.
    GaveUp(String),
    /// Stopped before it was sent.
    Unsent(Stop),
    /// Nothing of what was attached could be taken, and there is no text.
    Nothing,
    /// The ledger failed.
    Ledger(StateError),
}

struct Turn<'a> {
    inner: &'a Arc<Inner>,
    job: &'a mut Job,
    before: Before,
    /// What Goose knew of the thread before this turn.
    told: Told,
    /// What it is sent.
    composed: Option<Composed>,
    /// It no longer had what was before.
    lost: bool,
    /// Goose may have seen the prompt.
    sent: bool,
    /// Goose died once without a trace.
    crashed: bool,
    /// Questions it has asked.
    asks: u32,
    /// The mode of the conversation.
    mode: GooseMode,
    failures: Failures,
    gave_up: bool,
    spending: Spending,
    began: Instant,
    /// The prompt, once its files are where the agent works.
    brought: Option<Brought>,
    /// Who answers.
    worker: Option<Arc<Worker>>,
    /// The agent may have left files for the person.
    filled: bool,
}

/// What became of one try.
enum Tried {
    /// That is how it is.
    Over(End),
    /// It did nothing, and another try is worth it.
    Again(End),
}

/// What a turn means for its thread.
pub(super) struct Ran {
    /// How the next turn has to take it.
    pub(super) past: Past,
    /// The person has a worker.
    pub(super) served: bool,
    /// What is to be sent once the answer stands.
    pub(super) outgoing: Option<Outgoing>,
}

/// Runs `job` to its end.
pub(super) async fn run(inner: &Arc<Inner>, mut job: Job, past: Past) -> Ran {
    let began = Instant::now();
    let live = inner.live();
    let bearings = match inner.state.bearings(job.turn).await {
        Ok(bearings) => bearings,
        Err(error) => {
            ending::tell(inner, &job, End::Ledger(error), began);
            return Ran { past, served: true, outgoing: None };
        }
    };
    let past = bearings.past(past, &job);
    let mode = live.mode_of(bearings.choice.mode);
    let asks = live.tools.goose_mode(mode, job.address.audience()) != GooseMode::Auto;
    let failures = Failures::new(live.tools.max_failures, asks);
    let mut turn = Turn {
        inner,
        job: &mut job,
        before: past.before,
        told: past.told,
        composed: None,
        lost: false,
        sent: false,
        crashed: false,
        asks: 0,
        mode,
        failures,
        gave_up: false,
        spending: Spending::default(),
        began,
        brought: None,
        worker: None,
        filled: false,
    };
    let mut tries = 0;
    let end = loop {
        tries += 1;
        match turn.attempt().await {
            Tried::Over(end) => break end,
            Tried::Again(end) if tries >= TRIES => break end,
            Tried::Again(_) => turn.job.view.send_modify(crate::render::Transcript::restart),
        }
    };
    let end = match end {
        End::Said(TurnEnd::Cancelled) if turn.gave_up => End::GaveUp(turn.failures.question()),
        end => end,
    };
    let before = match &end {
        End::Said(TurnEnd::Failed(_)) | End::WorkerGone(_) | End::Silent => Before::Interrupted,
        End::Said(_) | End::GaveUp(_) => Before::Complete,
        // Goose never saw this one, so what was before still is.
        _ => turn.before,
    };
    if let Err(error) = turn.record_spending().await {
        inner.fail(error);
    }
    let (began, lost, composed) = (turn.began, turn.lost, turn.composed.take());
    let served = !matches!(end, End::NotStarted(_));
    // In the ledger before the answer stands: a kill in between must not lose them.
    let outgoing = match turn.outgoing(&end).await {
        Ok(outgoing) => outgoing,
        Err(error) => {
            inner.fail(error);
            None
        }
    };
    let answered = ending::tell(inner, &job, end, began) == Some(Outcome::Complete);
    // As the ledger will have it, which the delivery may not have told yet.
    let told = match composed {
        _ if lost => Told { anew: Some(job.turn), ..Told::default() },
        Some(composed) if answered => composed.told,
        _ => past.told,
    };
    Ran { past: Past { before, told }, served, outgoing }
}

impl Turn<'_> {
    async fn attempt(&mut self) -> Tried {
        let stop = *self.job.stop.borrow();
        if stop != Stop::No {
            return Tried::Over(End::Unsent(stop));
        }
        // Read while the worker starts.
        let composed = self.compose();
        let (worker, composed) = match tokio::try_join!(self.worker(), composed) {
            Ok(both) => both,
            Err(end) => return Tried::Over(end),
        };
        self.composed = Some(composed);
        let Some(mut route) = worker.route(self.job.key.thread) else {
            return Tried::Again(End::WorkerGone(None));
        };
        if self.brought.is_none() {
            let mut stop = self.job.stop.clone();
            let brought = tokio::select! {
                brought = self.inner.bring(self.job, &worker) => brought,
                stop = stopped(&mut stop) => return Tried::Over(End::Unsent(stop)),
            };
            match brought {
                Ok(brought) if !brought.any => return Tried::Over(End::Nothing),
                Ok(brought) => self.brought = Some(brought),
                Err(_) => return Tried::Again(End::WorkerGone(None)),
            }
        }
        self.worker = Some(worker.clone());
        let wire = self.inner.wire_turn();
        match self.send(&worker, wire).await {
            Ok(()) => {}
            // The packet that failed is one that the worker never got.
            Err(SendError::Worker) => return Tried::Again(End::WorkerGone(None)),
            Err(SendError::Ledger(error)) => return Tried::Over(End::Ledger(error)),
        }
        self.follow(&worker, &mut route, wire).await
    }

    /// The person's worker. Nothing is shown until it is clear that they may
    /// have one, unless that takes long.
    async fn worker(&mut self) -> Result<Arc<Worker>, End> {
        let view = self.job.view.clone();
        let work = || {
            view.send_if_modified(|transcript| {
                let waits = matches!(transcript.phase, Phase::Held | Phase::Queued);
                if waits {
                    transcript.phase = Phase::Working(Instant::now());
                }
                waits
            });
        };
        if self.job.view.borrow().phase == Phase::Queued {
            work();
        }
        let hold = tokio::time::sleep(self.inner.pace.hold);
        tokio::pin!(hold);
        let get = self.inner.workers.get(self.job.key.user);
        tokio::pin!(get);
        let mut held = true;
        loop {
            tokio::select! {
                got = &mut get => {
                    let worker = got.map_err(End::NotStarted)?;
                    work();
                    return Ok(worker);
                }
                () = &mut hold, if held => {
                    held = false;
                    work();
                }
                stop = stopped(&mut self.job.stop) => return Err(End::Unsent(stop)),
            }
        }
    }

    /// Takes the turn's frames until it is over.
    async fn follow(&mut self, worker: &Arc<Worker>, route: &mut Route, turn: TurnId) -> Tried {
        let silence = self.inner.workers.silence() + SILENCE_SLACK;
        // A turn may wait long for a free Goose; once it runs, silence is limited.
        let mut deadline: Option<Instant> = None;
        let mut cancelled = false;
        let (thread, mut stop) = (self.job.key.thread, self.job.stop.clone());
        loop {
            let late = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frame = route.next() => {
                    let Some(frame) = frame else {
                        return Tried::Over(End::WorkerGone(worker.end().await));
                    };
                    match self.take(worker, turn, frame).await {
                        frames::Taken::Ended(end) => return self.ended(end, cancelled),
                        frames::Taken::Ledger(error) => return Tried::Over(End::Ledger(error)),
                        frames::Taken::Enough if !cancelled => {
                            (cancelled, self.gave_up) = (true, true);
                            deadline = Some(Instant::now() + CANCEL_DEADLINE);
                            let _ = worker.send(&ToWorker::Cancel { thread, turn }).await;
                        }
                        frames::Taken::Running if !cancelled => {
                            deadline = Some(Instant::now() + silence);
                        }
                        frames::Taken::Running
                        | frames::Taken::Waiting
                        | frames::Taken::Enough => {}
                    }
                }
                _ = stopped(&mut stop), if !cancelled => {
                    cancelled = true;
                    deadline = Some(Instant::now() + CANCEL_DEADLINE);
                    // A worker that is gone shows at the route.
                    let _ = worker.send(&ToWorker::Cancel { thread, turn }).await;
                }
                () = late => {
                    // A person may take their time.
                    if self.inner.approvals.waits(self.job.turn) && !cancelled {
                        deadline = Some(Instant::now() + silence);
                        continue;
                    }
                    tracing::warn!(turn = %self.job.turn, worker = %worker.id, "worker does not react");
                    self.inner.workers.stop(worker).await;
                    return Tried::Over(End::Silent);
                }
            }
        }
    }

    /// What the agent left for the person. A turn that was stopped sends nothing: what
    /// is there goes with the next answer.
    async fn outgoing(&self, end: &End) -> Result<Option<Outgoing>, StateError> {
        let sends = match end {
            End::Said(TurnEnd::Cancelled) => false,
            End::Said(_) | End::GaveUp(_) => self.inner.live().files.send,
            _ => false,
        };
        let Some(worker) = self.worker.clone().filter(|_| sends && self.filled) else {
            return Ok(None);
        };
        self.inner.state.files_due(self.job.turn).await?;
        let (stands, stop) = (self.job.stands.clone(), self.job.stop.clone());
        Ok(Some(Outgoing { key: self.job.key, worker, stands, stop }))
    }

    /// Goose died while its worker lived, and the worker saw no sign of work.
    fn ended(&mut self, end: TurnEnd, cancelled: bool) -> Tried {
        let again = match &end {
            TurnEnd::Failed(failure) => {
                let dead = matches!(
                    failure.kind,
                    FailureKind::GooseCrashed | FailureKind::GooseUnavailable
                );
                dead && !failure.may_have_acted && !cancelled
            }
            _ => false,
        };
        if again && !self.crashed {
            self.crashed = true;
            self.before = Before::Interrupted;
            return Tried::Again(End::Said(end));
        }
        Tried::Over(End::Said(end))
    }
}

/// Waits until the turn is to be stopped.
pub(super) async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    // Whoever could stop it is gone: so is the reason to go on.
    stop.wait_for(|stop| *stop != Stop::No).await.map_or(Stop::Gone, |stop| *stop)
}
