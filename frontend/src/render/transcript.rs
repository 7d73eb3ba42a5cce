//! What is known of a turn so far.
//!
//! Trust: texts are the agent's, kept as they came; every collection is bounded.

use std::time::Duration;

use gaggle_ipc::session::ToolState;
use tokio::time::Instant;

use crate::state::Outcome;

/// Longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// How much of the newest thinking is kept, in bytes.
const MAX_THOUGHT: usize = 8 * 1024;
/// Most tool calls that are kept.
const MAX_TOOLS: usize = 200;
/// Most notes that are kept.
const MAX_NOTES: usize = 10;
/// Longest note, in characters.
const MAX_NOTE: usize = 500;

/// Where a turn stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It is not known yet whether this person may have a worker at all:
    /// nothing is shown.
    Held,
    /// An earlier turn of the thread comes first.
    Queued,
    /// It runs, since then.
    Working(Instant),
    /// It is over.
    Ended(Ending),
    /// It was not begun, and will be by the process that comes next.
    Postponed,
    /// Nothing is to be shown, and what is shown is to go.
    Withdrawn,
}

/// How a turn ended, for the thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// For the ledger.
    pub outcome: Outcome,
    /// A sentence of ours below the answer.
    pub note: Option<String>,
    /// How long it took, if that was so long that people have turned to
    /// something else.
    pub long: Option<Duration>,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its number in the turn.
    pub call: u32,
    /// How far it is.
    pub state: ToolState,
    /// One line for people.
    pub title: String,
    /// The end of its output, or its arguments.
    pub detail: String,
}

/// A turn as far as it is known.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// Where it stands.
    pub phase: Phase,
    /// The answer so far.
    pub answer: String,
    /// The answer was cut at [`MAX_ANSWER`].
    pub cut: bool,
    /// The newest of the model's thinking.
    pub thought: String,
    /// The tool calls, in their order.
    pub tools: Vec<Tool>,
    /// Sentences of ours above the answer.
    pub notes: Vec<String>,
    /// A tool was called since the last word of the answer.
    interrupted: bool,
}

impl Transcript {
    /// A turn of which nothing is known but its phase.
    #[must_use]
    pub fn new(phase: Phase) -> Self {
        Self {
            phase,
            answer: String::new(),
            cut: false,
            thought: String::new(),
            tools: Vec::new(),
            notes: Vec::new(),
            interrupted: false,
        }
    }

    /// Forgets what an attempt left behind that is now made anew.
    pub fn restart(&mut self) {
        *self = Self { notes: std::mem::take(&mut self.notes), ..Self::new(self.phase.clone()) };
    }

    /// More of the answer. What comes after a tool call is a paragraph of its
    /// own: models end one message and begin the next without a line break.
    pub fn answer(&mut self, text: &str) {
        let text = if self.interrupted { text.trim_start_matches('\n') } else { text };
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.interrupted) {
            while !self.answer.is_empty() && !self.answer.ends_with("\n\n") {
                self.answer.push('\n');
            }
        }
        if self.answer.len() + text.len() > MAX_ANSWER {
            self.cut = true;
        }
        if !self.cut {
            self.answer.push_str(text);
        }
    }

    /// More of the model's thinking.
    pub fn think(&mut self, text: &str) {
        self.thought.push_str(text);
        let mut start = self.thought.len().saturating_sub(MAX_THOUGHT);
        while !self.thought.is_char_boundary(start) {
            start += 1;
        }
        self.thought.drain(..start);
    }

    /// A tool call that is new or has changed.
    pub fn tool(&mut self, tool: Tool) {
        match self.tools.iter_mut().find(|known| known.call == tool.call) {
            Some(known) => *known = tool,
            None => {
                if self.tools.len() == MAX_TOOLS {
                    self.tools.remove(0);
                }
                self.tools.push(tool);
                self.interrupted = true;
            }
        }
    }

    /// A sentence above the answer.
    pub fn note(&mut self, note: String) {
        let fits = note.chars().count() <= MAX_NOTE;
        if fits && self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The turn is over: what still ran was abandoned.
    pub fn end(&mut self, ending: Ending) {
        for tool in &mut self.tools {
            if tool.state == ToolState::Running {
                tool.state = ToolState::Abandoned;
            }
        }
        self.phase = Phase::Ended(ending);
    }

    /// Nothing of it will change any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_) | Phase::Postponed | Phase::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(call: u32, state: ToolState) -> Tool {
        Tool { call, state, title: "shell".to_owned(), detail: String::new() }
    }

    fn answered(pieces: &[&str]) -> String {
        let mut turn = Transcript::new(Phase::Queued);
        let mut calls = 0;
        for piece in pieces {
            if *piece == "TOOL" {
                calls += 1;
                turn.tool(tool(calls, ToolState::Running));
            } else {
                turn.answer(piece);
            }
        }
        turn.answer
    }

    #[test]
    fn words_before_and_after_a_tool_call_do_not_run_together() {
        for (pieces, want) in [
            (&["I look.", "TOOL", "Two", " files."][..], "I look.\n\nTwo files."),
            (&["I look.", "TOOL", "TOOL", "\n", "\n", "Two."], "I look.\n\nTwo."),
            (&["I look.\n", "TOOL", "\nTwo."], "I look.\n\nTwo."),
            (&["TOOL", "Two."], "Two."),
            (&["Two\n\n", "\nthree"], "Two\n\n\nthree"),
        ] {
            assert_eq!(answered(pieces), want, "{pieces:?}");
        }
    }

    #[test]
    fn news_of_a_tool_call_do_not_break_a_sentence() {
        let mut turn = Transcript::new(Phase::Queued);
        turn.tool(tool(1, ToolState::Running));
        turn.answer("Two ");
        turn.tool(tool(1, ToolState::Completed));
        turn.answer("files.");
        assert_eq!(turn.answer, "Two files.");
    }
}
