//! `!approve`, `!deny`: answers to Goose's questions.
//!
//! Trust: only the person whose turn asks is listened to.

use super::super::approvals::{Decision, Told};
use super::{Inner, Typed};

impl Inner {
    /// `None` if the question's own post says all there is to say.
    pub(super) fn decide(
        &self,
        typed: &Typed,
        name: Option<&str>,
        decision: Decision,
    ) -> Option<String> {
        let text = match self.approvals.typed(typed.key, name, decision) {
            Told::Decided => return None,
            Told::Which => {
                "Goose waits for several answers of yours here. Say which one: `!approve NAME`, as its question shows it."
            }
            Told::Nothing => "Goose has not asked you that, or not any more.",
        };
        Some(text.to_owned())
    }
}
