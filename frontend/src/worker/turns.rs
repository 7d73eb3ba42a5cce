//! Which turns a worker has been given, and how far it is with each.
//!
//! Trust: a worker may say anything; what it says of a turn that it was not
//! given, or that is over, is not passed on. A worker that lets a turn wait
//! while it has nothing else to do has stopped working.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use gaggle_ipc::session::FromWorker;
use gaggle_ipc::{ThreadId, TurnId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a worker without a running turn may let one wait. Goose has a minute
/// for each request while its session is opened; three such minutes are no start.
pub(super) const START_LIMIT: Duration = Duration::from_secs(180);

/// The turns under way.
#[derive(Debug)]
pub(super) struct Turns {
    table: Mutex<Table>,
    /// A turn was given or ended, so that another one may be due now.
    changed: Notify,
}

#[derive(Debug)]
struct Table {
    given: HashMap<TurnId, Given>,
    /// When a turn last came, began or ended.
    moved: Instant,
}

#[derive(Debug)]
struct Given {
    thread: ThreadId,
    step: Step,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Waits,
    /// Goose has a session for it.
    Ready,
    Runs,
}

/// Where a frame belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To this thread.
    Thread(ThreadId),
    /// Nowhere: it is about a turn that is not under way, or comes twice.
    Nowhere,
}

impl Turns {
    pub(super) fn new() -> Self {
        let table = Table { given: HashMap::new(), moved: Instant::now() };
        Self { table: Mutex::new(table), changed: Notify::new() }
    }

    /// A prompt is about to be sent.
    pub(super) fn give(&self, thread: ThreadId, turn: TurnId) {
        if let Ok(mut table) = self.table.lock() {
            table.given.insert(turn, Given { thread, step: Step::Waits });
            table.moved = Instant::now();
        }
        self.changed.notify_one();
    }

    /// Takes note of a frame.
    pub(super) fn place(&self, frame: &FromWorker) -> Place {
        let Ok(mut table) = self.table.lock() else {
            return Place::Nowhere;
        };
        match frame {
            // Files have numbers of their own.
            FromWorker::Hello(_)
            | FromWorker::Probed { .. }
            | FromWorker::ProbeEnded { .. }
            | FromWorker::File { .. } => Place::Nowhere,
            // Each is written to the ledger.
            FromWorker::ThreadReady { thread, .. } => table.ready(*thread),
            FromWorker::Usage { thread, .. } | FromWorker::ThreadClosed { thread } => {
                Place::Thread(*thread)
            }
            FromWorker::TurnStarted { thread, turn } => table.begin(*thread, *turn),
            FromWorker::Delta { thread, turn, .. }
            | FromWorker::Tool { thread, turn, .. }
            | FromWorker::PermissionAsk { thread, turn, .. }
            | FromWorker::OutboxFilled { thread, turn }
            | FromWorker::Notice { thread, turn, .. }
            | FromWorker::Spent { thread, turn, .. } => table.running(*thread, *turn),
            FromWorker::TurnEnded { thread, turn, .. } => {
                self.changed.notify_one();
                table.end(*thread, *turn)
            }
        }
    }

    /// Returns when a turn has waited too long. Safe to cancel.
    pub(super) async fn overdue(&self) {
        loop {
            let Some(at) = self.deadline() else {
                self.changed.notified().await;
                continue;
            };
            tokio::time::sleep_until(at).await;
            if self.deadline().is_some_and(|at| at <= Instant::now()) {
                return;
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let table = self.table.lock().ok()?;
        // The silence of a turn that runs is the business of whoever follows it.
        let waits =
            !table.given.is_empty() && table.given.values().all(|given| given.step != Step::Runs);
        waits.then(|| table.moved + START_LIMIT)
    }
}

impl Table {
    fn ready(&mut self, thread: ThreadId) -> Place {
        let mut given = self.given.values_mut();
        match given.find(|given| given.thread == thread && given.step == Step::Waits) {
            Some(given) => {
                given.step = Step::Ready;
                Place::Thread(thread)
            }
            None => Place::Nowhere,
        }
    }

    fn begin(&mut self, thread: ThreadId, turn: TurnId) -> Place {
        match self.given.get_mut(&turn) {
            Some(given) if given.thread == thread && given.step != Step::Runs => {
                given.step = Step::Runs;
                self.moved = Instant::now();
                Place::Thread(thread)
            }
            _ => Place::Nowhere,
        }
    }

    fn running(&self, thread: ThreadId, turn: TurnId) -> Place {
        match self.given.get(&turn) {
            Some(given) if given.thread == thread && given.step == Step::Runs => {
                Place::Thread(thread)
            }
            _ => Place::Nowhere,
        }
    }

    fn end(&mut self, thread: ThreadId, turn: TurnId) -> Place {
        match self.given.get(&turn) {
            Some(given) if given.thread == thread => {
                self.given.remove(&turn);
                self.moved = Instant::now();
                Place::Thread(thread)
            }
            _ => Place::Nowhere,
        }
    }
}
