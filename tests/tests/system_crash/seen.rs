//! What a person sees of the answer to one of their messages.
//!
//! Trust: none; posts as Mattermost shows them.

use gaggle_tests::lab::Answer;
use gaggle_tests::mattermost::Post;

use crate::world::{Asked, World};

/// How an answer stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// Nothing final yet; what there is.
    Open(String),
    /// What was asked for.
    Answered,
    /// It says that it was cut short.
    Interrupted,
    /// It says that it failed, or could not begin.
    Failed,
    /// Something that nobody should see.
    Wrong(String),
}

impl Seen {
    /// The outcomes in the ledger that say the same.
    pub(crate) fn outcomes(&self) -> &'static [&'static str] {
        match self {
            Self::Answered => &["complete"],
            Self::Interrupted => &["interrupted"],
            Self::Failed => &["failed", "refused"],
            Self::Open(_) | Self::Wrong(_) => &[],
        }
    }
}

/// Marks of a question about a tool.
pub(crate) const QUESTION: &str = "🔐";

impl World {
    /// What stands below `asked`.
    pub(crate) fn seen(&self, asked: &Asked) -> Seen {
        let answer = self.posts_of(asked);
        let text = answer.text();
        let waits = ["Thinking...", "Queued: ", "I am being restarted"];
        if !answer.is_whole() || waits.iter().any(|word| text.contains(word)) {
            return Seen::Open(text);
        }
        if let Some(part) = twice(&answer) {
            return Seen::Wrong(format!("{part} twice: {text}"));
        }
        let (notes, cut) = (text.matches("⚠️").count(), text.contains("Interrupted"));
        match (notes, cut, asked.is_answered_by(&text)) {
            (0, false, true) => Seen::Answered,
            (1, true, _) => Seen::Interrupted,
            (1, false, _) => Seen::Failed,
            _ => Seen::Wrong(text),
        }
    }

    /// The bot's posts that answer it, without questions about tools.
    pub(crate) fn posts_of(&self, asked: &Asked) -> Answer {
        let mut answer = Answer::to(&self.lab.simulator, self.lab.bot.id, asked.root, asked.post);
        answer.posts.retain(|post| !post.message.contains(QUESTION));
        answer
    }
}

/// A part of the answer that there is more than once. All answers here are
/// short, so each part is the whole.
fn twice(answer: &Answer) -> Option<&'static str> {
    let part = |post: &Post| post.props.get("gaggle_part")?.as_str().map(str::to_owned);
    let parts: Vec<String> = answer.posts.iter().filter_map(part).collect();
    // A turn that took long has both: its progress, and the answer below.
    let of = |kind: &str| parts.iter().filter(|part| part.starts_with(kind)).count();
    ["answer", "final"].into_iter().find(|kind| of(kind) > 1)
}
