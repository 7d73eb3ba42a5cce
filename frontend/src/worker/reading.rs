//! Takes in what a worker says until it is gone, or is given up.
//!
//! Trust: none. A worker that breaks the protocol, stops working or cannot be
//! written to is stopped by root; how much of this process's time one of them
//! takes is bounded. Whether a worker has ended root says, not its socket: the
//! other end of that may be in anybody's hands.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::WorkerId;
use gaggle_ipc::channel::{ChannelError, FrontendEnd};
use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::session::FromWorker;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::files::{Files, Told};
use super::routes::Routes;
use super::turns::{Place, Turns};
use super::{EXIT_DEADLINE, End};
use crate::supervisor::Supervisor;

/// What a worker that has ended said last is read at most for so long.
const LAST_FRAMES: Duration = Duration::from_secs(3);
/// Most frames taken in one span. A worker joins text that waits, so an honest
/// one sends a tenth of that; whoever sends more waits.
const SPAN_FRAMES: u32 = 200;
const SPAN: Duration = Duration::from_millis(100);
/// Most frames that belong nowhere before a worker is given up.
pub(super) const MAX_STRAY: u32 = 16;

/// What the reading of one worker needs.
pub(super) struct Reading {
    pub(super) worker: WorkerId,
    pub(super) supervisor: Supervisor,
    pub(super) channel: Arc<FrontendEnd>,
    pub(super) routes: Arc<Routes>,
    pub(super) turns: Arc<Turns>,
    pub(super) files: Arc<Files>,
    /// Somebody could not write to it.
    pub(super) deaf: Arc<Notify>,
}

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("its socket ended")]
    Ended,
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("it sent more than {MAX_STRAY} frames about turns that are not under way")]
    Stray,
    #[error("it let a turn wait without working on another")]
    Idle,
    #[error("it does not read what is sent to it")]
    Deaf,
}

impl Reading {
    /// Reads to the end, sees to it that the worker is gone, and tells how it ended.
    pub(super) async fn run(
        self,
        mut exit: oneshot::Receiver<WorkerExit>,
        told: watch::Sender<Option<End>>,
    ) {
        let mut frames = pin!(self.frames());
        let (over, known) = tokio::select! {
            over = &mut frames => (over, None),
            () = self.turns.overdue() => (Over::Idle, None),
            () = self.deaf.notified() => (Over::Deaf, None),
            end = &mut exit => {
                // What it said before is still on its way.
                let last = tokio::time::timeout(LAST_FRAMES, &mut frames).await;
                (last.unwrap_or(Over::Ended), Some(end.ok()))
            }
        };
        self.routes.close();
        self.files.close();
        let end = match known {
            Some(end) => end,
            None => self.see_it_gone(&over, exit).await,
        };
        tracing::info!(worker = %self.worker, exit = ?end, "worker gone");
        let _ = told.send(Some(end));
    }

    async fn see_it_gone(&self, over: &Over, mut exit: oneshot::Receiver<WorkerExit>) -> End {
        if matches!(over, Over::Ended) {
            let end = tokio::time::timeout(EXIT_DEADLINE, &mut exit).await;
            if let Ok(end) = end {
                return end.ok();
            }
        }
        tracing::warn!(worker = %self.worker, why = %over, "worker given up");
        self.supervisor.stop(self.worker).await;
        let end = tokio::time::timeout(EXIT_DEADLINE, exit).await;
        end.ok().and_then(Result::ok)
    }

    async fn frames(&self) -> Over {
        let mut pace = Pace::new();
        let mut stray = 0;
        loop {
            let frame = match self.channel.receive().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Over::Ended,
                Err(error) => return error.into(),
            };
            let known = match frame {
                FromWorker::File { thread, turn, file, news } => {
                    match self.files.place(thread, turn, file, &news) {
                        Told::Route(route) => {
                            // One that was given up is heard by nobody.
                            let _ = route.send((file, news)).await;
                            true
                        }
                        Told::Nowhere => false,
                    }
                }
                frame => match self.turns.place(&frame) {
                    Place::Thread(thread) => {
                        self.routes.deliver(thread, frame).await;
                        true
                    }
                    Place::Nowhere => false,
                },
            };
            if !known {
                if stray == MAX_STRAY {
                    return Over::Stray;
                }
                stray += 1;
            }
            pace.keep().await;
        }
    }
}

/// How much was taken in the present span.
struct Pace {
    until: Instant,
    taken: u32,
}

impl Pace {
    fn new() -> Self {
        Self { until: Instant::now() + SPAN, taken: 0 }
    }

    /// Counts a frame, and waits for the next span when this one is full.
    async fn keep(&mut self) {
        self.taken += 1;
        if self.taken < SPAN_FRAMES && Instant::now() < self.until {
            return;
        }
        if self.taken >= SPAN_FRAMES {
            tokio::time::sleep_until(self.until).await;
        }
        *self = Self::new();
    }
}
