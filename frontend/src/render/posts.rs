//! A turn as the posts that show it.
//!
//! Trust: what comes out is safe to post: defused, never empty, each post under
//! Mattermost's limits, thinking never in the message.

use gaggle_ipc::session::ToolState;
use serde_json::Value;

use super::defuse::{LinkPolicy, defuse, without_signs};
use super::split::{closed, split};
use super::{Phase, Transcript, trace};
use crate::config::TraceMode;

/// Most characters of the answer in one post. Mattermost takes 16,383; the rest
/// is for the lines that are put around it.
const LIMIT: usize = 15_500;

/// What is to be seen of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The messages of its posts, in order; none if nothing is to be shown.
    pub messages: Vec<String>,
    /// Of the first post.
    pub attachments: Option<Value>,
}

/// How turns are shown.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// How much of the agent's doing is shown.
    pub trace: TraceMode,
    /// Which links of its answer may be followed.
    pub links: LinkPolicy,
}

/// How `transcript` looks now.
#[must_use]
pub fn posts(transcript: &Transcript, style: &Style) -> Rendered {
    let mode = style.trace;
    let below = match &transcript.phase {
        Phase::Held | Phase::Withdrawn => {
            return Rendered { messages: Vec::new(), attachments: None };
        }
        Phase::Queued => {
            Some("Queued: I come to this as soon as your message before it is answered.".to_owned())
        }
        Phase::Postponed => {
            Some("I am being restarted and come to this right afterwards.".to_owned())
        }
        Phase::Working(_) => working(transcript, mode),
        Phase::Ended(ending) => ending.note.clone(),
    };
    let mut messages = answer(transcript, &style.links);
    match (below, messages.last_mut()) {
        (Some(below), Some(last)) => {
            last.push_str("\n\n");
            last.push_str(&below);
        }
        (Some(below), None) => messages.push(below),
        (None, Some(_)) => {}
        (None, None) => messages.push("(no answer)".to_owned()),
    }
    put_above(transcript, &mut messages);
    let attachments = match mode {
        TraceMode::Full => trace::attachments(transcript),
        TraceMode::Off | TraceMode::Simplified => None,
    };
    Rendered { messages, attachments }
}

/// The line under an answer that still grows.
fn working(transcript: &Transcript, mode: TraceMode) -> Option<String> {
    let begun = !transcript.answer.trim().is_empty();
    match mode {
        TraceMode::Simplified => Some(trace::status(transcript)),
        TraceMode::Off | TraceMode::Full if begun => None,
        TraceMode::Off | TraceMode::Full => Some("Thinking...".to_owned()),
    }
}

fn answer(transcript: &Transcript, links: &LinkPolicy) -> Vec<String> {
    // An open code block is none to some clients.
    let mut text = defuse(&closed(transcript.answer.trim()), links);
    if transcript.cut {
        text.push_str("\n\n*The answer is longer than I can show; the rest is missing here.*");
    }
    let notes: usize = transcript.notes.iter().map(|note| note.chars().count() + 8).sum();
    let limit = LIMIT.saturating_sub(notes);
    split(&text, limit)
        .iter()
        .map(|piece| piece.text())
        .filter(|piece| !piece.trim().is_empty())
        .map(|piece| {
            // A cut through code may have laid a mention bare.
            let again = defuse(&piece, links);
            if again.chars().count() <= limit { again } else { without_signs(&piece) }
        })
        .collect()
}

/// Notes come first in the first post.
fn put_above(transcript: &Transcript, messages: &mut [String]) {
    if let Some(first) = messages.first_mut()
        && !transcript.notes.is_empty()
    {
        let notes: Vec<_> = transcript.notes.iter().map(|note| format!("> {note}")).collect();
        *first = format!("{}\n\n{first}", notes.join("\n> \n"));
    }
}

/// The first of the posts of an answer, so that it notifies `person`.
#[must_use]
pub fn with_person(message: &str, person: &str) -> String {
    format!("@{person}\n\n{message}")
}

/// What is left of the post that showed the progress of a long turn, once the
/// answer stands below it.
#[must_use]
pub fn progress_left(transcript: &Transcript, mode: TraceMode, seconds: u64) -> String {
    let time = match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    };
    let failed = transcript.tools.iter().filter(|tool| tool.state == ToolState::Failed).count();
    let mut actions = match (mode, transcript.tools.len()) {
        (TraceMode::Off, _) | (_, 0) => String::new(),
        (_, 1) => ", 1 action".to_owned(),
        (_, count) => format!(", {count} actions"),
    };
    if failed > 0 && !actions.is_empty() {
        actions.push_str(&format!(", {failed} failed"));
    }
    format!("*Worked for {time}{actions}. The answer is below.*")
}

#[cfg(test)]
mod tests;
