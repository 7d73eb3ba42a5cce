//! Takes posts in: ignored, refused, obeyed, or in the ledger.
//!
//! Trust: the gate decides. The ledger's row comes before anything is done about
//! a post, be it a prompt or a command.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gaggle_ipc::{MattermostId, ThreadId};

use super::orders::{Wish, wish};
use super::{Conversations, Inner, Key, Prompt, address, asked};
use crate::commands::Command;
use crate::config::DmConversation;
use crate::gate::{self, Admission, Denied, Place, Request, Site, Verdict};
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
        // What ends something is heard everywhere.
        let ends = matches!(request, Request::Command(Command::Stop | Command::Deny(_)));
        let site = Site::from(channel);
        if !ends
            && let Some(denied) = inner.denied(author.id, &site, false).await.map_err(not_taken)?
        {
            inner.turn_away(&post, author, denied);
            return Ok(());
        }
        let kind = channel.kind;
        let request = match wish(request) {
            Ok(wish) => return inner.prompted(&post, channel, author, wish).await,
            Err(request) => request,
        };
        match request {
            Request::Prompt(_) => {}
            Request::Command(command) => {
                return inner.commanded(post, kind, command).await.map_err(not_taken);
            }
        }
        Ok(())
    }

    fn notice(&self, noticed: Noticed) {
        match noticed {
            Noticed::Deleted(post) => self.0.registry.withdraw(post),
            Noticed::Edited(post) => self.0.edited(*post),
            Noticed::Reacted(reaction) => self.0.reacted(&reaction),
        }
    }
}

impl Inner {
    /// Who wrote `post`, if they may ask.
    pub(super) async fn admitted(self: &Arc<Self>, post: &Post) -> Result<Option<User>, NotTaken> {
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

    /// Why the bot does not work for `user` in `site`, by the admin's lists; `fresh`
    /// looks up anew what it depends on.
    ///
    /// # Errors
    /// [`Error`] that may pass: nobody knows yet.
    pub(super) async fn denied(
        &self,
        user: MattermostId,
        site: &Site,
        fresh: bool,
    ) -> Result<Option<Denied>, Error> {
        let live = self.live();
        match gate::judge(&live.gate.access, site) {
            Verdict::Allowed => Ok(None),
            Verdict::Denied(denied) => Ok(Some(denied)),
            Verdict::Member(teams, listed) => {
                let member = self.teams.of(user, listed, fresh).await?;
                Ok((!gate::judge_member(teams, &member)).then_some(Denied::Team))
            }
        }
    }

    /// In private, so that a channel stays as quiet as its admin wants it.
    fn turn_away(self: &Arc<Self>, post: &Post, author: User, denied: Denied) {
        tracing::info!(user = %post.user, post = %post.id, channel = %post.channel, ?denied, "not allowed here");
        let text = words::not_there(&author.username, denied, post.channel);
        self.spawn(move |inner| async move { inner.notices.tell(author.id, &text).await });
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

    pub(super) async fn prompted(
        self: &Arc<Self>,
        post: &Post,
        channel: &Channel,
        author: User,
        wish: Wish,
    ) -> Result<(), NotTaken> {
        let key = self.key(post, channel.kind);
        let Wish { text, anew, summary } = wish;
        let seen = SeenPost { post: post.id, channel: post.channel, create_at: post.create_at };
        let new = NewTurn { user: key.user, thread: key.thread, post: seen, anew };
        // The row comes before anything is done about the post.
        let Some(turn) = self.state.open_turn(new).await.map_err(not_taken)? else {
            return Ok(());
        };
        let (address, asked) = (address(post, key.thread, channel.kind, &author), asked(post));
        let (site, late) = (Site::from(channel), self.lateness(post));
        if let Some(refusal) = late.refusal() {
            tracing::info!(%turn, user = %key.user, "too old to be begun");
            self.spawn(move |inner| async move { inner.decline(turn, &address, &refusal).await });
            return Ok(());
        }
        let quiet = self.state.choice(key.user, key.thread).await.map_err(not_taken)?.quiet;
        let summary = self.summary(summary);
        self.begin(Prompt {
            turn,
            key,
            address,
            asked,
            site,
            author,
            text,
            files: post.files.clone(),
            summary,
            note: late.note(),
            quiet,
            again: false,
        });
        Ok(())
    }
}

fn not_taken(error: impl std::fmt::Display) -> NotTaken {
    NotTaken(error.to_string())
}
