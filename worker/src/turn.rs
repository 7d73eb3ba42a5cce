//! One turn: a prompt goes to Goose, and everything up to its end comes back.
//!
//! A cancel climbs a ladder: open questions are cancelled and Goose is asked to
//! stop; after five seconds it is killed. Silence for the inactivity limit
//! climbs the same ladder; a question that waits for a person is no silence.
//!
//! Trust: Goose's words are passed on as the agent's.

mod prompt;

use std::time::Duration;

use gaggle_ipc::session::{DeltaKind, FromWorker, GooseMode, PermissionChoice};
use gaggle_ipc::{GooseSession, Text, ThreadId, TurnId};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::acp::error::without_addresses;
use crate::acp::message::{self, Ask, Message, PermissionRequest};
use crate::acp::update::Update;
use crate::asks::{Asked, Asks};
use crate::assembly::Prompt;
use crate::ending::{Outcome, Signs, Why};
use crate::files;
use crate::goose::{Event, Goose};
use crate::lanes::Full;
use crate::opening;
use crate::spending::Spending;
use crate::stage::Shared;
use crate::tools::Tools;

/// How long Goose may take to stop when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sentences for the person in one turn.
const MOST_NOTICES: u32 = 32;
/// Stands for "no deadline".
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a turn takes place.
pub(crate) struct Scene<'a> {
    /// What all turns share.
    pub(crate) shared: &'a Shared,
    /// Goose passes images on to its model.
    pub(crate) takes_images: bool,
    /// The conversation.
    pub(crate) thread: ThreadId,
    /// The turn.
    pub(crate) turn: TurnId,
    /// Goose's session.
    pub(crate) session: &'a GooseSession,
    /// The mode it is in: one that Goose leaves ends the turn.
    pub(crate) mode: GooseMode,
    /// Extensions to tell the person of: they are not Goose's own.
    pub(crate) strangers: Vec<String>,
}

/// What reaches a running turn from outside.
pub(crate) struct Orders {
    /// Whether it is to stop.
    pub(crate) stop: watch::Receiver<Stop>,
    /// Answers to permission questions.
    pub(crate) replies: mpsc::Receiver<(u32, PermissionChoice)>,
}

/// Whether a turn is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No.
    No,
    /// Yes, by the ladder.
    Cancel,
    /// Yes, now: nobody listens any more.
    AtOnce,
}

struct Running<'a> {
    scene: Scene<'a>,
    goose: &'a mut Goose,
    request: u64,
    tools: Tools,
    asks: Asks,
    /// The ladder was entered: why, and when Goose is killed.
    stopping: Option<(Why, Instant)>,
    heard: Instant,
    signs: Signs,
    notices: u32,
    spending: Spending,
}

/// Sends the prompt and sees the turn through.
pub(crate) async fn run(
    scene: Scene<'_>,
    goose: &mut Goose,
    prefix: &str,
    prompt: &Prompt,
    mut orders: Orders,
) -> Outcome {
    let (thread, turn, shared) = (scene.thread, scene.turn, scene.shared);
    let mut running = Running::new(scene, goose);
    let outcome = match running.begin(prefix, prompt, &mut orders).await {
        Ok(()) => {
            running.tell_strangers();
            running.until_the_end(&mut orders).await
        }
        Err(outcome) => outcome,
    };
    for report in running.tools.abandon() {
        shared.outbox.event(thread, report.into_message(thread, turn));
    }
    if files::may_be_filled(&shared.workspace, thread) {
        shared.outbox.event(thread, FromWorker::OutboxFilled { thread, turn });
    }
    outcome
}

impl<'a> Running<'a> {
    fn new(scene: Scene<'a>, goose: &'a mut Goose) -> Self {
        Self {
            scene,
            goose,
            request: 0,
            tools: Tools::default(),
            asks: Asks::default(),
            stopping: None,
            heard: Instant::now(),
            signs: Signs::default(),
            notices: 0,
            spending: Spending::default(),
        }
    }

    async fn until_the_end(&mut self, orders: &mut Orders) -> Outcome {
        // A cancel that came before the prompt was sent has been seen already.
        orders.stop.mark_changed();
        loop {
            tokio::select! {
                // In this order: a Goose that never pauses must not keep a
                // cancel or the ladder's end from being heard.
                biased;
                changed = orders.stop.changed() => {
                    let stop = *orders.stop.borrow_and_update();
                    match (changed, stop) {
                        (Ok(()), Stop::No) => {}
                        (Ok(()), Stop::Cancel) => self.stop(Why::Cancelled),
                        (Ok(()), Stop::AtOnce) | (Err(_), _) => return Signs::killed(Why::Cancelled),
                    }
                }
                () = sleep_until(self.deadline()) => match self.stopping {
                    Some((why, _)) => return Signs::killed(why),
                    None => self.stop(Why::Inactive),
                },
                Some((ask, choice)) = orders.replies.recv() => self.reply(ask, choice),
                event = self.goose.next() => {
                    if let Some(outcome) = self.event(event) {
                        return outcome;
                    }
                }
            }
        }
    }

    fn deadline(&self) -> Instant {
        match self.stopping {
            Some((_, kill)) => kill,
            None if self.asks.any_open() => self.heard + FAR,
            None => {
                self.heard
                    + Duration::from_millis(self.scene.shared.settings.get().inactivity_ms.into())
            }
        }
    }

