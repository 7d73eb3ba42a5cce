//! One conversation: its turns in their order, its Goose, its Goose session.
//!
//! Trust: the frontend for the order of turns; this worker for what it knows of
//! the session; Goose for nothing.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use gaggle_ipc::session::{
    Before, Failure, FailureKind, FromWorker, GooseMode, History, PermissionChoice, Settings,
    TurnEnd,
};
use gaggle_ipc::{GooseSession, Text, ThreadId, TurnId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::sleep;

use crate::acp::error::failure;
use crate::acp::message::Message;
use crate::goose::{Event, Goose};
use crate::opening::{self, Plan, Replay};
use crate::outbox::Outbox;
use crate::slots::Slots;
use crate::spawner::Spawner;
use crate::turn::{self, Orders, Outcome, Scene, Stop};

/// Turns of one thread that may wait.
const MOST_TURNS: usize = 32;
/// Answers on their way to a turn.
const REPLIES: usize = 64;
/// Said before a prompt where the earlier one could not be taken out.
const INTERRUPTED: &str = "[The previous request was interrupted. Do not resume or repeat it \
     unless the following message asks for it.]\n\n";

/// What all threads of a worker share.
pub(crate) struct Shared {
    /// To the frontend.
    pub(crate) outbox: Outbox,
    /// Goose processes.
    pub(crate) slots: Slots,
    /// How they are made.
    pub(crate) spawner: Spawner,
    /// Where agents work.
    pub(crate) workspace: std::path::PathBuf,
    /// As last configured.
    pub(crate) settings: Cell<Settings>,
}

/// What a thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run this turn after those before it.
    Prompt(Turn),
    /// End this turn, running or waiting.
    Cancel(TurnId),
    /// The person's answer.
    Reply(TurnId, u32, PermissionChoice),
    /// End the waiting turns, let the running one finish, then end.
    Drain,
    /// End everything at once.
    Close,
}

/// A turn that was asked for.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Its id.
    pub(crate) id: TurnId,
    /// The whole prompt.
    pub(crate) text: String,
    /// The session the frontend knows.
    pub(crate) resume: Option<GooseSession>,
    /// How the turn before it ended, as the frontend knows it.
    pub(crate) before: Before,
}

/// A conversation.
pub(crate) struct Thread {
    desk: Desk,
    stage: Stage,
}

/// What comes in, and what waits.
struct Desk {
    id: ThreadId,
    shared: Rc<Shared>,
    mail: mpsc::Receiver<Command>,
    waiting: VecDeque<Turn>,
    ending: bool,
    /// For the table: this thread can be forgotten without loss.
    at_rest: Rc<Cell<bool>>,
}

/// What turns are played on.
struct Stage {
    id: ThreadId,
    shared: Rc<Shared>,
    seat: Option<Seat>,
    session: Option<GooseSession>,
    unfinished: bool,
}

struct Seat {
    goose: Goose,
    /// The mode it was made for.
    mode: GooseMode,
    replay: Option<Replay>,
    _slot: OwnedSemaphorePermit,
}

impl Thread {
    /// A conversation that takes its commands from `mail`.
    pub(crate) fn new(
        id: ThreadId,
        shared: Rc<Shared>,
        mail: mpsc::Receiver<Command>,
        at_rest: Rc<Cell<bool>>,
    ) -> Self {
        let stage =
            Stage { id, shared: Rc::clone(&shared), seat: None, session: None, unfinished: false };
        let waiting = VecDeque::new();
        Self { desk: Desk { id, shared, mail, waiting, ending: false, at_rest }, stage }
    }

    /// Serves the conversation until it is ended.
    pub(crate) async fn serve(mut self) {
        loop {
            if let Some(turn) = self.desk.waiting.pop_front() {
                self.play(turn).await;
            } else if self.desk.ending {
                break;
            } else {
                self.wait().await;
            }
        }
        self.stage.clear().await;
    }

    /// Plays one turn while commands are still heard.
    async fn play(&mut self, turn: Turn) {
        let id = turn.id;
        let (stop, stop_heard) = watch::channel(Stop::No);
        let (reply, replies) = mpsc::channel(REPLIES);
        let orders = Orders { stop: stop_heard, replies };
        let end = tokio::select! {
            end = self.stage.perform(turn, orders) => end,
            () = self.desk.listen(id, &stop, &reply) => TurnEnd::Cancelled,
        };
        self.desk.end_turn(id, end);
    }

