//! Permission questions of one turn, from Goose to the person and back.
//!
//! Trust: the question is the agent's and is shown whole or not at all; the
//! answer is the person's, by way of the frontend. Only the `_once` options are
//! ever chosen: what Goose takes for "always" holds for every command there is.

use std::collections::HashMap;

use gaggle_ipc::session::{FromWorker, PermissionChoice};
use gaggle_ipc::{Text, ThreadId, TurnId};
use serde_json::Value;

use crate::acp::message::{self, PermissionRequest};
use crate::tools::{Tools, one_line};

/// Questions of one turn that reach the person; more would wear them out.
const MOST_ASKS: u32 = 256;
/// Questions open at once.
const MOST_OPEN: usize = 16;

/// Open questions.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    open: HashMap<u32, Open>,
    asked: u32,
}

#[derive(Debug)]
struct Open {
    id: Value,
    allow: Option<String>,
    reject: Option<String>,
}

/// What becomes of a question.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It goes to the person.
    Show(Box<FromWorker>),
    /// It is rejected unseen: this line to Goose, this sentence to the person.
    Reject(String, &'static str),
}

impl Asks {
    /// Whether Goose waits for a person.
    pub(crate) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes in a question.
    pub(crate) fn ask(
        &mut self,
        id: Value,
        request: PermissionRequest,
        tools: &Tools,
        thread: ThreadId,
        turn: TurnId,
    ) -> Asked {
        let open = Open { id, allow: request.allow_once, reject: request.reject_once };
        if self.asked >= MOST_ASKS || self.open.len() >= MOST_OPEN {
            return Asked::Reject(
                open.answer(PermissionChoice::Reject),
                "The agent asked for permission too often; further questions of this turn are rejected.",
            );
        }
        // Nobody can approve what they cannot see.
        let Ok(detail) = Text::new(request.input) else {
            return Asked::Reject(
                open.answer(PermissionChoice::Reject),
                "The agent asked to run something too long to be shown; it was rejected.",
            );
        };
        self.asked += 1;
        self.open.insert(self.asked, open);
        Asked::Show(Box::new(FromWorker::PermissionAsk {
            thread,
            turn,
            ask: self.asked,
            name: tools.name(&request.call, &request.title),
            title: Text::lossy(&one_line(&request.title)),
            detail,
        }))
    }

    /// The line that gives Goose the person's answer; `None` if the question is
    /// not open.
    pub(crate) fn reply(&mut self, ask: u32, choice: PermissionChoice) -> Option<String> {
        self.open.remove(&ask).map(|open| open.answer(choice))
    }

    /// The lines that end all open questions without an answer.
    pub(crate) fn cancel_all(&mut self) -> Vec<String> {
        let cancelled = message::cancelled_outcome();
        self.open.drain().map(|(_, open)| message::answer(&open.id, &cancelled)).collect()
    }
}

impl Open {
    fn answer(&self, choice: PermissionChoice) -> String {
        let option = match choice {
            PermissionChoice::Allow => &self.allow,
            PermissionChoice::Reject => &self.reject,
        };
        let outcome =
            option.as_deref().map_or_else(message::cancelled_outcome, message::selected_outcome);
        message::answer(&self.id, &outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(input: &str) -> PermissionRequest {
        PermissionRequest {
            call: "c".into(),
            title: "shell · ls".into(),
            input: input.into(),
            allow_once: Some("yes".into()),
            reject_once: Some("no".into()),
        }
    }

    fn ask(asks: &mut Asks, input: &str) -> Asked {
        let thread = ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap();
        asks.ask("q".into(), request(input), &Tools::default(), thread, TurnId(1))
    }

    #[test]
    fn an_answer_reaches_goose_once() {
        let mut asks = Asks::default();
        let Asked::Show(shown) = ask(&mut asks, "rm -r x") else { panic!() };
        let FromWorker::PermissionAsk { ask: number, name, detail, .. } = *shown else { panic!() };
        assert_eq!((name.as_str(), detail.as_str()), ("shell", "rm -r x"));
        let line = asks.reply(number, PermissionChoice::Allow).unwrap();
        assert!(line.contains(r#""optionId":"yes""#), "{line}");
        assert_eq!(asks.reply(number, PermissionChoice::Allow), None);
        assert!(!asks.any_open());
    }

    #[test]
    fn what_cannot_be_shown_whole_is_rejected() {
        let long = format!("true{}; rm -r ~", " ".repeat(40_000));
        let Asked::Reject(line, _) = ask(&mut Asks::default(), &long) else { panic!() };
        assert!(line.contains(r#""optionId":"no""#), "{line}");
    }

    #[test]
    fn a_flood_of_questions_is_rejected() {
        let mut asks = Asks::default();
        for _ in 0..MOST_ASKS {
            let Asked::Show(_) = ask(&mut asks, "ls") else { panic!() };
            asks.reply(asks.asked, PermissionChoice::Reject).unwrap();
        }
        assert!(matches!(ask(&mut asks, "ls"), Asked::Reject(..)));
    }

    #[test]
    fn without_the_option_the_question_ends_unanswered() {
        let open = Open { id: "q".into(), allow: None, reject: None };
        assert!(open.answer(PermissionChoice::Allow).contains("cancelled"));
    }

    #[test]
    fn cancelling_ends_every_open_question() {
        let mut asks = Asks::default();
        ask(&mut asks, "a");
        ask(&mut asks, "b");
        let lines = asks.cancel_all();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.contains("cancelled")));
        assert!(!asks.any_open());
    }
}
