//! How a replayed history ends: whether a prompt stands unanswered there, and
//! from where on it could be cut out.
//!
//! Trust: Goose's own record, which an earlier turn may have changed. The worst
//! that can come of it is that a prompt is declared void instead of cut.

use crate::acp::update::Update;

/// The end of a replayed history.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// When the first of the unanswered messages at the end was made.
    unanswered: Option<i64>,
    /// When the last thing before them was made.
    before: Option<i64>,
    /// Whether there is anything at all.
    any: bool,
}

impl Replay {
    /// Whether there was nothing.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any
    }

    /// Takes in the next piece of the history.
    pub(crate) fn note(&mut self, update: &Update) {
        match update {
            Update::User(chunk) => {
                self.any = true;
                self.unanswered = self.unanswered.or(chunk.created);
            }
            Update::Answer(chunk) | Update::Thought(chunk) => self.answered(chunk.created),
            Update::Tool { created, .. } => self.answered(*created),
            Update::ToolProgress { .. } => self.answered(None),
            _ => {}
        }
    }

    fn answered(&mut self, created: Option<i64>) {
        self.any = true;
        self.before = created.or(self.before);
        self.unanswered = None;
    }

    /// From when on to cut, if cutting loses nothing else: Goose cuts by the
    /// second.
    pub(crate) fn cut_from(&self) -> Option<i64> {
        self.unanswered.filter(|cut| self.before.is_none_or(|before| before < *cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::update::Chunk;

    fn chunk(created: i64) -> Chunk {
        Chunk { text: "x".into(), is_gooses_own: false, created: Some(created) }
    }

    fn ends(updates: &[Update]) -> Replay {
        let mut replay = Replay::default();
        updates.iter().for_each(|update| replay.note(update));
        replay
    }

    #[test]
    fn unanswered_prompts_at_the_end_are_cut_from_the_first_of_them() {
        let replay = ends(&[
            Update::User(chunk(1)),
            Update::Answer(chunk(2)),
            Update::User(chunk(5)),
            Update::User(chunk(7)),
        ]);
        assert_eq!(replay.cut_from(), Some(5));
        assert_eq!(ends(&[Update::User(chunk(1))]).cut_from(), Some(1));
    }

    #[test]
    fn nothing_is_cut_that_would_take_an_answer_with_it() {
        let answered = [Update::User(chunk(1)), Update::Answer(chunk(2))];
        assert_eq!(ends(&answered).cut_from(), None);
        let same_second =
            [Update::User(chunk(1)), Update::Answer(chunk(2)), Update::User(chunk(2))];
        assert_eq!(ends(&same_second).cut_from(), None);
        assert!(ends(&[]).is_empty() && !ends(&answered).is_empty());
    }

    #[test]
    fn a_tool_that_ran_makes_a_prompt_answered() {
        let ended = Update::ToolProgress { call: "c".into(), ended: None, output: String::new() };
        assert_eq!(ends(&[Update::User(chunk(1)), ended]).cut_from(), None);
    }
}
