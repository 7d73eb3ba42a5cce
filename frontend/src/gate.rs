//! What becomes of a post: answered, ignored or refused, as pure functions.
//!
//! Trust: `user` is who Mattermost says wrote the post, unless a webhook did;
//! `props` can be set by anybody and so only ever take rights away. An edit
//! never prompts, because a post is handed over once in its life.

mod access;

use std::collections::HashSet;

use gaggle_ipc::MattermostId;

use crate::commands::{self, Command};
use crate::config::{Access, DirectRule, MentionRule, Rules};
use crate::mattermost::{ChannelKind, Post, User};
use crate::mentions;

pub use access::{Denied, Site, Verdict, judge, judge_member};

/// Who may use the bot, ids resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approved {
    /// Everybody whom root has in its mapping.
    Mapped,
    /// These alone, and root's mapping on top.
    Only(HashSet<MattermostId>),
}

/// The gate's settings.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The bot.
    pub me: MattermostId,
    /// Its name, without `@`.
    pub name: String,
    /// Where it answers.
    pub rules: Rules,
    /// Whom it answers.
    pub approved: Approved,
    /// Channels, teams and people that it works for.
    pub access: Access,
    /// Bots that count as people.
    pub allowed_bots: HashSet<MattermostId>,
}

/// What is known of the place a post stands in.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The channel's sort.
    pub kind: ChannelKind,
    /// The bot answers this person in this thread already.
    pub conversing: bool,
    /// A turn of anybody runs in this thread.
    pub busy: bool,
    /// A turn of this person runs in this channel.
    pub running: bool,
}

/// What a post asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A turn, with this text; empty if the post has nothing but files.
    Prompt(String),
    /// A command.
    Command(Command),
}

/// Why a post is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// The bot's own.
    Own,
    /// Deleted, or a kept copy of a former text.
    Gone,
    /// Written by the server or a plugin.
    System,
    /// Written by a webhook or a slash command in somebody's name.
    Webhook,
    /// From another server.
    Remote,
    /// From a bot that is not allowed.
    Bot,
    /// Its author's account is deactivated.
    Deactivated,
    /// Direct messages are switched off.
    DirectOff,
    /// Not for the bot.
    NotAddressed,
}

/// The verdict on an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// May ask.
    Admitted,
    /// Is left alone.
    Ignored(Ignored),
    /// Is told that they may not.
    Refused,
}

impl Gate {
    /// What `post` asks for, judged by itself and its place.
    ///
    /// # Errors
    /// [`Ignored`]: nothing.
    pub fn screen(&self, post: &Post, place: Place) -> Result<Request, Ignored> {
        self.written_by_a_person(post)?;
        let mentioned = !mentions::find(&post.message, &self.name).is_empty();
        let text = mentions::strip(&post.message, &self.name);
        let command = commands::parse(&text);
        if !self.addressed(post, place, mentioned, command.as_ref())? {
            return Err(Ignored::NotAddressed);
        }
        Ok(match command {
            Some(command) => Request::Command(command),
            None if !text.is_empty() || !post.files.is_empty() => Request::Prompt(text),
            None => Request::Command(Command::Help(None)),
        })
    }

    /// Whether `author` may ask.
    #[must_use]
    pub fn admit(&self, author: &User) -> Admission {
        if !author.remote_id.is_empty() {
            return Admission::Ignored(Ignored::Remote);
        }
        if author.delete_at != 0 {
            return Admission::Ignored(Ignored::Deactivated);
        }
        if author.is_bot && !self.allowed_bots.contains(&author.id) {
            return Admission::Ignored(Ignored::Bot);
        }
        if !self.access.users.allows(author.id) {
            return Admission::Refused;
        }
        match &self.approved {
            Approved::Mapped => Admission::Admitted,
            Approved::Only(ids) if ids.contains(&author.id) => Admission::Admitted,
            Approved::Only(_) => Admission::Refused,
        }
    }

    fn written_by_a_person(&self, post: &Post) -> Result<(), Ignored> {
        if post.user == self.me {
            return Err(Ignored::Own);
        }
        if post.is_gone() {
            return Err(Ignored::Gone);
        }
        // Plugins write types of their own; `me` is what `/me` makes.
        if !matches!(post.kind.as_str(), "" | "me") {
            return Err(Ignored::System);
        }
        if post.from_webhook() {
            return Err(Ignored::Webhook);
        }
        if !post.remote_id.is_empty() {
            return Err(Ignored::Remote);
        }
        if post.from_bot() && !self.allowed_bots.contains(&post.user) {
            return Err(Ignored::Bot);
        }
        Ok(())
    }

    fn addressed(
        &self,
        post: &Post,
        place: Place,
        mentioned: bool,
        command: Option<&Command>,
    ) -> Result<bool, Ignored> {
        let rule = match place.kind {
            ChannelKind::Direct if self.rules.direct == DirectRule::Ignore => {
                return Err(Ignored::DirectOff);
            }
            ChannelKind::Direct => return Ok(true),
            ChannelKind::Group => self.rules.group,
            ChannelKind::Private | ChannelKind::Public => self.rules.channel,
        };
        if mentioned {
            return Ok(true);
        }
        let in_thread = post.root.is_some();
        // Stopping must never need more than the word, nor must an answer.
        let own = matches!(command, Some(Command::Stop | Command::Approve(_) | Command::Deny(_)));
        if own {
            return Ok(place.running || (in_thread && (place.conversing || place.busy)));
        }
        Ok(rule == MentionRule::ExceptInOwnThread
            && in_thread
            && place.conversing
            && !mentions::begins_with_another(&post.message, &self.name))
    }
}

#[cfg(test)]
mod tests;
