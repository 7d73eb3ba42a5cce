//! When an answer is whole, seen from outside.
//!
//! Trust: the posts are the bot's. While it works its last line says so; but an
//! answer of several posts is put up one by one, with moments in between at
//! which it looks whole.

use std::time::{Duration, Instant};

use crate::mattermost::Post;

/// An answer that looks whole and stays as it is for so long is.
const STILL: Duration = Duration::from_millis(400);

/// Watches one answer.
#[derive(Debug, Default)]
pub struct Settling {
    seen: String,
    since: Option<Instant>,
}

impl Settling {
    /// Takes what the bot's posts are now; the whole text once it is whole.
    pub fn look(&mut self, posts: &[Post]) -> Option<String> {
        let text = text(posts);
        if text != self.seen {
            (self.seen, self.since) = (text, Some(Instant::now()));
        }
        let still = self.since.is_some_and(|since| since.elapsed() >= STILL);
        (still && looks_whole(posts)).then(|| self.seen.clone())
    }
}

fn looks_whole(posts: &[Post]) -> bool {
    posts.last().is_some_and(|post| {
        let last = post.message.lines().last().unwrap_or_default();
        !last.starts_with("Thinking...")
            && !last.starts_with("Queued:")
            && !last.ends_with("The answer is below.*")
    })
}

/// Several posts as one text.
pub(super) fn text(posts: &[Post]) -> String {
    posts.iter().map(|post| post.message.as_str()).collect::<Vec<_>>().join("\n")
}

/// The answer says that something went wrong: it ends with an error id.
#[must_use]
pub fn tells_of_failure(answer: &str) -> bool {
    let id = answer.trim_end().rsplit_once("(E-").map(|(_, id)| id);
    id.is_some_and(|id| id.len() == 7 && id.ends_with(')'))
}
