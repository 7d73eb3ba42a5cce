//! What a worker says while a turn runs.
//!
//! Trust: as the module above. Titles and texts go to the transcript as they
//! are and are defused where they are shown.

use std::sync::Arc;

use gaggle_ipc::session::{DeltaKind, FromWorker, History, TurnEnd};
use gaggle_ipc::{GooseSession, ModelName, TurnId};

use super::super::Key;
use super::super::approvals::Asked;
use super::Turn;
use super::failures::{self, Step};
use crate::render::defuse::{LinkPolicy, defuse};
use crate::render::{Tool, Transcript};
use crate::state::{Ready, StateError};
use crate::worker::Worker;

/// Most questions of one turn; a worker passes on no more. Of the others nothing
/// is answered, so that they cost nothing.
const MOST_ASKS: u32 = 256;

/// What a frame means for the turn.
pub(super) enum Taken {
    /// It is over.
    Ended(TurnEnd),
    /// It runs.
    Running,
    /// It has not begun, or the frame was not about it.
    Waiting,
    /// Too much of it failed: it is to be ended.
    Enough,
    /// The ledger failed.
    Ledger(StateError),
}

impl Turn<'_> {
    pub(super) async fn take(
        &mut self,
        worker: &Arc<Worker>,
        current: TurnId,
        frame: FromWorker,
    ) -> Taken {
        if turn_of(&frame).is_some_and(|turn| turn != current) {
            return Taken::Waiting;
        }
        match frame {
            FromWorker::ThreadReady { session, history, model, .. } => {
                return self.ready(session, history, model).await;
            }
            FromWorker::TurnEnded { end, .. } => return Taken::Ended(end),
            FromWorker::Usage { used, size, .. } => {
                self.spending.context(used, size);
                return Taken::Waiting;
            }
            FromWorker::ThreadClosed { .. }
            | FromWorker::Hello(_)
            | FromWorker::Probed { .. }
            | FromWorker::ProbeEnded { .. }
            | FromWorker::File { .. } => {
                return Taken::Waiting;
            }
            FromWorker::TurnStarted { .. } => self.spending.start(),
            FromWorker::Spent { input, output, cost, .. } => {
                self.spending.note(input, output, cost);
            }
            FromWorker::OutboxFilled { .. } => self.filled = true,
            FromWorker::Delta { kind, text, .. } => self.show(|transcript| match kind {
                DeltaKind::Answer => transcript.answer(text.as_str()),
                DeltaKind::Thought => transcript.think(text.as_str()),
            }),
            FromWorker::Tool { call, state, name, title, detail, .. } => {
                self.inner.tools_seen.note(self.job.key.user, name.as_str());
                let title = title_or(title.as_str(), name.as_str()).to_owned();
                return self.tool(Tool { call, state, title, detail: detail.into_string() });
            }
            FromWorker::PermissionAsk { .. } if self.asks >= MOST_ASKS => {}
            FromWorker::PermissionAsk { turn, ask, name, title, detail, .. } => {
                self.asks += 1;
                let shown =
                    if detail.as_str().is_empty() { title.as_str() } else { detail.as_str() };
                let asked = Asked {
                    worker: worker.clone(),
                    key: self.job.key,
                    turn: self.job.turn,
                    wire: turn,
                    ask,
                    tool: name.as_str().to_owned(),
                    command: shown.to_owned(),
                    address: self.job.address.clone(),
                    mode: self.mode,
                    refused: self.failures.refusals(),
                    view: self.job.view.clone(),
                    site: self.job.site,
                    stop: self.job.stop.clone(),
                };
                self.inner.ask(asked, self.failures.reached());
            }
            FromWorker::Notice { text, .. } => {
                self.show(|transcript| transcript.note(one_line(text.as_str())));
            }
        }
        Taken::Running
    }

    fn tool(&mut self, tool: Tool) -> Taken {
        let step = self.failures.report(tool.call, tool.state, &tool.title, &tool.detail);
        self.show(|transcript| transcript.tool(tool));
        match step {
            Step::Fine => Taken::Running,
            Step::Limit => {
                let note = failures::note(self.inner.live().tools.max_failures);
                self.show(|transcript| transcript.note(note));
                Taken::Running
            }
            Step::Beyond => Taken::Enough,
        }
    }

    async fn ready(
        &mut self,
        session: GooseSession,
        history: History,
        model: Option<ModelName>,
    ) -> Taken {
        let Key { user, thread } = self.job.key;
        let (turn, lost) = (self.job.turn, history == History::Lost);
        let ready = Ready { user, thread, turn, session, history, model };
        if let Err(error) = self.inner.state.session_ready(ready).await {
            return Taken::Ledger(error);
        }
        if lost {
            self.lost = true;
            self.show(|transcript| transcript.note(HISTORY_LOST.to_owned()));
        }
        Taken::Waiting
    }

    fn show(&self, change: impl FnOnce(&mut Transcript)) {
        self.job.view.send_modify(change);
    }
}

const HISTORY_LOST: &str =
    "I no longer have what was said before in this thread, so I begin anew here.";

fn turn_of(frame: &FromWorker) -> Option<TurnId> {
    match frame {
        FromWorker::TurnStarted { turn, .. }
        | FromWorker::Delta { turn, .. }
        | FromWorker::Tool { turn, .. }
        | FromWorker::PermissionAsk { turn, .. }
        | FromWorker::Notice { turn, .. }
        | FromWorker::Spent { turn, .. }
        | FromWorker::OutboxFilled { turn, .. }
        | FromWorker::TurnEnded { turn, .. } => Some(*turn),
        FromWorker::Hello(_)
        | FromWorker::Probed { .. }
        | FromWorker::ProbeEnded { .. }
        | FromWorker::File { .. }
        | FromWorker::ThreadReady { .. }
        | FromWorker::Usage { .. }
        | FromWorker::ThreadClosed { .. } => None,
    }
}

fn title_or<'a>(title: &'a str, name: &'a str) -> &'a str {
    if title.trim().is_empty() { name } else { title }
}

/// Most characters of a notice. What is done to it must leave it within what
/// a transcript takes.
const MOST_OF_A_NOTICE: usize = 450;

/// A notice as one defused line of bounded length.
fn one_line(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().take(MOST_OF_A_NOTICE).collect();
    defuse(&line, &LinkPolicy::Plain)
}
