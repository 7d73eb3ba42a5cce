//! The tool calls of one turn, numbered for the frontend.
//!
//! Trust: names, titles, arguments and output are the agent's; they are cut to
//! size and never looked into.

use std::collections::HashMap;

use gaggle_ipc::session::{FromWorker, ToolState};
use gaggle_ipc::{Text, ThreadId, TurnId};

use crate::acp::update::tool_of_title;

/// Most calls of a turn that are told apart.
const MOST_CALLS: usize = 4096;

/// Calls by Goose's name of them.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    calls: HashMap<String, Call>,
}

#[derive(Debug)]
struct Call {
    number: u32,
    running: bool,
    name: Text<128>,
    title: Text<512>,
    input: Text<8192>,
}

impl Tools {
    /// Whether any tool was called: it may have left something running.
    pub(crate) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// A call begins. `None` for one too many, or one already known.
    pub(crate) fn begin(
        &mut self,
        call: &str,
        name: &str,
        title: &str,
        input: &str,
    ) -> Option<Report> {
        if self.calls.len() >= MOST_CALLS || self.calls.contains_key(call) {
            return None;
        }
        let entry = Call {
            number: u32::try_from(self.calls.len()).unwrap_or(u32::MAX).saturating_add(1),
            running: true,
            name: Text::lossy(&one_line(name)),
            title: Text::lossy(&one_line(title)),
            input: Text::lossy(input),
        };
        let report = entry.report(ToolState::Running, entry.input.clone());
        self.calls.insert(call.to_owned(), entry);
        Some(report)
    }

    /// A call ends. `None` for one that is not running.
    pub(crate) fn end(&mut self, call: &str, state: ToolState, output: &str) -> Option<Report> {
        let call = self.calls.get_mut(call).filter(|call| call.running)?;
        call.running = false;
        Some(call.report(state, tail(output)))
    }

    /// Ends what still runs: Goose says nothing more of it.
    pub(crate) fn abandon(&mut self) -> Vec<Report> {
        let running = self.calls.values_mut().filter(|call| call.running);
        let mut reports: Vec<Report> = running
            .map(|call| {
                call.running = false;
                call.report(ToolState::Abandoned, call.input.clone())
            })
            .collect();
        reports.sort_by_key(|report| report.number);
        reports
    }

    /// The tool of a call: as announced, or by the title of a question about it.
    pub(crate) fn name(&self, call: &str, title: &str) -> Text<128> {
        self.calls
            .get(call)
            .map_or_else(|| Text::lossy(&one_line(&tool_of_title(title))), |call| call.name.clone())
    }
}

impl Call {
    fn report(&self, state: ToolState, detail: Text<8192>) -> Report {
        Report {
            number: self.number,
            state,
            name: self.name.clone(),
            title: self.title.clone(),
            detail,
        }
    }
}

/// News of a call, without its turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    number: u32,
    state: ToolState,
    name: Text<128>,
    title: Text<512>,
    detail: Text<8192>,
}

impl Report {
    /// The message about it.
    pub(crate) fn into_message(self, thread: ThreadId, turn: TurnId) -> FromWorker {
        FromWorker::Tool {
            thread,
            turn,
            call: self.number,
            state: self.state,
            name: self.name,
            title: self.title,
            detail: self.detail,
        }
    }
}

/// Text on one line: what would break it becomes a space.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The end of a text: of output that is what counts.
fn tail(text: &str) -> Text<8192> {
    let room = Text::<8192>::MAX - '…'.len_utf8();
    if text.len() <= Text::<8192>::MAX {
        return Text::lossy(text);
    }
    let mut start = text.len() - room;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    Text::lossy(&format!("…{}", text.get(start..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_numbered_and_each_ends_once() {
        let mut tools = Tools::default();
        assert!(!tools.any());
        assert_eq!(tools.begin("a", "shell", "shell · ls", "ls").unwrap().number, 1);
        assert_eq!(tools.begin("b", "shell", "t", "x").unwrap().number, 2);
        assert_eq!(tools.begin("a", "other", "t", "x"), None);
        let end = tools.end("a", ToolState::Completed, "out").unwrap();
        assert_eq!((end.number, end.detail.as_str()), (1, "out"));
        assert_eq!(tools.end("a", ToolState::Failed, ""), None);
        assert_eq!(tools.end("nobody", ToolState::Failed, ""), None);
        let left = tools.abandon();
        assert_eq!(left.len(), 1);
        assert!(tools.abandon().is_empty() && tools.any());
    }

    #[test]
    fn of_long_output_the_end_is_kept() {
        let long = format!("{}END", "ä".repeat(8192));
        let kept = tail(&long);
        assert!(kept.as_str().starts_with('…') && kept.as_str().ends_with("END"));
        assert_eq!(tail("short").as_str(), "short");
    }

    #[test]
    fn a_title_stays_on_its_line() {
        let mut tools = Tools::default();
        let report = tools.begin("a", "shell\n", "a\nb\r\u{1b}[2J", "x").unwrap();
        assert!(!report.title.as_str().chars().any(char::is_control));
    }

    #[test]
    fn a_flood_of_calls_is_bounded() {
        let mut tools = Tools::default();
        for call in 0..MOST_CALLS + 10 {
            tools.begin(&call.to_string(), "n", "t", "i");
        }
        assert_eq!(tools.calls.len(), MOST_CALLS);
    }
}
