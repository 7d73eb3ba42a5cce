//! What a conversation's turns are played on: its Goose and its Goose session.
//!
//! Trust: this worker for what it knows of the session, the frontend for what
//! it does not; Goose for nothing.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use gaggle_ipc::session::{
    Before, Failure, FailureKind, FromWorker, GooseMode, History, Settings, TurnEnd,
};
use gaggle_ipc::{GooseSession, ThreadId, TurnId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::acp::error::failure;
use crate::acp::message::Message;
use crate::acp::unknown::Unknown;
use crate::assembly::Prompt;
use crate::ending::{Outcome, Signs};
use crate::goose::{Event, Goose};
use crate::hint::Hints;
use crate::opening::{self, Plan};
use crate::outbox::Outbox;
use crate::replay::Replay;
use crate::session_options::{InForce, Wanted};
use crate::slots::Slots;
use crate::spare::{Made, Spare};
use crate::spawner::Spawner;
use crate::turn::{self, Orders, Scene, Stop};

/// Said before a prompt where the earlier one could not be taken out.
const INTERRUPTED: &str = "[The previous request was interrupted. Do not resume or repeat it \
     unless the following message asks for it.]\n\n";

/// What all threads of a worker share.
pub(crate) struct Shared {
    /// To the frontend.
    pub(crate) outbox: Outbox,
    /// Goose processes.
    pub(crate) slots: Slots,
    /// Processes that open files.
    pub(crate) transfers: Semaphore,
    /// How all of them are made.
    pub(crate) spawner: Spawner,
    /// The one that is made ahead.
    pub(crate) spare: Spare,
    /// Where agents work.
    pub(crate) workspace: PathBuf,
    /// As last configured.
    pub(crate) settings: Cell<Settings>,
    /// What Goose says and nobody here knows.
    pub(crate) unknown: Unknown,
    /// What the person was told of the sandbox.
    pub(crate) hints: Hints,
}

impl Shared {
    /// What sessions are opened with.
    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan { goose_home: self.spawner.goose_home(), workspace: &self.workspace }
    }
}

/// A turn that was asked for.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Its id.
    pub(crate) id: TurnId,
    /// The whole prompt.
    pub(crate) prompt: Prompt,
    /// The session the frontend knows.
    pub(crate) resume: Option<GooseSession>,
    /// How the turn before it ended, as the frontend knows it.
    pub(crate) before: Before,
    /// What it is to be answered with.
    pub(crate) wanted: Wanted,
}

/// A conversation's Goose and Goose session.
pub(crate) struct Stage {
    id: ThreadId,
    shared: Rc<Shared>,
    seat: Option<Seat>,
    session: Option<GooseSession>,
    /// The last turn stands unanswered or half answered in Goose's memory.
    unfinished: bool,
    /// This turn is its first.
    began: bool,
}

struct Seat {
    goose: Goose,
    /// The mode it was started for.
    made_for: GooseMode,
    in_force: InForce,
    replay: Option<Replay>,
    /// Extensions the person has not been told of yet.
    strangers: Vec<String>,
    /// It passes images on to the model.
    images: bool,
    _slot: OwnedSemaphorePermit,
}

impl Stage {
    /// A stage without a Goose.
    pub(crate) fn new(id: ThreadId, shared: Rc<Shared>) -> Self {
        Self { id, shared, seat: None, session: None, unfinished: false, began: false }
    }

    /// Whether a Goose runs.
    pub(crate) fn has_goose(&self) -> bool {
        self.seat.is_some()
    }

