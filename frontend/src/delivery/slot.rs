//! One post of an answer, created exactly once.
//!
//! Trust: a post is ours if the bot wrote it and its props name the turn and the
//! part; the props alone can be set by anybody.

use std::time::Duration;

use gaggle_ipc::MattermostId;
use serde_json::{Map, Value};

use super::Address;
use crate::mattermost::{Client, Error, NewPost, PendingPostId, Post, PostPatch, Worth};
use crate::state::Outcome;

/// The post that asks, in the props of each post that answers.
pub const PROP_TURN: &str = "gaggle_turn";
/// Which of the posts that answer.
pub const PROP_PART: &str = "gaggle_part";
/// The first of them.
const FIRST_PART: &str = "answer-0";
/// The answer is whole, and how it ended: the ledger may not have learned that.
pub const PROP_DONE: &str = "gaggle_done";

/// Props of ours.
pub(super) type Props = Map<String, Value>;

/// The props of a post with these attachments, of an answer that has ended so, or
/// not yet.
pub(super) fn props(attachments: Option<&Value>, done: Option<Outcome>) -> Props {
    let mut props = Props::new();
    if let Some(attachments) = attachments {
        props.insert("attachments".to_owned(), attachments.clone());
    }
    if let Some(outcome) = done {
        props.insert(PROP_DONE.to_owned(), outcome.as_str().into());
    }
    props
}

/// How the answer ended whose first post this is; `None` if more is to come. Whoever
/// asks has seen to it that the post is the bot's.
#[must_use]
pub fn ended(post: &Post) -> Option<Outcome> {
    let done = post.props.get(PROP_DONE)?;
    // In earlier versions it did not say how.
    Some(done.as_str().and_then(Outcome::parse).unwrap_or(Outcome::Complete))
}

/// The props of a post that is the whole answer to `asked`.
#[must_use]
pub fn whole_answer_to(asked: MattermostId, outcome: Outcome) -> Map<String, Value> {
    let mut all = props(None, Some(outcome));
    all.insert(PROP_TURN.to_owned(), asked.as_str().into());
    all.insert(PROP_PART.to_owned(), FIRST_PART.into());
    all
}

/// What was needed to make a post read as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Same,
    Edited,
    Created,
}

/// The place of one post of an answer.
#[derive(Debug)]
pub(super) struct Slot {
    part: String,
    shown: Option<Shown>,
    /// A creation was tried, and may have succeeded.
    uncertain: bool,
}

#[derive(Debug)]
struct Shown {
    post: MattermostId,
    message: String,
    /// As we set them.
    props: Option<Props>,
    /// As the server has them.
    base: Props,
}

impl Slot {
    pub(super) fn new(part: String) -> Self {
        Self { part, shown: None, uncertain: false }
    }

    /// The post, once it is there.
    pub(super) fn post(&self) -> Option<MattermostId> {
        self.shown.as_ref().map(|shown| shown.post)
    }

    /// There is a post, and it reads otherwise.
    fn differs(&self, message: &str, props: &Props) -> bool {
        let same = |shown: &Shown| shown.message == message && shown.props.as_ref() == Some(props);
        self.shown.as_ref().is_some_and(|shown| !same(shown))
    }

    fn show(&mut self, post: Post, props: Option<Props>) {
        self.shown = Some(Shown { post: post.id, message: post.message, props, base: post.props });
    }
}

/// Puts posts where they belong.
#[derive(Debug)]
pub(super) struct Outbox {
    client: Client,
    pub(super) address: Address,
}

impl Outbox {
    pub(super) fn new(client: Client, address: Address) -> Self {
        Self { client, address }
    }

    /// Makes the post of `slot` read `message`.
    pub(super) async fn put(
        &self,
        slot: &mut Slot,
        message: &str,
        props: Props,
    ) -> Result<Put, Error> {
        if slot.shown.is_none() && slot.uncertain {
            let found = self.find(&slot.part).await?;
            if let Some(post) = found {
                slot.show(post, None);
                slot.uncertain = false;
                self.edit(slot, message, props).await?;
                return Ok(Put::Created);
            }
        }
        match slot.shown {
            Some(_) => self.edit(slot, message, props).await,
            None => self.create(slot, message, props).await,
        }
    }

