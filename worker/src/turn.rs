//! One turn: a prompt goes to Goose, and everything up to its end comes back.
//!
//! A cancel climbs a ladder: open questions are cancelled and Goose is asked to
//! stop; after five seconds it is killed. Silence for the inactivity limit
//! climbs the same ladder; a question that waits for a person is no silence.
//!
//! Trust: Goose's words are passed on as the agent's. How the turn ended is
//! decided here.

use std::cell::Cell;
use std::time::Duration;

use agent_client_protocol_schema::v1::{PromptResponse, StopReason};
use gaggle_ipc::session::{
    DeltaKind, FailureKind, FromWorker, PermissionChoice, Settings, TurnEnd,
};
use gaggle_ipc::{GooseSession, Text, ThreadId, TurnId};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::acp::error::{OwnWords, failure, kind_of_error, kind_of_own_words, kind_of_status};
use crate::acp::message::{self, Ask, Message, PermissionRequest, RpcError};
use crate::acp::update::{Chunk, Update};
use crate::asks::{Asked, Asks};
use crate::goose::{Event, Goose};
use crate::opening;
use crate::outbox::{Full, Outbox};
use crate::tools::Tools;

/// How long Goose may take to stop when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sentences for the person in one turn.
const MOST_NOTICES: u32 = 32;
/// Stands for "no deadline".
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a turn takes place.
pub(crate) struct Scene<'a> {
    /// Where its news go.
    pub(crate) outbox: &'a Outbox,
    /// The conversation.
    pub(crate) thread: ThreadId,
    /// The turn.
    pub(crate) turn: TurnId,
    /// Goose's session.
    pub(crate) session: &'a GooseSession,
    /// The settings as they are now.
    pub(crate) settings: &'a Cell<Settings>,
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

/// What a turn leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) end: TurnEnd,
    /// The process may serve the next turn.
    pub(crate) keep_goose: bool,
    /// The prompt stands unanswered, or half answered, in Goose's memory.
    pub(crate) unfinished: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Cancelled,
    Inactive,
    Flood,
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
    /// Some text of an answer was seen.
    answered: bool,
    /// Goose said that it took the prompt up.
    begun: bool,
    /// Some work was seen.
    acted: bool,
    own_words: Option<OwnWords>,
    status: Option<FailureKind>,
    notices: u32,
}

/// Sends the prompt and sees the turn through.
pub(crate) async fn run(
    scene: Scene<'_>,
    goose: &mut Goose,
    text: &str,
    mut orders: Orders,
) -> Outcome {
    let params = json!({
        "sessionId": scene.session.as_str(),
        "prompt": [{"type": "text", "text": text}],
    });
    let request = goose.request("session/prompt", &params);
    let (thread, turn) = (scene.thread, scene.turn);
    scene.outbox.event(thread, FromWorker::TurnStarted { thread, turn });
    let mut running = Running::new(scene, goose, request);
    let outcome = running.until_the_end(&mut orders).await;
    for report in running.tools.abandon() {
        running.scene.outbox.event(thread, report.into_message(thread, turn));
    }
    outcome
}