    /// Reads what an idle Goose says until it is gone. Safe to cancel.
    pub(crate) async fn goose_gone(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.until_gone().await;
        }
    }

    /// Plays one turn to its end, which may come by `orders`.
    pub(crate) async fn perform(&mut self, turn: Turn, mut orders: Orders) -> TurnEnd {
        let prepared = tokio::select! {
            biased;
            _ = orders.stop.wait_for(|stop| *stop != Stop::No) => None,
            prepared = self.prepare(&turn) => Some(prepared),
        };
        let prefix = match prepared {
            Some(Ok(prefix)) => prefix,
            Some(Err(failure)) => {
                self.clear().await;
                // The next prompt may name another session, or none.
                self.session.take_if(|session| Some(&*session) == turn.resume.as_ref());
                return TurnEnd::Failed(failure);
            }
            // Whatever was half done is not worth keeping.
            None => {
                self.clear().await;
                return TurnEnd::Cancelled;
            }
        };
        let outcome = self.run(&turn, prefix, orders).await;
        self.unfinished = outcome.unfinished;
        if !outcome.keep_goose {
            self.clear().await;
        }
        if std::mem::take(&mut self.began) {
            // Not before: it would take time from this one.
            self.shared.spare.want(turn.wanted.mode);
        }
        outcome.end
    }

    async fn run(&mut self, turn: &Turn, prefix: &str, orders: Orders) -> Outcome {
        let shared = Rc::clone(&self.shared);
        let (Some(seat), Some(session)) = (&mut self.seat, &self.session) else {
            return Signs::default().crashed("no session");
        };
        let scene = Scene {
            shared: &shared,
            takes_images: seat.images,
            thread: self.id,
            turn: turn.id,
            session,
            mode: turn.wanted.mode,
            strangers: std::mem::take(&mut seat.strangers),
        };
        turn::run(scene, &mut seat.goose, prefix, &turn.prompt, orders).await
    }

    /// Sees to a Goose with the thread's session in it, free of what was cut
    /// short. Returns what must stand before the prompt.
    async fn prepare(&mut self, turn: &Turn) -> Result<&'static str, Failure> {
        if self.session.is_none() {
            self.session.clone_from(&turn.resume);
        }
        let interrupted = self.unfinished || turn.before == Before::Interrupted;
        let wanted = &turn.wanted;
        if self.seat.as_ref().is_some_and(|seat| !serves(seat.made_for, wanted.mode)) {
            self.clear().await;
        }
        if self.seat.is_none() {
            self.start(wanted.mode).await?;
        } else if interrupted {
            // Loading once more tells how the history ends.
            self.open().await?;
        }
        let (Some(seat), Some(session)) = (&mut self.seat, &self.session) else {
            return Err(failure(FailureKind::GooseUnavailable, "no session", false));
        };
        seat.in_force.bring_to(&mut seat.goose, session, wanted).await?;
        let replay = seat.replay.take().unwrap_or_default();
        // A command of Goose's own must stand first in its prompt.
        let is_command = turn.prompt.text.starts_with('/');
        let clean = !interrupted
            || opening::cut_unanswered(&mut seat.goose, session, &replay).await
            || is_command;
        Ok(if clean { "" } else { INTERRUPTED })
    }

    async fn start(&mut self, mode: GooseMode) -> Result<(), Failure> {
        let history = if self.session.is_none() && self.take_spare(mode).await {
            History::New
        } else {
            self.start_one(mode).await?;
            self.open().await?
        };
        self.began = history == History::New;
        if let (Some(session), Some(seat)) = (self.session.clone(), &self.seat) {
            let (thread, model) = (self.id, seat.in_force.model().cloned());
            let ready = FromWorker::ThreadReady { thread, session, history, model };
            self.shared.outbox.event(thread, ready);
        }
        Ok(())
    }

    /// Takes the Goose that was made ahead; whether there was one, and of use.
    async fn take_spare(&mut self, mode: GooseMode) -> bool {
        let Some(Made { goose, made_for, opened, images, slot }) =
            self.shared.spare.take(mode).await
        else {
            return false;
        };
        let seat = self.seat.insert(Seat {
            goose,
            made_for,
            in_force: opened.in_force,
            replay: Some(opened.replay),
            strangers: opened.strangers,
            images,
            _slot: slot,
        });
        let told = seat.goose.serve(self.id).is_ok();
        let plan = self.shared.plan();
        let moved = told
            && opening::move_to_workspace(&mut seat.goose, plan, &opened.session).await.is_ok();
        if moved && claim(&self.shared.slots, &opened.session, self.id).await.is_ok() {
            self.session = Some(opened.session);
            return true;
        }
        self.clear().await;
        false
    }

    async fn start_one(&mut self, mode: GooseMode) -> Result<(), Failure> {
        let slot = self.shared.slots.take().await;
        let slot =
            slot.map_err(|_| failure(FailureKind::TooManyThreads, "the line is full", false))?;
        let goose = self.shared.spawner.spawn(mode);
        let goose = goose
            .map_err(|error| failure(FailureKind::GooseUnavailable, &error.to_string(), false))?;
        // Seated before the first word, so that whoever interrupts can end it.
        let seat = self.seat.insert(Seat {
            goose,
            made_for: mode,
            in_force: InForce::default(),
            replay: None,
            strangers: Vec::new(),
            images: false,
            _slot: slot,
        });
        seat.goose
            .serve(self.id)
            .map_err(|error| failure(FailureKind::GooseUnavailable, &error.to_string(), false))?;
        seat.images = opening::shake_hands(&mut seat.goose).await?;
        Ok(())
    }

    async fn open(&mut self) -> Result<History, Failure> {
        let Some(seat) = &mut self.seat else {
            return Err(failure(FailureKind::GooseUnavailable, "no process", false));
        };
        if let Some(session) = &self.session {
            claim(&self.shared.slots, session, self.id).await?;
        }
        let plan = self.shared.plan();
        let opened = opening::open(&mut seat.goose, plan, self.session.as_ref()).await?;
        claim(&self.shared.slots, &opened.session, self.id).await?;
        seat.replay = Some(opened.replay);
        seat.in_force = opened.in_force;
        seat.strangers.extend(opened.strangers);
        self.session = Some(opened.session);
        Ok(opened.history)
    }

    /// Ends Goose and forgets the session, which stays on disk.
    pub(crate) async fn forget(&mut self) {
        self.clear().await;
        self.session = None;
        self.unfinished = false;
    }

    /// Ends Goose and all it started, and gives its slot and session back.
    pub(crate) async fn clear(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.goose.end().await;
        }
        self.shared.slots.release(self.id);
    }
}

/// Whether a Goose that was started for one mode may be put in another. In mode
/// `smart_approve` it has a configuration folder to write in, which one of
/// another mode must not have.
pub(crate) fn serves(made_for: GooseMode, wanted: GooseMode) -> bool {
    (made_for == GooseMode::SmartApprove) == (wanted == GooseMode::SmartApprove)
}

/// Two processes on one session are accepted by Goose in silence and spoil it.
async fn claim(slots: &Slots, session: &GooseSession, thread: ThreadId) -> Result<(), Failure> {
    if slots.claim(session, thread).await {
        return Ok(());
    }
    Err(failure(FailureKind::Protocol, "another thread has this Goose session", false))
}

impl Seat {
    /// Reads what an idle Goose says until it is gone.
    async fn until_gone(&mut self) {
        loop {
            match self.goose.next().await {
                Event::Message(Message::Question { id, ask }) => {
                    opening::refuse(&self.goose, &id, &ask);
                }
                Event::Message(_) => {}
                Event::Broken | Event::Ended => return,
            }
        }
    }
}