    /// Waits for the next command; stops Goose when it is idle too long or its
    /// slot is needed.
    async fn wait(&mut self) {
        let shared = Rc::clone(&self.stage.shared);
        let Some(seat) = &mut self.stage.seat else {
            self.desk.at_rest.set(true);
            let command = self.desk.mail.recv().await;
            self.desk.at_rest.set(false);
            return self.desk.take(command);
        };
        let offer = shared.slots.offer();
        let limit = Duration::from_millis(shared.settings.get().idle_ms.into());
        let command = tokio::select! {
            biased;
            command = self.desk.mail.recv() => Some(command),
            () = offer.wanted() => None,
            () = sleep(limit) => None,
            () = seat.until_gone() => None,
        };
        let slot_is_ours = offer.take_back();
        if !slot_is_ours || command.is_none() {
            self.stage.clear().await;
        }
        match command {
            Some(command) => self.desk.take(command),
            None => {
                let thread = self.desk.id;
                shared.outbox.event(thread, FromWorker::ThreadClosed { thread });
            }
        }
    }
}

impl Desk {
    /// Hears commands while a turn runs; never returns by itself.
    async fn listen(
        &mut self,
        running: TurnId,
        stop: &watch::Sender<Stop>,
        reply: &mpsc::Sender<(u32, PermissionChoice)>,
    ) {
        while let Some(command) = self.mail.recv().await {
            match command {
                Command::Cancel(turn) if turn == running => {
                    stop.send_if_modified(|now| {
                        let first = *now == Stop::No;
                        if first {
                            *now = Stop::Cancel;
                        }
                        first
                    });
                }
                Command::Reply(turn, ask, choice) if turn == running => {
                    // Full only if a frontend sends answers nobody asked for.
                    let _ = reply.try_send((ask, choice));
                }
                Command::Close => {
                    self.take(Some(Command::Close));
                    stop.send_replace(Stop::AtOnce);
                }
                other => self.take(Some(other)),
            }
        }
        // The worker itself is ending.
        stop.send_replace(Stop::AtOnce);
        std::future::pending().await
    }

    /// Takes a command in while it has nothing to do with a running turn.
    fn take(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Prompt(turn)) => self.enqueue(turn),
            Some(Command::Cancel(id)) => {
                if let Some(at) = self.waiting.iter().position(|turn| turn.id == id) {
                    self.waiting.remove(at);
                    self.end_turn(id, TurnEnd::Cancelled);
                }
            }
            Some(Command::Reply(..)) => {}
            Some(Command::Drain) => self.refuse_waiting(FailureKind::Draining),
            Some(Command::Close) | None => {
                self.ending = true;
                for turn in std::mem::take(&mut self.waiting) {
                    self.end_turn(turn.id, TurnEnd::Cancelled);
                }
            }
        }
    }

    fn enqueue(&mut self, turn: Turn) {
        if self.ending {
            self.end_turn(turn.id, refused(FailureKind::Draining));
        } else if self.waiting.len() >= MOST_TURNS {
            self.end_turn(turn.id, refused(FailureKind::TooManyThreads));
        } else {
            self.waiting.push_back(turn);
        }
    }

    fn refuse_waiting(&mut self, kind: FailureKind) {
        self.ending = true;
        for turn in std::mem::take(&mut self.waiting) {
            self.end_turn(turn.id, refused(kind));
        }
    }

    fn end_turn(&self, turn: TurnId, end: TurnEnd) {
        let thread = self.id;
        self.shared.outbox.event(thread, FromWorker::TurnEnded { thread, turn, end });
    }
}

/// A turn that never reached Goose.
pub(crate) fn refused(kind: FailureKind) -> TurnEnd {
    TurnEnd::Failed(failure(kind, "", false))
}

