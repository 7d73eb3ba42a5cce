//! Takes posts in: ignored, refused, obeyed, or in the ledger.
//!
//! Trust: the gate decides. The ledger's row comes before anything is done about
//! a post, be it a prompt or a command.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gaggle_ipc::ThreadId;

use super::orders::{Asks, asks};
use super::{Conversations, Inner, Key, Prompt, address};
use crate::config::DmConversation;
use crate::gate::{Admission, Place, Request};
use crate::ingest::{Intake, NotTaken, Noticed};
use crate::mattermost::{Channel, ChannelKind, Error, Post, User};
use crate::state::{NewTurn, SeenPost, StateError};
use crate::words;

impl Intake for Conversations {
    async fn take(&self, post: Post, channel: &Channel) -> Result<(), NotTaken> {
        let inner = &self.0;
        if inner.stopping.load(Ordering::Acquire) {
            return Err(NotTaken("shutting down".to_owned()));
        }
        let place = inner.place(&post, channel.kind).await.map_err(not_taken)?;
        let request = match inner.live().gate.screen(&post, place) {
            Ok(request) => request,
            Err(reason) => {
                tracing::debug!(post = %post.id, ?reason, "ignored");
                return Ok(());
            }
        };
        let Some(author) = inner.admitted(&post).await? else {
            return Ok(());
        };
        let kind = channel.kind;
        let request = match asks(request) {
            Ok(asks) => return inner.prompted(&post, kind, author, asks).await,
            Err(request) => request,
        };
        match request {
            Request::Prompt(_) => {}
            Request::Command(command) => {
                return inner.commanded(post, kind, command).await.map_err(not_taken);
            }
            Request::Files => inner.spawn(move |inner| async move {
                let text = "I cannot read attached files yet. Please write what you need.";
                inner.reply(&post, text).await;
            }),
        }
        Ok(())
    }

    fn notice(&self, noticed: Noticed) {
        match noticed {
            Noticed::Deleted(post) => self.0.registry.withdraw(post),
            Noticed::Reacted(reaction) => self.0.approvals.reacted(&reaction),
        }
    }
}

impl Inner {
    /// Who wrote `post`, if they may ask.
    async fn admitted(self: &Arc<Self>, post: &Post) -> Result<Option<User>, NotTaken> {
        let author = match self.people.get(post.user).await {
            Ok(author) => author,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(not_taken(error)),
        };
        match self.live().gate.admit(&author) {
            Admission::Admitted => return Ok(Some(author)),
            Admission::Ignored(reason) => tracing::debug!(post = %post.id, ?reason, "ignored"),
            Admission::Refused => {
                tracing::info!(user = %post.user, post = %post.id, "not approved");
                self.spawn(|inner| async move {
                    let text = words::not_approved(&author.username, author.id.into());
                    inner.notices.tell(author.id, &text).await;
                });
            }
        }
        Ok(None)
    }

    /// The conversation that `post` belongs to.
    pub(super) fn key(&self, post: &Post, kind: ChannelKind) -> Key {
        let continuous = kind == ChannelKind::Direct
            && post.root.is_none()
            && self.live().dm_conversation == DmConversation::Continuous;
        let thread = if continuous { ThreadId::from(post.channel) } else { post.thread() };
        Key { user: post.author(), thread }
    }

    pub(super) async fn place(&self, post: &Post, kind: ChannelKind) -> Result<Place, StateError> {
        let key = self.key(post, kind);
        // In a direct message everything is answered, and a post that begins a
        // thread continues none.
        let asked = kind != ChannelKind::Direct && post.root.is_some();
        let conversing = asked
            && (self.registry.knows(key) || self.state.converses(key.user, key.thread).await?);
        Ok(Place {
            kind,
            conversing,
            busy: asked && self.registry.is_busy(key.thread),
            running: !self.registry.running(key.user, Some(post.channel), None).is_empty(),
        })
    }

    async fn prompted(
        self: &Arc<Self>,
        post: &Post,
        kind: ChannelKind,
        author: User,
        Asks { text, anew }: Asks,
    ) -> Result<(), NotTaken> {
        let key = self.key(post, kind);
        let seen = SeenPost { post: post.id, channel: post.channel, create_at: post.create_at };
        let new = NewTurn { user: key.user, thread: key.thread, post: seen, anew };
        // The row comes before anything is done about the post.
        let Some(turn) = self.state.open_turn(new).await.map_err(not_taken)? else {
            return Ok(());
        };
        let quiet = self.state.choice(key.user, key.thread).await.map_err(not_taken)?.quiet;
        let address = address(post, key.thread, kind, &author);
        self.begin(Prompt { turn, key, address, author, text, quiet, again: false });
        Ok(())
    }
}

fn not_taken(error: impl std::fmt::Display) -> NotTaken {
    NotTaken(error.to_string())
}