    /// How long to wait with an edit that is not the last one.
    pub(super) fn should_wait(&self, slot: &Slot, message: &str, props: &Props) -> Duration {
        match slot.differs(message, props) {
            true => self.client.should_wait(Worth::Edit),
            false => Duration::ZERO,
        }
    }

    async fn create(&self, slot: &mut Slot, message: &str, props: Props) -> Result<Put, Error> {
        let mut all = props.clone();
        all.insert(PROP_TURN.to_owned(), self.address.asked.as_str().into());
        all.insert(PROP_PART.to_owned(), slot.part.as_str().into());
        let new = NewPost {
            channel: self.address.channel,
            root: self.address.root,
            message: message.to_owned(),
            props: all,
            files: Vec::new(),
            pending_post_id: PendingPostId::new(),
        };
        // Also if this future is dropped half-way.
        slot.uncertain = true;
        match self.client.create_post(&new).await {
            Ok(post) => {
                slot.show(post, Some(props));
                if let Some(shown) = &mut slot.shown {
                    message.clone_into(&mut shown.message);
                }
                slot.uncertain = false;
                Ok(Put::Created)
            }
            Err(error) => {
                slot.uncertain = !matches!(
                    error,
                    Error::RateLimited { .. } | Error::Unavailable { maybe_done: false, .. }
                );
                Err(error)
            }
        }
    }

    async fn edit(&self, slot: &mut Slot, message: &str, props: Props) -> Result<Put, Error> {
        let Some(shown) = &mut slot.shown else {
            return Ok(Put::Same);
        };
        let new_message = (shown.message != message).then(|| message.to_owned());
        // The server replaces all props, its own (`from_bot`) included.
        let new_props = (shown.props.as_ref() != Some(&props)).then(|| {
            let mut all = shown.base.clone();
            all.remove("attachments");
            all.remove(PROP_DONE);
            all.extend(props.clone());
            all
        });
        if new_message.is_none() && new_props.is_none() {
            return Ok(Put::Same);
        }
        let patch = PostPatch { message: new_message, props: new_props };
        self.client.patch_post(shown.post, &patch).await?;
        message.clone_into(&mut shown.message);
        shown.props = Some(props);
        Ok(Put::Edited)
    }

    pub(super) async fn delete(&self, post: MattermostId) -> Result<(), Error> {
        self.client.delete_post(post).await
    }

    async fn find(&self, part: &str) -> Result<Option<Post>, Error> {
        let mine = self.ours().await?;
        Ok(mine.into_iter().find(|post| prop(post, PROP_PART) == Some(part)))
    }

    /// The posts of this turn that an earlier process made.
    pub(super) async fn earlier(&self) -> Result<Vec<Slot>, Error> {
        let mut slots = Vec::new();
        for post in self.ours().await? {
            // An answer is begun anew in its first posts; others would only be
            // in the way of what follows.
            let part = format!("answer-{}", slots.len());
            if prop(&post, PROP_PART) == Some(part.as_str()) {
                let mut slot = Slot::new(part);
                slot.show(post, None);
                slots.push(slot);
            }
        }
        Ok(slots)
    }

    async fn ours(&self) -> Result<Vec<Post>, Error> {
        let me = self.client.me().await?.id;
        let Address { channel, root, asked, .. } = self.address;
        let mut posts = self.client.thread_after((channel, root), asked).await?;
        posts.retain(|post| post.user == me && prop(post, PROP_TURN) == Some(asked.as_str()));
        Ok(posts)
    }
}

fn prop<'a>(post: &'a Post, name: &str) -> Option<&'a str> {
    post.props.get(name).and_then(Value::as_str)
}
