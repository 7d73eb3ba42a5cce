//! Prompts on their way in: parts, put together.
//!
//! Trust: the frontend's, within bounds: a prompt has a largest size, and only
//! so many may be unfinished at once.

use std::collections::HashMap;

use gaggle_ipc::session::{MAX_PROMPT, Part};
use gaggle_ipc::{ThreadId, TurnId};

/// Prompts that may be unfinished at once.
const MOST_UNFINISHED: usize = 64;

/// Unfinished prompts.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    unfinished: HashMap<(ThreadId, TurnId), Draft>,
}

#[derive(Debug)]
enum Draft {
    Text(String),
    TooLong,
}

/// The prompt is over [`MAX_PROMPT`], or one of too many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PromptTooLong;

impl Assembly {
    /// Adds a part.
    pub(crate) fn add(&mut self, thread: ThreadId, turn: TurnId, part: &Part) {
        let room = self.unfinished.len() < MOST_UNFINISHED;
        let key = (thread, turn);
        if !room && !self.unfinished.contains_key(&key) {
            tracing::warn!("too many unfinished prompts; {turn} is refused");
            return;
        }
        let draft = self.unfinished.entry(key).or_insert_with(|| Draft::Text(String::new()));
        match draft {
            Draft::Text(text) if text.len() + part.as_str().len() <= MAX_PROMPT => {
                text.push_str(part.as_str());
            }
            draft => *draft = Draft::TooLong,
        }
    }

    /// Takes the finished prompt out.
    ///
    /// # Errors
    /// [`PromptTooLong`], also for one whose parts were refused.
    pub(crate) fn finish(
        &mut self,
        thread: ThreadId,
        turn: TurnId,
    ) -> Result<String, PromptTooLong> {
        match self.unfinished.remove(&(thread, turn)) {
            Some(Draft::Text(text)) => Ok(text),
            Some(Draft::TooLong) | None => Err(PromptTooLong),
        }
    }

    /// Forgets an unfinished prompt. Returns whether there was one.
    pub(crate) fn forget(&mut self, thread: ThreadId, turn: TurnId) -> bool {
        self.unfinished.remove(&(thread, turn)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaggle_ipc::Text;

    fn thread() -> ThreadId {
        ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap()
    }

    #[test]
    fn parts_of_different_turns_do_not_mix() {
        let mut assembly = Assembly::default();
        for (turn, text) in [(1, "a"), (2, "x"), (1, "b")] {
            assembly.add(thread(), TurnId(turn), &Text::lossy(text));
        }
        assert_eq!(assembly.finish(thread(), TurnId(1)).unwrap(), "ab");
        assert_eq!(assembly.finish(thread(), TurnId(2)).unwrap(), "x");
    }

    #[test]
    fn a_prompt_over_the_limit_is_refused_and_takes_no_more_room() {
        let mut assembly = Assembly::default();
        let part = Text::lossy(&"x".repeat(32 * 1024));
        for _ in 0..MAX_PROMPT / (32 * 1024) {
            assembly.add(thread(), TurnId(1), &part);
            assembly.add(thread(), TurnId(2), &part);
        }
        assembly.add(thread(), TurnId(2), &Text::lossy("y"));
        assert_eq!(assembly.finish(thread(), TurnId(1)).unwrap().len(), MAX_PROMPT);
        assert_eq!(assembly.finish(thread(), TurnId(2)), Err(PromptTooLong));
    }

    #[test]
    fn unfinished_prompts_are_bounded() {
        let mut assembly = Assembly::default();
        for turn in 0..1000 {
            assembly.add(thread(), TurnId(turn), &Text::lossy("x"));
        }
        assert_eq!(assembly.unfinished.len(), MOST_UNFINISHED);
        assert_eq!(assembly.finish(thread(), TurnId(999)), Err(PromptTooLong));
        assert!(assembly.forget(thread(), TurnId(0)) && !assembly.forget(thread(), TurnId(0)));
    }
}
