//! `!new`, `!sessions`, `!resume`: which conversation goes on where.
//!
//! Trust: a conversation is found by its person's own numbers, so nobody reaches
//! another's. Its Goose session is in one place: the thread that it is taken from
//! begins anew.

use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::{MattermostId, MattermostUserId};

use super::{Inner, Key, Typed, title};
use crate::mattermost::{ChannelKind, Post, Team};
use crate::state::{Change, Session, StateError, TakeOver};

/// Most conversations that are listed.
const LISTED: u32 = 10;
/// How long Mattermost may take to say how they began.
const LOOKING: Duration = Duration::from_secs(10);

impl Inner {
    pub(super) async fn begin_anew(&self, typed: &Typed) -> Result<String, StateError> {
        if typed.begins_thread() {
            return Ok("Outside of a thread each message begins a conversation of its own: just write. In a thread `!new` begins anew.".to_owned());
        }
        let number = self.current_number(typed.key).await?;
        let back = match number {
            Some(number) => format!(" `!resume {number}` goes back to what was here until now."),
            None => String::new(),
        };
        let answer = format!("Your next message here begins a new conversation.{back}");
        self.change(typed, Change::Anew, answer).await
    }

    /// The number of the session that the conversation goes on in.
    async fn current_number(&self, key: Key) -> Result<Option<u32>, StateError> {
        self.state.current_session(key.user, key.thread).await
    }

    pub(super) async fn list_sessions(&self, user: MattermostUserId) -> Result<String, StateError> {
        let sessions = self.state.sessions(user, LISTED).await?;
        if sessions.is_empty() {
            return Ok(
                "You have no conversations with me yet. Write to me to begin one.".to_owned()
            );
        }
        let looking = async {
            let teams = self.client.teams().await.unwrap_or_default();
            let lines = sessions.iter().map(|session| self.describe(user, session, &teams));
            futures_util::future::join_all(lines).await
        };
        let lines = tokio::time::timeout(LOOKING, looking).await.unwrap_or_else(|_| {
            sessions.iter().map(|session| format!("**{}**", session.number)).collect()
        });
        Ok(format!(
            "Your latest conversations. `!resume N` goes on with one of them where you write it.\n\n- {}",
            lines.join("\n- ")
        ))
    }

    async fn describe(&self, user: MattermostUserId, session: &Session, teams: &[Team]) -> String {
        let began = self.client.post(session.began).await.ok();
        let title = match &began {
            Some(post) => title(&post.message, &self.live().gate.name),
            None => "(its first message is gone)".to_owned(),
        };
        let place = match &began {
            Some(post) => format!(" · {}", self.place_of(session, post, teams).await),
            None => String::new(),
        };
        let key = Key { user, thread: session.thread };
        let state = if session.current && self.registry.knows(key) { " · live" } else { "" };
        format!("**{}** · {title}{place} · {}{state}", session.number, ago(session.used_at))
    }

    /// Where it was used last, for people.
    async fn place_of(&self, session: &Session, began: &Post, teams: &[Team]) -> String {
        let thread: MattermostId = session.thread.into();
        let here = thread == began.channel || began.root == Some(thread) || began.id == thread;
        let channel = match here {
            true => Some(began.channel),
            // It was taken elsewhere since.
            false => self.client.post(thread).await.ok().map(|root| root.channel),
        };
        match channel {
            Some(channel) => self.name_of(channel, teams).await,
            None => "a direct message".to_owned(),
        }
    }

    /// A channel's name and its team's.
    pub(super) async fn name_of(&self, channel: MattermostId, teams: &[Team]) -> String {
        let Ok(channel) = self.client.channel(channel).await else {
            return "a channel that I am not in any more".to_owned();
        };
        let name = match channel.kind {
            ChannelKind::Direct => return "direct message".to_owned(),
            ChannelKind::Group => return "group message".to_owned(),
            _ if channel.display_name.is_empty() => channel.name,
            _ => channel.display_name,
        };
        let team = teams.iter().find(|team| Some(team.id) == channel.team);
        match team {
            Some(team) => crate::markdown::code_span(&format!("{}/{name}", team.name)),
            None => crate::markdown::code_span(&name),
        }
    }

    pub(super) async fn resume(
        self: &Arc<Self>,
        typed: &Typed,
        number: u32,
    ) -> Result<String, StateError> {
        let here = typed.key;
        let Some(session) = self.state.session_numbered(here.user, number).await? else {
            return Ok(format!(
                "You have no conversation {number}. `!sessions` lists those that you have."
            ));
        };
        let there = Key { user: here.user, thread: session.thread };
        if session.current && there == here {
            return Ok("That is the conversation that goes on here.".to_owned());
        }
        if session.current && !self.registry.set_aside(there) {
            return Ok("That conversation is at work in its own thread. Wait until it is done, or write `!stop` there.".to_owned());
        }
        if !self.registry.set_aside(here) {
            return Ok("Something of yours runs or waits in this conversation. Wait until it is done, or write `!stop`.".to_owned());
        }
        let over = TakeOver { user: here.user, number, from: there.thread, to: here.thread };
        let moved = if session.current {
            " Where it was until now, your next message begins anew."
        } else {
            ""
        };
        let answer = format!(
            "Conversation {number} goes on here, with your next message in this conversation.{moved}{}",
            super::choices::go_on(typed)
        );
        self.state.take_over(typed.post.id, over, answer.clone()).await?;
        if session.current {
            // Its Goose is not needed there any more.
            self.close(there);
        }
        Ok(answer)
    }
}

/// How long ago that was, by the local clock.
fn ago(then: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.ok().and_then(|now| i64::try_from(now.as_millis()).ok()).unwrap_or(then);
    let (count, unit) = match (now - then).max(0) / 60_000 {
        0 => return "just now".to_owned(),
        minutes @ 1..60 => (minutes, "minute"),
        minutes @ 60..1440 => (minutes / 60, "hour"),
        minutes => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}
