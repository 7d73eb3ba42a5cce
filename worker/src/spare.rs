//! A Goose started ahead, with a new session in it, for a conversation that is
//! yet to begin: starting one takes most of the time until a first answer.
//!
//! It is made as any other, in a leaf and a domain of its own, takes one of the
//! slots, goes to one thread and never to a second, and is stopped when it is not
//! wanted: after the idle time, or when a thread needs its slot.
//!
//! Trust: none in it beyond any other Goose. What its session is given, the mode
//! above all, it is given by the thread that takes it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use gaggle_ipc::session::{Failure, FailureKind, GooseMode};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::sleep;

use crate::acp::error::failure;
use crate::acp::message::Message;
use crate::goose::{Event, Goose};
use crate::opening::{self, Opened};
use crate::stage::{Shared, serves};

/// One that waits for its thread.
#[derive(Debug)]
pub(crate) struct Made {
    /// The process.
    pub(crate) goose: Goose,
    /// The mode it was started for.
    pub(crate) made_for: GooseMode,
    /// Its new session, not yet in the workspace.
    pub(crate) opened: Opened,
    /// It passes images on to the model.
    pub(crate) images: bool,
    /// Its slot.
    pub(crate) slot: OwnedSemaphorePermit,
}

/// The way to the one that there is, if there is one.
#[derive(Debug)]
pub(crate) struct Spare {
    /// For which mode there is one, or is about to be.
    there: Cell<Option<GooseMode>>,
    wanted: Cell<Option<GooseMode>>,
    bell: Notify,
    takers: mpsc::Sender<oneshot::Sender<Made>>,
    queue: RefCell<Option<mpsc::Receiver<oneshot::Sender<Made>>>>,
}

impl Default for Spare {
    fn default() -> Self {
        let (takers, queue) = mpsc::channel(1);
        Self {
            there: Cell::new(None),
            wanted: Cell::new(None),
            bell: Notify::new(),
            takers,
            queue: RefCell::new(Some(queue)),
        }
    }
}

impl Spare {
    /// A conversation has begun: another one may.
    pub(crate) fn want(&self, mode: GooseMode) {
        self.wanted.set(Some(mode));
        self.bell.notify_one();
    }

    /// The spare Goose, if there is one that may be put in `mode`; waits for one
    /// that is just being started. Safe to cancel: it is stopped then.
    pub(crate) async fn take(&self, mode: GooseMode) -> Option<Made> {
        self.there.get().filter(|there| serves(*there, mode))?;
        // For the first who comes, and nobody after them.
        self.there.set(None);
        let (hand, handed) = oneshot::channel();
        self.takers.try_send(hand).ok()?;
        handed.await.ok()
    }
}

/// Keeps a spare whenever one is wanted, until it is dropped.
pub(crate) async fn keep(shared: &Shared) -> Infallible {
    let spare = &shared.spare;
    let queue = spare.queue.borrow_mut().take();
    let Some(mut takers) = queue else { return std::future::pending().await };
    loop {
        spare.bell.notified().await;
        let Some(mode) = spare.wanted.take().filter(|_| shared.settings.get().spare) else {
            continue;
        };
        let Some(slot) = shared.slots.take_for_spare().await else {
            continue;
        };
        spare.there.set(Some(mode));
        let taken = match make(shared, mode, slot).await {
            Ok(made) => hold(shared, made, &mut takers).await,
            // The thread that needs one tells the person why it cannot be had.
            Err(failure) => {
                tracing::warn!("no spare Goose: {}", failure.detail.as_str());
                false
            }
        };
        if !taken {
            // Who gave a slot back must not take it again for this.
            spare.wanted.set(None);
        }
        spare.there.set(None);
        // Who comes too late starts a Goose of their own.
        while takers.try_recv().is_ok() {}
    }
}

async fn make(
    shared: &Shared,
    mode: GooseMode,
    slot: OwnedSemaphorePermit,
) -> Result<Made, Failure> {
    let goose = shared.spawner.spawn(mode);
    let mut goose =
        goose.map_err(|error| failure(FailureKind::GooseUnavailable, &error.to_string(), false))?;
    let (images, opened) = match begin(shared, &mut goose).await {
        Ok(begun) => begun,
        Err(failure) => {
            goose.end().await;
            return Err(failure);
        }
    };
    Ok(Made { goose, made_for: mode, opened, images, slot })
}

async fn begin(shared: &Shared, goose: &mut Goose) -> Result<(bool, Opened), Failure> {
    let images = opening::shake_hands(goose).await?;
    Ok((images, opening::begin(goose, shared.plan()).await?))
}

/// Holds it until somebody takes it, or it is not to be held any longer. Whether
/// it was taken.
async fn hold(
    shared: &Shared,
    mut made: Made,
    takers: &mut mpsc::Receiver<oneshot::Sender<Made>>,
) -> bool {
    let offer = shared.slots.offer();
    let limit = Duration::from_millis(shared.settings.get().idle_ms.into());
    let taker = tokio::select! {
        biased;
        taker = takers.recv() => taker,
        () = offer.wanted() => None,
        () = sleep(limit) => None,
        () = gone(&mut made.goose) => None,
    };
    // If the offer is taken, somebody counts on the slot.
    let ours = offer.take_back();
    let left = match taker {
        Some(taker) if ours => taker.send(made).err(),
        _ => Some(made),
    };
    match left {
        Some(Made { goose, .. }) => {
            goose.end().await;
            false
        }
        None => true,
    }
}

/// Reads what it says until it is gone.
async fn gone(goose: &mut Goose) {
    loop {
        match goose.next().await {
            Event::Message(Message::Question { id, ask }) => opening::refuse(goose, &id, &ask),
            Event::Message(_) => {}
            Event::Broken | Event::Ended => return,
        }
    }
}