    /// The first step of the ladder.
    fn stop(&mut self, why: Why) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some((why, Instant::now() + PATIENCE));
        // Goose does not end a turn that waits for an answer, cancelled or not.
        for line in self.asks.cancel_all() {
            self.goose.write(line);
        }
        let params = json!({"sessionId": self.scene.session.as_str()});
        self.goose.write(message::notification("session/cancel", &params));
    }

    fn reply(&mut self, ask: u32, choice: PermissionChoice) {
        if let Some(line) = self.asks.reply(ask, choice) {
            self.heard = Instant::now();
            self.goose.write(line);
        }
    }

    fn event(&mut self, event: Event) -> Option<Outcome> {
        match event {
            Event::Message(Message::Update { session, update }) => {
                if session == *self.scene.session {
                    self.heard = Instant::now();
                    self.update(update);
                }
                None
            }
            Event::Message(Message::Question { id, ask: Ask::Permission(request) }) => {
                self.heard = Instant::now();
                self.signs.note_question();
                self.ask(id, *request);
                None
            }
            Event::Message(Message::Question { id, ask }) => {
                opening::refuse(self.goose, &id, &ask);
                None
            }
            Event::Message(Message::Answer { id, result }) if id == self.request => {
                let stopping = self.stopping.map(|(why, _)| why);
                Some(self.signs.answered(result, stopping, self.tools.any()))
            }
            Event::Message(_) => None,
            Event::Broken => Some(self.signs.broken()),
            Event::Ended => Some(match self.stopping {
                Some((why, _)) => Signs::killed(why),
                None => self.signs.crashed(&self.goose.last_words()),
            }),
        }
    }

    fn ask(&mut self, id: Value, request: PermissionRequest) {
        if self.stopping.is_some() {
            self.goose.write(message::answer(&id, &message::cancelled_outcome()));
            return;
        }
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        match self.asks.ask(id, request, &self.tools, thread, turn) {
            Asked::Show(question) => self.scene.shared.outbox.event(thread, *question),
            Asked::Reject(line, sentence) => {
                self.goose.write(line);
                self.notice(sentence);
            }
        }
    }

    fn update(&mut self, update: Update) {
        let thread = self.scene.thread;
        self.signs.note(&update);
        let taken = match update {
            Update::Answer(chunk) if self.signs.ends_in_failure() => {
                if let Some(sentence) = self.scene.shared.hints.of_provider(&chunk.text) {
                    self.notice(&sentence);
                }
                self.say(DeltaKind::Answer, &without_addresses(&chunk.text))
            }
            Update::Answer(chunk) => self.say(DeltaKind::Answer, &chunk.text),
            Update::Thought(chunk) => self.say(DeltaKind::Thought, &chunk.text),
            Update::Tool { call, name, title, input, .. } => {
                self.report(|tools| tools.begin(&call, &name, &title, &input))
            }
            Update::ToolProgress { call, ended: Some(state), output } => {
                self.explain(&output);
                self.report(|tools| tools.end(&call, state, &output))
            }
            Update::Usage { used, size, currency } => {
                self.spending.count_in(currency);
                self.scene.shared.outbox.state(thread, FromWorker::Usage { thread, used, size })
            }
            Update::Spent { input, output, cost } => {
                if self.spending.add(input, output, cost) {
                    let spent = self.spending.message(thread, self.scene.turn);
                    self.scene.shared.outbox.state(thread, spent)
                } else {
                    Ok(())
                }
            }
            Update::Status(sentence) => {
                self.notice(&sentence);
                Ok(())
            }
            Update::Unknown(kind) => {
                self.scene.shared.unknown.note(&kind);
                Ok(())
            }
            Update::Mode(now) => {
                if now != self.scene.mode.as_str() {
                    self.stop(Why::LeftMode);
                }
                Ok(())
            }
            Update::ToolProgress { .. } | Update::User(_) | Update::Begun | Update::Passing => {
                Ok(())
            }
        };
        if taken == Err(Full) && self.stopping.is_none() {
            self.notice("The answer was cut: it came faster than it could be delivered.");
            self.stop(Why::Flood);
        }
    }

    fn say(&self, kind: DeltaKind, text: &str) -> Result<(), Full> {
        self.scene.shared.outbox.text(self.scene.thread, self.scene.turn, kind, text)
    }

    fn report(
        &mut self,
        change: impl FnOnce(&mut Tools) -> Option<crate::tools::Report>,
    ) -> Result<(), Full> {
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        change(&mut self.tools).map_or(Ok(()), |report| {
            self.scene.shared.outbox.state(thread, report.into_message(thread, turn))
        })
    }

    /// Says which setting would allow what the sandbox refused.
    fn explain(&mut self, output: &str) {
        if let Some(sentence) = self.scene.shared.hints.first(output) {
            self.notice(&sentence);
        }
    }

    fn tell_strangers(&mut self) {
        for name in std::mem::take(&mut self.scene.strangers) {
            tracing::warn!("Goose started the extension {name:?}, which is not its own");
            self.notice(&format!(
                "Goose started the extension \"{name}\", which is not one of its own."
            ));
        }
    }

    fn notice(&mut self, sentence: &str) {
        self.notices += 1;
        if self.notices <= MOST_NOTICES {
            let (thread, turn) = (self.scene.thread, self.scene.turn);
            let text = Text::lossy(sentence);
            self.scene.shared.outbox.event(thread, FromWorker::Notice { thread, turn, text });
        }
    }
}
