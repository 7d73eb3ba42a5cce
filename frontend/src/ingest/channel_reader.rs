//! Reads what is new in one channel and hands it over.
//!
//! Trust: a post counts as new by what was handed over before, never by its
//! time alone; time only bounds how far back to look.

use gaggle_ipc::MattermostId;

use super::followed::Followed;
use super::{Intake, NotTaken, Noticed};
use crate::mattermost::walk::Walk;
use crate::mattermost::{self, Channel, Client, Post};
use crate::state::{Anchor, SeenPost, State, StateError};

/// Why a channel was not read whole.
#[derive(Debug)]
pub(super) enum Unread {
    Mattermost(mattermost::Error),
    State(StateError),
    NotTaken(NotTaken),
}

impl From<mattermost::Error> for Unread {
    fn from(error: mattermost::Error) -> Self {
        Self::Mattermost(error)
    }
}

impl From<StateError> for Unread {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// What reading needs beside the channel.
#[derive(Debug)]
pub(super) struct Reader<'a, I> {
    pub(super) client: &'a Client,
    pub(super) state: &'a State,
    pub(super) me: MattermostId,
    pub(super) intake: &'a I,
}

/// Where reading onward begins.
enum Start {
    /// After this post.
    After(Anchor),
    /// At the channel's beginning, which is this.
    Beginning(Vec<Post>),
}

impl<I: Intake> Reader<'_, I> {
    /// Reads the channel as it is listed.
    pub(super) async fn read(&self, followed: &mut Followed) -> Result<(), Unread> {
        let Some(channel) = followed.channel.clone() else {
            return Ok(());
        };
        self.load(followed).await?;
        let met_any = match followed.cursor.anchor {
            Some(anchor) => self.read_after(followed, &channel, anchor.post).await?,
            None => false,
        };
        // The newest post stands above the anchor. If nothing does, the server
        // may not know the anchor any more and would never name a post again.
        if !met_any {
            match self.locate(followed).await? {
                Start::After(anchor) => {
                    followed.cursor.anchor = Some(anchor);
                    self.read_after(followed, &channel, anchor.post).await?;
                }
                Start::Beginning(posts) => {
                    let oldest = posts.first().map(|post| post.id);
                    self.hand_over(followed, &channel, posts).await?;
                    if let Some(oldest) = oldest {
                        self.read_after(followed, &channel, oldest).await?;
                    }
                }
            }
        }
        followed.was_read((channel.last_post_at, channel.total_msg_count));
        Ok(())
    }

    /// Takes a post that was pushed; `false` if its channel has to be listed
    /// first. It says nothing of the posts before it.
    pub(super) async fn take(&self, followed: &mut Followed, post: Post) -> Result<bool, Unread> {
        let Some(channel) = followed.channel.clone() else {
            return Ok(false);
        };
        self.load(followed).await?;
        let (id, create_at) = (post.id, post.create_at);
        if !post.is_gone() && !followed.is_done(id, create_at) {
            self.intake.take(post, &channel).await.map_err(Unread::NotTaken)?;
            followed.mark_pushed(id, create_at);
            let seen = SeenPost { post: id, channel: channel.id, create_at };
            self.state.record_seen(seen).await?;
        }
        Ok(true)
    }

    async fn load(&self, followed: &mut Followed) -> Result<(), Unread> {
        if !followed.is_loaded() {
            let seen = self.state.seen_in(followed.cursor.channel).await?;
            followed.load(seen.iter().map(|post| (post.post, post.create_at)));
        }
        Ok(())
    }

    /// Reads from a post to the newest one; `true` if there was any.
    async fn read_after(
        &self,
        followed: &mut Followed,
        channel: &Channel,
        post: MattermostId,
    ) -> Result<bool, Unread> {
        let mut walk = Walk::onward(channel.id, post);
        let mut met_any = false;
        while !walk.ended() {
            let posts = walk.next(self.client).await?;
            met_any |= !posts.is_empty();
            self.hand_over(followed, channel, posts).await?;
        }
        Ok(met_any)
    }

    /// Walks back to the newest post at or below the floor. On the way the
    /// bot's own joining raises the floor: what stood there before is history.
    async fn locate(&self, followed: &mut Followed) -> Result<Start, Unread> {
        let mut walk = Walk::back(followed.cursor.channel);
        loop {
            let posts = walk.next(self.client).await?;
            if let Some(joined) = posts.iter().rev().find(|post| self.is_my_joining(post)) {
                let floor = &mut followed.cursor.floor;
                *floor = (*floor).max(joined.create_at.saturating_sub(1));
            }
            let floor = followed.cursor.floor;
            if let Some(post) = posts.iter().rev().find(|post| post.create_at <= floor) {
                return Ok(Start::After(Anchor { post: post.id, create_at: post.create_at }));
            }
            if walk.ended() {
                return Ok(Start::Beginning(posts));
            }
        }
    }

    fn is_my_joining(&self, post: &Post) -> bool {
        let added = || post.props.get("addedUserId").and_then(|id| id.as_str());
        match post.kind.as_str() {
            "system_join_channel" | "system_join_team" => post.user == self.me,
            "system_add_to_channel" | "system_add_to_team" => added() == Some(self.me.as_str()),
            _ => false,
        }
    }

    /// Hands over those posts that are new, and records what was taken also if
    /// one was not.
    async fn hand_over(
        &self,
        followed: &mut Followed,
        channel: &Channel,
        posts: Vec<Post>,
    ) -> Result<(), Unread> {
        let mut taken = Vec::new();
        let mut refused = None;
        for post in posts {
            let (id, create_at) = (post.id, post.create_at);
            if followed.is_done(id, create_at) {
                followed.mark_read(id, create_at);
                if post.edit_at > 0 && post.user != self.me {
                    self.intake.notice(Noticed::Edited(Box::new(post)));
                }
                continue;
            }
            if let Err(not_taken) = self.intake.take(post, channel).await {
                refused = Some(not_taken);
                break;
            }
            followed.mark_read(id, create_at);
            taken.push(SeenPost { post: id, channel: channel.id, create_at });
        }
        if !taken.is_empty() {
            self.state.record_all_seen(taken).await?;
        }
        if let Some(not_taken) = refused {
            return Err(Unread::NotTaken(not_taken));
        }
        // After each page, so that a long way is not gone twice. Counters alone
        // are not worth a write: after a restart they cost one request.
        if followed.advance() {
            self.state.save_cursors(vec![followed.cursor]).await?;
        }
        Ok(())
    }
}
