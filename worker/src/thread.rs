//! One conversation: its turns in their order, and the commands about them.
//!
//! Commands are heard at all times, also while Goose is started or stopped.
//!
//! Trust: the frontend, for the order of turns; how many may wait is bounded.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use gaggle_ipc::session::{FailureKind, FromWorker, PermissionChoice, TurnEnd};
use gaggle_ipc::{ThreadId, TurnId};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::acp::error::failure;
use crate::stage::{Shared, Stage, Turn};
use crate::turn::{Orders, Stop};

/// Turns of one thread that may wait.
const MOST_TURNS: usize = 32;
/// Answers on their way to a turn.
const REPLIES: usize = 64;
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
    /// End all turns at once and forget the Goose session.
    Close,
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
    /// The thread was closed: what is known of it goes before the next turn.
    forgetting: bool,
    /// For the table: this thread can be forgotten without loss.
    at_rest: Rc<Cell<bool>>,
}

impl Thread {
    /// A conversation that takes its commands from `mail`.
    pub(crate) fn new(
        id: ThreadId,
        shared: Rc<Shared>,
        mail: mpsc::Receiver<Command>,
        at_rest: Rc<Cell<bool>>,
    ) -> Self {
        let stage = Stage::new(id, Rc::clone(&shared));
        let waiting = VecDeque::new();
        Self {
            desk: Desk { id, shared, mail, waiting, ending: false, forgetting: false, at_rest },
            stage,
        }
    }

    /// Serves the conversation until it is ended.
    pub(crate) async fn serve(mut self) {
        loop {
            if std::mem::take(&mut self.desk.forgetting) {
                self.stage.forget().await;
            } else if let Some(turn) = self.desk.waiting.pop_front() {
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
        let shared = Rc::clone(&self.desk.shared);
        if !self.stage.has_goose() {
            self.desk.at_rest.set(true);
            let command = self.desk.mail.recv().await;
            self.desk.at_rest.set(false);
            return self.desk.take(command);
        }
        let offer = shared.slots.offer();
        let limit = Duration::from_millis(shared.settings.get().idle_ms.into());
        let command = tokio::select! {
            biased;
            command = self.desk.mail.recv() => Some(command),
            () = offer.wanted() => None,
            () = sleep(limit) => None,
            () = self.stage.goose_gone() => None,
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
        self.take(None);
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
            Some(Command::Close) => {
                self.forgetting = true;
                self.cancel_waiting();
            }
            None => {
                self.ending = true;
                self.cancel_waiting();
            }
        }
    }

    fn cancel_waiting(&mut self) {
        for turn in std::mem::take(&mut self.waiting) {
            self.end_turn(turn.id, TurnEnd::Cancelled);
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
