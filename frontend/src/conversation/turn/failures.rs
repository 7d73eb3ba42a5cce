//! Calls of tools that fail one after the other: when a turn has to stop and ask.
//!
//! Trust: what fails is the agent's own report. The count is a guard against
//! running on blindly, and no boundary.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gaggle_ipc::session::ToolState;

use crate::markdown::code_span;

/// Longest last words of a tool that are shown, in characters.
const MAX_WORDS: usize = 300;

/// What a report means for the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on.
    Fine,
    /// This was the last call that may fail: no more are allowed.
    Limit,
    /// It goes on calling tools all the same, and has to end.
    Beyond,
}

/// Calls that were not allowed: they fail, and are no failures. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::conversation) struct Refused(Arc<AtomicU32>);

impl Refused {
    /// A call is about to fail because it is not allowed.
    pub(in crate::conversation) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// A failure was one of those.
    fn take(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// The failures of one turn.
#[derive(Debug)]
pub(super) struct Failures {
    /// So many in a row are too many; 0 for no limit.
    limit: u32,
    /// Goose asks before a call, and so can be told no.
    asks: bool,
    row: u32,
    /// The newest call known.
    newest: u32,
    /// Calls begun since the limit was reached.
    since: u32,
    refused: Refused,
    /// What failed last, and its last words.
    last: Option<(String, String)>,
}

impl Failures {
    pub(super) fn new(limit: u32, asks: bool) -> Self {
        Self { limit, asks, row: 0, newest: 0, since: 0, refused: Refused::default(), last: None }
    }

    /// To be told of each call that is not allowed, before Goose is.
    pub(super) fn refusals(&self) -> Refused {
        self.refused.clone()
    }

    /// No more calls are allowed.
    pub(super) fn reached(&self) -> bool {
        self.limit > 0 && self.row >= self.limit
    }

    /// Takes in what is reported of a call.
    pub(super) fn report(
        &mut self,
        call: u32,
        state: ToolState,
        title: &str,
        output: &str,
    ) -> Step {
        let begun = call > self.newest;
        self.newest = self.newest.max(call);
        if self.reached() {
            if begun {
                self.since += 1;
            }
            // A refusal has to be heard once before it can be minded.
            let heard = if self.asks { 1 } else { 0 };
            return if self.since > heard { Step::Beyond } else { Step::Fine };
        }
        match state {
            ToolState::Running | ToolState::Abandoned => Step::Fine,
            ToolState::Completed => {
                self.row = 0;
                Step::Fine
            }
            ToolState::Failed if self.refused.take() => Step::Fine,
            ToolState::Failed => {
                self.row += 1;
                let words = output.lines().rfind(|line| !line.trim().is_empty());
                self.last = Some((shorten(title), shorten(words.unwrap_or_default())));
                if self.reached() { Step::Limit } else { Step::Fine }
            }
        }
    }

    /// What the person is told when the turn is ended for it.
    pub(super) fn question(&self) -> String {
        let mut text = format!("🛑 I stopped it: {} calls of tools failed in a row.", self.row);
        if let Some((title, words)) = &self.last {
            text.push_str(&format!(" The last one was {}", code_span(title)));
            match words.as_str() {
                "" => text.push('.'),
                words => text.push_str(&format!(", and it said {}.", code_span(words))),
            }
        }
        text.push_str(" How shall I go on?");
        text
    }
}

/// Said above the answer when the limit is reached.
pub(super) fn note(limit: u32) -> String {
    format!(
        "{limit} calls of tools failed in a row, so no more are allowed before you say how to go on."
    )
}

fn shorten(text: &str) -> String {
    let line: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    line.join(" ").chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins and ends a call; what came of both.
    fn call(failures: &mut Failures, number: u32, state: ToolState) -> (Step, Step) {
        let begun = failures.report(number, ToolState::Running, "shell · make", "");
        (begun, failures.report(number, state, "shell · make", "no rule\nmake: *** stop\n\n"))
    }

    #[test]
    fn three_in_a_row_are_the_limit_and_a_success_begins_anew() {
        let mut failures = Failures::new(3, false);
        for (number, state, want) in [
            (1, ToolState::Failed, Step::Fine),
            (2, ToolState::Failed, Step::Fine),
            (3, ToolState::Completed, Step::Fine),
            (4, ToolState::Failed, Step::Fine),
            (5, ToolState::Failed, Step::Fine),
            (6, ToolState::Failed, Step::Limit),
        ] {
            assert_eq!(call(&mut failures, number, state), (Step::Fine, want), "{number}");
        }
        assert_eq!(
            failures.question(),
            "🛑 I stopped it: 3 calls of tools failed in a row. The last one was `shell · make`, and it said `make: *** stop`. How shall I go on?"
        );
    }

    #[test]
    fn beyond_the_limit_nothing_runs_unasked() {
        let mut unasked = Failures::new(1, false);
        call(&mut unasked, 1, ToolState::Failed);
        // News of the same call are none of another.
        assert_eq!(unasked.report(1, ToolState::Failed, "", ""), Step::Fine);
        assert_eq!(unasked.report(2, ToolState::Running, "", ""), Step::Beyond);
    }

    #[test]
    fn where_goose_asks_it_hears_a_no_first() {
        let mut asked = Failures::new(1, true);
        call(&mut asked, 1, ToolState::Failed);
        assert!(asked.reached());
        assert_eq!(call(&mut asked, 2, ToolState::Failed), (Step::Fine, Step::Fine));
        assert_eq!(asked.report(3, ToolState::Running, "", ""), Step::Beyond);
    }

    #[test]
    fn what_was_not_allowed_did_not_fail() {
        let mut failures = Failures::new(2, true);
        call(&mut failures, 1, ToolState::Failed);
        failures.refusals().add();
        assert_eq!(call(&mut failures, 2, ToolState::Failed), (Step::Fine, Step::Fine));
        assert_eq!(call(&mut failures, 3, ToolState::Failed), (Step::Fine, Step::Limit));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let mut failures = Failures::new(0, false);
        for number in 1..50 {
            assert_eq!(call(&mut failures, number, ToolState::Failed), (Step::Fine, Step::Fine));
        }
    }
}