impl<'a> Running<'a> {
    fn new(scene: Scene<'a>, goose: &'a mut Goose, request: u64) -> Self {
        Self {
            scene,
            goose,
            request,
            tools: Tools::default(),
            asks: Asks::default(),
            stopping: None,
            heard: Instant::now(),
            answered: false,
            begun: false,
            acted: false,
            own_words: None,
            status: None,
            notices: 0,
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
                        (Ok(()), Stop::AtOnce) | (Err(_), _) => return self.killed(Why::Cancelled),
                    }
                }
                () = sleep_until(self.deadline()) => match self.stopping {
                    Some((why, _)) => return self.killed(why),
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
                self.heard + Duration::from_millis(self.scene.settings.get().inactivity_ms.into())
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

    /// The last step: the caller kills Goose.
    fn killed(&self, why: Why) -> Outcome {
        Outcome { end: self.stopped_end(why), keep_goose: false, unfinished: true }
    }

    fn stopped_end(&self, why: Why) -> TurnEnd {
        match why {
            Why::Cancelled | Why::Flood => TurnEnd::Cancelled,
            Why::Inactive => TurnEnd::Failed(failure(
                FailureKind::Inactive,
                "no word from Goose for the inactivity limit",
                true,
            )),
        }
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
                self.acted = true;
                self.ask(id, *request);
                None
            }
            Event::Message(Message::Question { id, ask }) => {
                opening::refuse(self.goose, &id, &ask);
                None
            }
            Event::Message(Message::Answer { id, result }) if id == self.request => {
                Some(self.ended(result))
            }
            Event::Message(_) => None,
            Event::Broken => Some(self.failed(FailureKind::Protocol, "a line over the limit")),
            Event::Ended => Some(self.crashed()),
        }
    }

    fn ask(&mut self, id: Value, request: PermissionRequest) {
        if self.stopping.is_some() {
            self.goose.write(message::answer(&id, &message::cancelled_outcome()));
            return;
        }
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        match self.asks.ask(id, request, &self.tools, thread, turn) {
            Asked::Show(question) => self.scene.outbox.event(thread, *question),
            Asked::Reject(line, sentence) => {
                self.goose.write(line);
                self.notice(sentence);
            }
        }
    }

    fn update(&mut self, update: Update) {
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        self.begun |= update == Update::Begun;
        self.acted |= !matches!(
            update,
            Update::Begun | Update::Usage { .. } | Update::Passing | Update::Mode(_)
        );
        let taken = match update {
            Update::Answer(chunk) => self.answer(&chunk),
            Update::Thought(chunk) => self.say(DeltaKind::Thought, &chunk.text),
            Update::Tool { call, name, title, input, .. } => {
                self.report(|tools| tools.begin(&call, &name, &title, &input))
            }
            Update::ToolProgress { call, ended: Some(state), output } => {
                self.report(|tools| tools.end(&call, state, &output))
            }
            Update::Usage { used, size } => {
                self.scene.outbox.state(thread, FromWorker::Usage { thread, used, size })
            }
            Update::Status(sentence) => {
                self.status = kind_of_status(&sentence).or(self.status);
                self.notice(&sentence);
                Ok(())
            }
            Update::Unknown(kind) => {
                tracing::debug!("{turn}: Goose sent an update of unknown kind {kind:?}");
                Ok(())
            }
            Update::ToolProgress { .. }
            | Update::User(_)
            | Update::Mode(_)
            | Update::Begun
            | Update::Passing => Ok(()),
        };
        if taken == Err(Full) && self.stopping.is_none() {
            self.notice("The answer was cut: it came faster than it could be delivered.");
            self.stop(Why::Flood);
        }
    }

    fn answer(&mut self, chunk: &Chunk) -> Result<(), Full> {
        self.answered |= !chunk.text.is_empty();
        let own = chunk.is_gooses_own.then(|| kind_of_own_words(&chunk.text)).flatten();
        self.own_words = own;
        self.say(DeltaKind::Answer, &chunk.text)
    }

    fn say(&self, kind: DeltaKind, text: &str) -> Result<(), Full> {
        self.scene.outbox.text(self.scene.thread, self.scene.turn, kind, text)
    }

    fn report(
        &mut self,
        change: impl FnOnce(&mut Tools) -> Option<crate::tools::Report>,
    ) -> Result<(), Full> {
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        change(&mut self.tools).map_or(Ok(()), |report| {
            self.scene.outbox.state(thread, report.into_message(thread, turn))
        })
    }

    fn notice(&mut self, sentence: &str) {
        self.notices += 1;
        if self.notices <= MOST_NOTICES {
            let (thread, turn) = (self.scene.thread, self.scene.turn);
            let text = Text::lossy(sentence);
            self.scene.outbox.event(thread, FromWorker::Notice { thread, turn, text });
        }
    }

    /// Goose answered the prompt.
    fn ended(&self, result: Result<Value, RpcError>) -> Outcome {
        let reason = match result {
            Ok(answer) => serde_json::from_value::<PromptResponse>(answer)
                .map_or(StopReason::EndTurn, |response| response.stop_reason),
            Err(error) => {
                let kind = kind_of_error(&error, FailureKind::Protocol);
                return self.failed(kind, &error.text);
            }
        };
        let end = match (reason, self.stopping) {
            (StopReason::Cancelled, Some((why, _))) | (_, Some((why @ Why::Inactive, _))) => {
                self.stopped_end(why)
            }
            (StopReason::Cancelled, None) => TurnEnd::Cancelled,
            (StopReason::MaxTokens, _) => TurnEnd::MaxTokens,
            (StopReason::MaxTurnRequests, _) => TurnEnd::MaxActions,
            (StopReason::Refusal, _) => TurnEnd::Declined,
            _ => self.end_by_words(),
        };
        Outcome {
            // Goose's own words stand in its memory as an answer.
            unfinished: matches!(end, TurnEnd::Cancelled)
                || (matches!(end, TurnEnd::Failed(_)) && self.own_words.is_none()),
            // A stopped tool's children live on; only the leaf's end ends them.
            keep_goose: self.stopping.is_none() || !self.tools.any(),
            end,
        }
    }

    fn end_by_words(&self) -> TurnEnd {
        let failed = |kind, detail: &str| TurnEnd::Failed(failure(kind, detail, self.acted));
        match (self.own_words, self.status) {
            (Some(OwnWords::MaxActions), _) => TurnEnd::MaxActions,
            (Some(OwnWords::Failed(kind)), _) => failed(kind, "Goose's words are in the answer"),
            (None, Some(kind)) => failed(kind, "Goose's words are in a notice"),
            (None, None) if !self.answered => {
                failed(FailureKind::EmptyAnswer, "the turn ended without a word")
            }
            (None, None) => TurnEnd::Complete,
        }
    }

    fn failed(&self, kind: FailureKind, detail: &str) -> Outcome {
        Outcome {
            end: TurnEnd::Failed(failure(kind, detail, self.acted)),
            keep_goose: false,
            unfinished: true,
        }
    }

    fn crashed(&mut self) -> Outcome {
        match self.stopping {
            Some((why, _)) => self.killed(why),
            None => {
                // A tool may run a moment before its notice is written.
                self.acted |= self.begun;
                self.failed(FailureKind::GooseCrashed, &self.goose.last_words())
            }
        }
    }
}
