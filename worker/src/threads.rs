//! The table of threads: each frame to the thread it belongs to.
//!
//! Trust: the frontend, within bounds: so many threads, and a prompt must be
//! whole before a thread hears of it.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use gaggle_ipc::session::{
    Before, FailureKind, FromWorker, MAX_THREADS, Settings, ToWorker, TurnEnd,
};
use gaggle_ipc::{GooseSession, ThreadId, TurnId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::assembly::Assembly;
use crate::files::{Files, Key};
use crate::probe::relay::Relay;
use crate::session_options::Wanted;
use crate::stage::{Shared, Turn};
use crate::thread::{Command, Thread, refused};

/// Commands on their way to a thread, which always takes them in.
const MAIL: usize = 64;

/// All threads of this worker.
pub(crate) struct Threads {
    shared: Rc<Shared>,
    assembly: Assembly,
    known: HashMap<ThreadId, Handle>,
    serving: JoinSet<()>,
    probe: Relay,
    files: Files,
    used: u64,
    draining: bool,
}

struct Handle {
    mail: mpsc::Sender<Command>,
    at_rest: Rc<Cell<bool>>,
    used: u64,
}

/// The frontend sent a frame that has no place here.
#[derive(Debug, thiserror::Error)]
#[error("the frontend sent a frame before it configured this worker")]
pub(crate) struct OutOfPlace;

impl Threads {
    /// An empty table.
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self {
            probe: Relay::new(Rc::clone(&shared)),
            files: Files::new(Rc::clone(&shared)),
            shared,
            assembly: Assembly::default(),
            known: HashMap::new(),
            serving: JoinSet::new(),
            used: 0,
            draining: false,
        }
    }

    /// Takes one frame in.
    pub(crate) async fn take(&mut self, frame: ToWorker) {
        match frame {
            ToWorker::Configure(settings) => self.configure(settings),
            ToWorker::PromptPart { thread, turn, text } => self.assembly.add(thread, turn, &text),
            ToWorker::PromptImage { thread, turn, name } => {
                self.assembly.add_image(thread, turn, name);
            }
            ToWorker::File { thread, turn, file, order } => {
                self.files.take(&mut self.serving, Key { thread, turn, file }, order);
            }
            ToWorker::Prompt { thread, turn, resume, before, mode, model } => {
                let turn = (turn, resume, before, Wanted { mode, model });
                self.prompt(thread, turn).await;
            }
            ToWorker::Cancel { thread, turn } => {
                if self.assembly.forget(thread, turn) {
                    self.end_turn(thread, turn, TurnEnd::Cancelled);
                } else {
                    self.tell(thread, Command::Cancel(turn)).await;
                }
            }
            ToWorker::PermissionReply { thread, turn, ask, choice } => {
                self.tell(thread, Command::Reply(turn, ask, choice)).await;
            }
            ToWorker::CloseThread { thread } => {
                // At once: another thread's turn may come for its session now.
                if self.known.get(&thread).is_some_and(|handle| !handle.mail.is_closed()) {
                    self.shared.slots.leaving(thread);
                }
                self.tell(thread, Command::Close).await;
            }
            ToWorker::Drain => self.drain().await,
            ToWorker::Probe => self.probe.begin(&mut self.serving, self.draining),
        }
    }

    /// Takes new settings for what is started from now on.
    pub(crate) fn configure(&self, settings: Settings) {
        self.shared.settings.set(settings);
    }

    /// Takes no new prompts from now on.
    pub(crate) async fn drain(&mut self) {
        self.draining = true;
        self.probe.end();
        for handle in self.known.values() {
            let _ = handle.mail.send(Command::Drain).await;
        }
    }

    /// Waits until a drain is over. Safe to cancel; pending before one begins.
    pub(crate) async fn drained(&mut self) {
        if !self.draining {
            std::future::pending::<()>().await;
        }
        while self.serving.join_next().await.is_some() {}
    }

    /// Ends all threads and their Goose now.
    pub(crate) async fn end(mut self) {
        self.probe.end();
        self.files.end();
        for handle in self.known.values() {
            let _ = handle.mail.try_send(Command::Close);
        }
        // A thread whose mail is full hears of the end by this.
        self.known.clear();
        while self.serving.join_next().await.is_some() {}
    }

    async fn prompt(
        &mut self,
        thread: ThreadId,
        (id, resume, before, wanted): (TurnId, Option<GooseSession>, Before, Wanted),
    ) {
        let Ok(prompt) = self.assembly.finish(thread, id) else {
            return self.end_turn(thread, id, refused(FailureKind::PromptTooLong));
        };
        if self.draining {
            return self.end_turn(thread, id, refused(FailureKind::Draining));
        }
        let Some(mail) = self.mail_of(thread) else {
            return self.end_turn(thread, id, refused(FailureKind::TooManyThreads));
        };
        let turn = Turn { id, prompt, resume, before, wanted };
        // A thread always takes its mail in, so this waits for nobody else.
        if mail.send(Command::Prompt(turn)).await.is_err() {
            self.end_turn(thread, id, TurnEnd::Cancelled);
        }
    }

    async fn tell(&self, thread: ThreadId, command: Command) {
        if let Some(handle) = self.known.get(&thread) {
            let _ = handle.mail.send(command).await;
        }
    }

    fn mail_of(&mut self, thread: ThreadId) -> Option<mpsc::Sender<Command>> {
        while self.serving.try_join_next().is_some() {}
        self.known.retain(|_, handle| !handle.mail.is_closed());
        if !self.known.contains_key(&thread) && self.known.len() >= MAX_THREADS {
            self.forget_one()?;
        }
        self.used += 1;
        let handle = self.known.entry(thread).or_insert_with(|| {
            let (mail, incoming) = mpsc::channel(MAIL);
            let at_rest = Rc::new(Cell::new(false));
            let actor = Thread::new(thread, Rc::clone(&self.shared), incoming, Rc::clone(&at_rest));
            self.serving.spawn_local(actor.serve());
            Handle { mail, at_rest, used: 0 }
        });
        handle.used = self.used;
        Some(handle.mail.clone())
    }

    /// Forgets the thread without a Goose that was not used for longest; the
    /// frontend knows its session.
    fn forget_one(&mut self) -> Option<()> {
        let at_rest = self.known.iter().filter(|(_, handle)| {
            handle.at_rest.get() && handle.mail.capacity() == handle.mail.max_capacity()
        });
        let oldest = at_rest.min_by_key(|(_, handle)| handle.used).map(|(thread, _)| *thread)?;
        self.known.remove(&oldest).map(drop)
    }

    fn end_turn(&self, thread: ThreadId, turn: TurnId, end: TurnEnd) {
        self.shared.outbox.event(thread, FromWorker::TurnEnded { thread, turn, end });
    }
}
