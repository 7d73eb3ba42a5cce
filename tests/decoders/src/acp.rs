//! Lines that Goose writes to its worker.
//!
//! Trust: none; an agent that follows a hostile text is Goose by another name.

#[path = "../../../worker/src/acp/message.rs"]
#[allow(dead_code, reason = "the worker uses the rest")]
mod message;
#[path = "../../../worker/src/acp/update.rs"]
#[allow(dead_code, reason = "the worker uses the rest")]
mod update;

use message::{Ask, Message};

/// Longest kind of update that is kept, in bytes.
const MAX_KIND: usize = 64;

/// A line is taken apart, and an answer to it is one line too.
pub(crate) fn check(line: &str) {
    match Message::parse(line) {
        Message::Question { id, ask } => {
            let refusal = message::refusal(&id);
            assert_eq!(refusal.matches('\n').count(), 1, "an answer of several lines");
            if let Ask::Permission(request) = ask {
                let option = request.allow_once.as_deref().unwrap_or_default();
                let answer = message::answer(&id, &message::selected_outcome(option));
                assert_eq!(answer.matches('\n').count(), 1, "an answer of several lines");
            }
        }
        Message::Update { update: update::Update::Unknown(kind), .. } => {
            assert!(kind.len() <= MAX_KIND && kind.is_ascii(), "an unbounded word for the log");
        }
        Message::Answer { .. } | Message::Update { .. } | Message::Noise => {}
    }
}
