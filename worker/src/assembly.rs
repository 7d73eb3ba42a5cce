//! Prompts on their way in: parts and images, put together.
//!
//! Trust: the frontend's, within bounds: a prompt has a largest size, and only
//! so many may be unfinished at once.

use std::collections::HashMap;

use gaggle_ipc::files::FileName;
use gaggle_ipc::session::{MAX_PROMPT, MAX_PROMPT_IMAGES, Part};
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
    Whole(Prompt),
    TooLong,
}

/// What goes to Goose.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// The text.
    pub(crate) text: String,
    /// Images, by their names in the inbox.
    pub(crate) images: Vec<FileName>,
}

/// The prompt is over [`MAX_PROMPT`], or one of too many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PromptTooLong;

impl Assembly {
    /// Adds a part.
    pub(crate) fn add(&mut self, thread: ThreadId, turn: TurnId, part: &Part) {
        self.change(thread, turn, |prompt| {
            let fits = prompt.text.len() + part.as_str().len() <= MAX_PROMPT;
            if fits {
                prompt.text.push_str(part.as_str());
            }
            fits
        });
    }

    /// Adds an image.
    pub(crate) fn add_image(&mut self, thread: ThreadId, turn: TurnId, name: FileName) {
        self.change(thread, turn, |prompt| {
            let fits = prompt.images.len() < MAX_PROMPT_IMAGES;
            if fits {
                prompt.images.push(name);
            }
            fits
        });
    }

    fn change(&mut self, thread: ThreadId, turn: TurnId, add: impl FnOnce(&mut Prompt) -> bool) {
        let room = self.unfinished.len() < MOST_UNFINISHED;
        let key = (thread, turn);
        if !room && !self.unfinished.contains_key(&key) {
            tracing::warn!("too many unfinished prompts; {turn} is refused");
            return;
        }
        let draft = self.unfinished.entry(key).or_insert_with(|| Draft::Whole(Prompt::default()));
        if let Draft::Whole(prompt) = draft
            && !add(prompt)
        {
            *draft = Draft::TooLong;
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
    ) -> Result<Prompt, PromptTooLong> {
        match self.unfinished.remove(&(thread, turn)) {
            Some(Draft::Whole(prompt)) => Ok(prompt),
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
        assert_eq!(assembly.finish(thread(), TurnId(1)).unwrap().text, "ab");
        assert_eq!(assembly.finish(thread(), TurnId(2)).unwrap().text, "x");
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
        assert_eq!(assembly.finish(thread(), TurnId(1)).unwrap().text.len(), MAX_PROMPT);
        assert_eq!(assembly.finish(thread(), TurnId(2)), Err(PromptTooLong));
    }

    #[test]
    fn images_belong_to_their_turn_and_are_bounded() {
        let mut assembly = Assembly::default();
        for number in 0..=MAX_PROMPT_IMAGES {
            if number < 2 {
                assembly.add_image(thread(), TurnId(1), Text::lossy(&format!("{number}.png")));
            }
            assembly.add_image(thread(), TurnId(2), Text::lossy("x.png"));
        }
        let images = assembly.finish(thread(), TurnId(1)).unwrap().images;
        assert_eq!(images, [Text::lossy("0.png"), Text::lossy("1.png")]);
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
