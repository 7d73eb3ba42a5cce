//! Answers as the bot's posts show them, and when they are whole.
//!
//! Trust: the props that the bot puts on its posts: which post each answers, and
//! on the first one, last of all, that nothing more will come.

use std::time::Duration;

use anyhow::{Context, Result};

use super::wait;
use crate::mattermost::{Id, Post, Simulator};

/// The post that a post of the bot's answers.
const PROP_TURN: &str = "gaggle_turn";
/// Which part of the answer a post is.
const PROP_PART: &str = "gaggle_part";
/// The answer is whole, and how it ended.
const PROP_DONE: &str = "gaggle_done";

/// A bot that is there at all answers within this.
const BOT_START: Duration = Duration::from_secs(60);

/// What answers one post, so far.
#[derive(Debug, Default)]
pub struct Answer {
    /// The bot's posts, oldest first.
    pub posts: Vec<Post>,
}

impl Answer {
    /// What answers the post `asked` in the thread of `root`.
    #[must_use]
    pub fn to(simulator: &Simulator, bot: Id, root: Id, asked: Id) -> Self {
        let mut posts = simulator.thread(root);
        posts.retain(|post| {
            let turn = post.props.get(PROP_TURN).and_then(|turn| turn.as_str());
            post.user_id == bot && turn == Some(asked.as_str())
        });
        Self { posts }
    }

    /// Nothing more will come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.posts.iter().any(|post| post.props.contains_key(PROP_DONE))
    }

    /// The text, without the post that showed the progress of a long turn.
    #[must_use]
    pub fn text(&self) -> String {
        let below = |post: &&Post| {
            let part = post.props.get(PROP_PART).and_then(|part| part.as_str());
            part.is_some_and(|part| part.starts_with("final"))
        };
        let long = self.posts.iter().any(|post| below(&post));
        let shown = self.posts.iter().filter(|post| !long || below(post));
        shown.map(|post| post.message.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// It says that something went wrong: it ends with an error id.
    #[must_use]
    pub fn tells_of_failure(&self) -> bool {
        let text = self.text();
        let id = text.trim_end().rsplit_once("(E-").map(|(_, id)| id);
        id.is_some_and(|id| id.len() == 7 && id.ends_with(')'))
    }
}

/// Waits until the bot answers at all. What was posted before its very first
/// look at Mattermost is history to it and stays unanswered.
///
/// # Errors
/// It does not.
pub fn wait_for_bot(simulator: &Simulator, bot: Id) -> Result<()> {
    let usher = simulator.create_user("usher")?.id;
    let channel = simulator.direct_channel(usher, bot)?;
    let answered = || simulator.posts(channel).iter().any(|post| post.user_id == bot);
    let mut looks = 0_u32;
    let up = wait::until(BOT_START, || {
        // Not at every look: each that counts is answered.
        if looks.is_multiple_of(25) {
            simulator.post(usher, channel, "!help").ok();
        }
        looks += 1;
        answered().then_some(())
    });
    up.context("the bot answers nobody")
}
