//! The calls, one method each.
//!
//! Trust: ids go into paths as they are, because their type allows nothing that
//! means anything there.

use std::time::Instant;

use gaggle_ipc::MattermostId;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Channel, ChannelList, ChannelMember, Emoji, Error, Post, PostPage, Reaction, User};
use crate::config::Mattermost;

/// A connection to Mattermost as one bot. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {}

/// Which posts of a channel. With neither `before` nor `after`: the newest.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageQuery {
    /// Made strictly before this post; nearest first.
    pub before: Option<MattermostId>,
    /// Made strictly after this post; nearest first. Posts of its very
    /// millisecond are not among them, and none are if it is gone for good.
    pub after: Option<MattermostId>,
    /// Which page, from 0.
    pub page: u32,
    /// How many posts, 1 to 200.
    pub per_page: u16,
}

/// The key that makes creating a post repeatable for 30 seconds. It is global
/// over the server, so it has to be unguessable.
#[derive(Debug, Clone)]
pub struct PendingPostId {
    key: String,
    made: Instant,
}

impl PendingPostId {
    /// A new key, good for one post from now on.
    #[must_use]
    #[allow(clippy::new_without_default)] // two of them are never equal
    pub fn new() -> Self {
        let key: u128 = rand::random();
        Self {
            key: format!("{key:032x}"),
            made: Instant::now(),
        }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// When it was made.
    pub(crate) fn made(&self) -> Instant {
        self.made
    }
}

/// A post to create.
#[derive(Debug, Clone)]
pub struct NewPost {
    /// Where.
    pub channel: MattermostId,
    /// The root of its thread; `None` begins one.
    pub root: Option<MattermostId>,
    /// At most 16,383 characters. NULs are dropped.
    pub message: String,
    /// At most 8,000 characters of JSON.
    pub props: Map<String, Value>,
    /// Its key.
    pub pending_post_id: PendingPostId,
}

/// What to change about a post; the rest stays.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PostPatch {
    /// The new text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The new props, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub props: Option<Map<String, Value>>,
}

#[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
impl Client {
    pub fn new(_settings: &Mattermost) -> Result<Self, Error> {
        todo_error()
    }
    pub async fn ping(&self) -> Result<(), Error> {
        todo_error()
    }
    pub async fn me(&self) -> Result<User, Error> {
        todo_error()
    }
    pub async fn user(&self, _user: MattermostId) -> Result<User, Error> {
        todo_error()
    }
    pub async fn users_by_ids(&self, _ids: &[MattermostId]) -> Result<Vec<User>, Error> {
        todo_error()
    }
    pub async fn users_by_usernames(&self, _names: &[String]) -> Result<Vec<User>, Error> {
        todo_error()
    }
    /// `fresh`: ask without the tag of the last list.
    pub async fn channels(&self, _fresh: bool) -> Result<ChannelList, Error> {
        todo_error()
    }
    pub async fn channel(&self, _channel: MattermostId) -> Result<Channel, Error> {
        todo_error()
    }
    pub async fn channel_member(
        &self,
        _channel: MattermostId,
        _user: MattermostId,
    ) -> Result<ChannelMember, Error> {
        todo_error()
    }
    pub async fn posts_page(
        &self,
        _channel: MattermostId,
        _query: PageQuery,
    ) -> Result<PostPage, Error> {
        todo_error()
    }
    /// Oldest first.
    pub async fn thread(&self, _root: MattermostId) -> Result<Vec<Post>, Error> {
        todo_error()
    }
    pub async fn post(&self, _post: MattermostId) -> Result<Post, Error> {
        todo_error()
    }
    pub async fn create_post(&self, _post: &NewPost) -> Result<Post, Error> {
        todo_error()
    }
    pub async fn patch_post(&self, _post: MattermostId, _patch: &PostPatch) -> Result<Post, Error> {
        todo_error()
    }
    pub async fn delete_post(&self, _post: MattermostId) -> Result<(), Error> {
        todo_error()
    }
    pub async fn typing(
        &self,
        _channel: MattermostId,
        _root: Option<MattermostId>,
    ) -> Result<(), Error> {
        todo_error()
    }
    pub async fn add_reaction(&self, _post: MattermostId, _emoji: Emoji) -> Result<(), Error> {
        todo_error()
    }
    pub async fn remove_reaction(&self, _post: MattermostId, _emoji: Emoji) -> Result<(), Error> {
        todo_error()
    }
    pub async fn reactions(&self, _post: MattermostId) -> Result<Vec<Reaction>, Error> {
        todo_error()
    }
    pub async fn direct_channel(
        &self,
        _a: MattermostId,
        _b: MattermostId,
    ) -> Result<Channel, Error> {
        todo_error()
    }
}

fn todo_error<T>() -> Result<T, Error> {
    Err(Error::Setup {
        cause: "not written yet".to_owned(),
    })
}
