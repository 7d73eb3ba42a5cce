//! How much of the agent's doing is shown while it works.
//!
//! Trust: titles, outputs and thoughts are the agent's; attachments notify and
//! fetch like messages do, so they are defused alike.

use gaggle_ipc::session::ToolState;
use serde_json::{Value, json};

use super::defuse::{LinkPolicy, defuse};
use super::split::closed;
use super::{Tool, Transcript, output};
use crate::markdown::code_span;

/// Longest last action that is shown, in characters.
const MAX_ACTION: usize = 100;
/// Most calls whose output is shown, the last ones.
const MAX_BLOCKS: usize = 3;
/// Most tool calls in the attachment.
const MAX_TOOLS: usize = 25;
/// How much of the newest thinking is shown, in characters.
const MAX_THOUGHT: usize = 1500;
/// Longest line of a failed tool's output, in characters.
const MAX_OUTPUT: usize = 150;
/// Longest attachment as JSON, in characters: all props together must stay
/// below 8,000, and the server adds fields of its own.
const MAX_ATTACHMENT: usize = 6000;

/// The line `Thinking... [last action]`, with its outcome once there is one.
pub(super) fn status(transcript: &Transcript) -> String {
    match transcript.tools.last() {
        Some(tool) => {
            let action = first(&one_line(&tool.title), MAX_ACTION);
            let (mark, _) = outcome(tool.state);
            let mark = if tool.state == ToolState::Running { "" } else { mark };
            let space = if mark.is_empty() { "" } else { " " };
            format!("Thinking... [{mark}{space}{}]", defuse(&action, &LinkPolicy::Plain))
        }
        None => "Thinking...".to_owned(),
    }
}

/// Tool calls and thinking as an attachment; `None` if there are none.
pub(super) fn attachments(transcript: &Transcript) -> Option<Value> {
    let mut text = tools(transcript);
    let thought = last(transcript.thought.trim(), MAX_THOUGHT);
    if !thought.is_empty() {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str("**Thinking**\n");
        text.push_str(&defuse(&thought, &LinkPolicy::Plain));
    }
    if text.is_empty() {
        return None;
    }
    let mut limit = MAX_ATTACHMENT;
    loop {
        let value = json!([{ "fallback": "what the agent is doing", "text": text }]);
        if value.to_string().chars().count() <= MAX_ATTACHMENT {
            return Some(value);
        }
        // JSON may take several characters for one: try again with less.
        limit = limit * 3 / 4;
        text = defuse(&closed(&first(&text, limit)), &LinkPolicy::Plain);
    }
}

fn tools(transcript: &Transcript) -> String {
    let hidden = transcript.tools.len().saturating_sub(MAX_TOOLS);
    let mut lines = Vec::new();
    if hidden > 0 {
        lines.push(format!("({hidden} earlier actions)"));
    }
    // What ran last is what people look at.
    let ended = |tool: &&Tool| matches!(tool.state, ToolState::Completed | ToolState::Failed);
    let shown = transcript.tools.iter().rev().filter(ended).take(MAX_BLOCKS);
    let shown: Vec<u32> = shown.map(|tool| tool.call).collect();
    for tool in transcript.tools.iter().skip(hidden) {
        let (mark, word) = outcome(tool.state);
        let title = code_span(&first(&one_line(&tool.title), MAX_ACTION));
        let mut line = format!("{mark} {title} {word}");
        let block = shown.contains(&tool.call).then(|| output::block(&tool.detail)).flatten();
        if let Some(block) = block {
            line.push('\n');
            line.push_str(&block);
        } else if tool.state == ToolState::Failed
            && let Some(output) = tool.detail.lines().rfind(|line| !line.trim().is_empty())
        {
            line.push_str(": ");
            line.push_str(&code_span(&first(&one_line(output), MAX_OUTPUT)));
        }
        lines.push(line);
    }
    lines.join("\n")
}

fn outcome(state: ToolState) -> (&'static str, &'static str) {
    match state {
        ToolState::Running => ("⏳", "running"),
        ToolState::Completed => ("✅", "completed"),
        ToolState::Failed => ("❌", "failed"),
        ToolState::Abandoned => ("⏹️", "abandoned"),
    }
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn first(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn last(text: &str, limit: usize) -> String {
    let skipped = text.chars().count().saturating_sub(limit);
    let tail: String = text.chars().skip(skipped).collect();
    if skipped > 0 { format!("…{tail}") } else { tail }
}