impl Stage {
    async fn perform(&mut self, turn: Turn, mut orders: Orders) -> TurnEnd {
        let prepared = tokio::select! {
            biased;
            _ = orders.stop.wait_for(|stop| *stop != Stop::No) => None,
            prepared = self.prepare(&turn) => Some(prepared),
        };
        let prefix = match prepared {
            Some(Ok(prefix)) => prefix,
            Some(Err(failure)) => {
                self.clear().await;
                return TurnEnd::Failed(failure);
            }
            // Whatever was half done is not worth keeping.
            None => {
                self.clear().await;
                return TurnEnd::Cancelled;
            }
        };
        let shared = Rc::clone(&self.shared);
        let (Some(seat), Some(session)) = (&mut self.seat, &self.session) else {
            return refused(FailureKind::GooseUnavailable);
        };
        let scene = Scene {
            outbox: &shared.outbox,
            thread: self.id,
            turn: turn.id,
            session,
            settings: &shared.settings,
        };
        let text = format!("{prefix}{}", turn.text);
        let Outcome { end, keep_goose, unfinished } =
            turn::run(scene, &mut seat.goose, &text, orders).await;
        self.unfinished = unfinished;
        if !keep_goose {
            self.clear().await;
        }
        end
    }

    /// Sees to a Goose with the thread's session in it, free of what was cut
    /// short. Returns what must stand before the prompt.
    async fn prepare(&mut self, turn: &Turn) -> Result<&'static str, Failure> {
        if self.session.is_none() {
            self.session.clone_from(&turn.resume);
        }
        let interrupted = self.unfinished || turn.before == Before::Interrupted;
        if self.seat.is_none() {
            self.start(turn.id).await?;
        } else if interrupted {
            // Loading once more tells how the history ends.
            self.open(turn.id).await?;
        }
        let (Some(seat), Some(session)) = (&mut self.seat, &self.session) else {
            return Err(failure(FailureKind::GooseUnavailable, "no session", false));
        };
        let replay = seat.replay.take().unwrap_or_default();
        // A command of Goose's own must stand first in its prompt.
        let is_command = turn.text.starts_with('/');
        let clean = !interrupted
            || opening::cut_unanswered(&mut seat.goose, session, &replay).await
            || is_command;
        Ok(if clean { "" } else { INTERRUPTED })
    }

    async fn start(&mut self, turn: TurnId) -> Result<(), Failure> {
        let slot = self.shared.slots.take().await;
        let slot =
            slot.map_err(|_| failure(FailureKind::TooManyThreads, "the line is full", false))?;
        let mode = self.shared.settings.get().mode;
        let goose = self.shared.spawner.spawn(mode);
        let goose = goose
            .map_err(|error| failure(FailureKind::GooseUnavailable, &error.to_string(), false))?;
        // Seated before the first word, so that whoever interrupts can end it.
        let seat = self.seat.insert(Seat { goose, mode, replay: None, _slot: slot });
        opening::shake_hands(&mut seat.goose).await?;
        let history = self.open(turn).await?;
        if let Some(session) = self.session.clone() {
            let thread = self.id;
            self.shared.outbox.event(thread, FromWorker::ThreadReady { thread, session, history });
        }
        Ok(())
    }

    async fn open(&mut self, turn: TurnId) -> Result<History, Failure> {
        let Some(seat) = &mut self.seat else {
            return Err(failure(FailureKind::GooseUnavailable, "no process", false));
        };
        let thread = self.id;
        let taken =
            |_| failure(FailureKind::Protocol, "another thread has this Goose session", false);
        let claim = |session: &GooseSession| self.shared.slots.claim(session, thread).then_some(());
        if let Some(session) = &self.session {
            claim(session).ok_or(()).map_err(taken)?;
        }
        let plan = Plan {
            goose_home: self.shared.spawner.goose_home(),
            workspace: &self.shared.workspace,
            mode: seat.mode,
        };
        let opened = opening::open(&mut seat.goose, plan, self.session.as_ref()).await?;
        claim(&opened.session).ok_or(()).map_err(taken)?;
        seat.replay = Some(opened.replay);
        self.session = Some(opened.session);
        self.tell_strangers(turn, &opened.strangers);
        Ok(opened.history)
    }

    fn tell_strangers(&self, turn: TurnId, strangers: &[String]) {
        let thread = self.id;
        for name in strangers {
            tracing::warn!("Goose started the extension {name:?}, which is not its own");
            let text = Text::lossy(&format!(
                "Goose started the extension \"{name}\", which was not set up by the administrator."
            ));
            self.shared.outbox.event(thread, FromWorker::Notice { thread, turn, text });
        }
    }

    /// Ends Goose and all it started, and gives its slot and session back.
    async fn clear(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.goose.end().await;
        }
        self.shared.slots.release(self.id);
    }
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
