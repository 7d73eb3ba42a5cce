//! Which posts of a thread an agent has not seen.
//!
//! Trust: the ledger says what Goose was told and which posts asked for a turn;
//! who wrote a post says the server. Props mark a post as the bot's answer only
//! where the bot wrote it.

use std::collections::{HashMap, HashSet};

use gaggle_ipc::{MattermostId, MattermostUserId, TurnId};
use serde_json::Value;

use crate::commands::{self, Command};
use crate::delivery::{PROP_PART, PROP_TURN};
use crate::mattermost::Post;
use crate::mentions;
use crate::state::{ThreadTurn, Told};

/// What is known of a thread.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its posts, oldest first, without the one that asks.
    pub posts: &'a [Post],
    /// The ledger's turns in it.
    pub turns: &'a [ThreadTurn],
    /// What the agent was told of it.
    pub told: Told,
    /// The bot.
    pub me: MattermostId,
    /// Its name, without `@`.
    pub name: &'a str,
    /// Whose agent is told.
    pub asker: MattermostUserId,
}

/// Whose words a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voice {
    /// They wrote it.
    Person(MattermostId),
    /// A webhook or a slash command that they made.
    Webhook(MattermostId),
    /// The bot; an answer to them, if anybody knows to whom.
    Own(Option<MattermostId>),
}

/// A post that the agent has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Whose words.
    pub voice: Voice,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// When it was finished, if that took a while.
    pub until: i64,
    /// What it says, with the texts of its attachments.
    pub text: String,
    /// Files attached to it.
    pub files: usize,
    /// It began the thread.
    pub root: bool,
}

/// The posts of `source` that go along, oldest first.
#[must_use]
pub fn unseen(source: Source<'_>) -> Vec<Posted> {
    let turns = source.turns.iter().map(|turn| (turn.post, *turn)).collect();
    let authors = source.posts.iter().map(|post| (post.id, post.user)).collect();
    let typed = source.posts.iter().filter(|post| is_command(post, source.name));
    let commands = typed.map(|post| post.id).collect();
    let finals = source.posts.iter().filter(|post| part(post).is_some_and(is_below));
    let thread = Thread {
        source,
        turns,
        authors,
        commands,
        answered_below: finals.filter_map(asked).collect(),
    };
    source.posts.iter().filter_map(|post| thread.posted(post)).collect()
}

struct Thread<'a> {
    source: Source<'a>,
    turns: HashMap<MattermostId, ThreadTurn>,
    authors: HashMap<MattermostId, MattermostId>,
    /// What was for the bot alone.
    commands: HashSet<MattermostId>,
    /// The questions whose answers stand below their progress.
    answered_below: Vec<MattermostId>,
}

impl Thread<'_> {
    fn posted(&self, post: &Post) -> Option<Posted> {
        if post.is_system() || post.is_gone() {
            return None;
        }
        let own = post.user == self.source.me;
        // The attachments of its answers show its doing.
        let text = if own { post.message.clone() } else { text(post) };
        if text.trim().is_empty() && post.files.is_empty() {
            return None;
        }
        let voice = if own { self.own(post)? } else { self.others(post)? };
        // An answer grows in a post that was made long before.
        let until = if own { post.create_at.max(post.edit_at) } else { post.create_at };
        let posted = Posted {
            voice,
            at: post.create_at,
            until,
            text,
            files: post.files.len(),
            root: post.root.is_none(),
        };
        self.source.told.seen.is_none_or(|seen| posted.until > seen).then_some(posted)
    }

    /// A post of somebody else's, unless Goose has it as a prompt, or it was a
    /// word to the bot alone.
    fn others(&self, post: &Post) -> Option<Voice> {
        if post.from_webhook() {
            return Some(Voice::Webhook(post.user));
        }
        if is_command(post, self.source.name) {
            return None;
        }
        let asked = self.turns.get(&post.id);
        // One that waits will come as a prompt.
        let known = |turn: &&ThreadTurn| {
            let comes = turn.sent || !turn.ended;
            turn.user == self.source.asker && comes && !self.forgotten(turn.turn)
        };
        asked.filter(known).is_none().then_some(Voice::Person(post.user))
    }

    /// A post of the bot's: what it answered others, once it is whole. Other words
    /// of its own count as the beginning of a thread alone.
    fn own(&self, post: &Post) -> Option<Voice> {
        let (Some(asked), Some(part)) = (asked(post), part(post)) else {
            return post.root.is_none().then_some(Voice::Own(None));
        };
        if !is_below(part) && self.answered_below.contains(&asked) {
            return None;
        }
        let Some(turn) = self.turns.get(&asked) else {
            if self.commands.contains(&asked) {
                return None;
            }
            let to = self.authors.get(&asked).copied();
            let theirs = to != Some(self.source.asker.into());
            return theirs.then_some(Voice::Own(to));
        };
        let known = turn.user == self.source.asker && !self.forgotten(turn.turn);
        (turn.ended && !known).then_some(Voice::Own(Some(turn.user.into())))
    }

    /// The agent no longer has what was said in that turn.
    fn forgotten(&self, turn: TurnId) -> bool {
        self.source.told.anew.is_some_and(|anew| turn < anew)
    }
}

/// A word to the bot alone, and none to the agent.
fn is_command(post: &Post, name: &str) -> bool {
    let words = mentions::strip(&post.message, name);
    !matches!(commands::parse(&words), None | Some(Command::Unknown(_) | Command::New(Some(_))))
}

/// The post that this post of the bot's answers.
fn asked(post: &Post) -> Option<MattermostId> {
    MattermostId::new(post.props.get(PROP_TURN)?.as_str()?).ok()
}

fn part(post: &Post) -> Option<&str> {
    post.props.get(PROP_PART).and_then(Value::as_str)
}

/// A post of an answer that stands below the post that showed the progress.
fn is_below(part: &str) -> bool {
    part.starts_with("final-")
}

/// The message, and what a webhook says in attachments.
fn text(post: &Post) -> String {
    let mut text = post.message.clone();
    let attachments = post.props.get("attachments").and_then(Value::as_array);
    for attachment in attachments.into_iter().flatten() {
        let field = |name: &str| attachment.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut parts = vec![field("pretext"), field("title"), field("text")];
        if parts.iter().all(|part| part.is_empty()) {
            parts.push(field("fallback"));
        }
        for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests;
