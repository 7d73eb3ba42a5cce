//! Calls about posts.
//!
//! Trust: lists arrive in whatever order the server has them, with extra posts
//! and doubles; what leaves here is oldest first, a root before its replies, each once.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use gaggle_ipc::MattermostId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::transport::{MAX_ANSWER, Request};
use super::types::known;
use super::{Client, Error, Post, PostPage, Reaction, wire};

/// Most posts the server gives at once.
pub(crate) const MAX_PER_PAGE: u16 = 200;

/// The server knows a key for 30 s from when it first arrived; the rest is for
/// the way of the last try.
const KEY_LASTS: Duration = Duration::from_secs(28);

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
    #[allow(clippy::new_without_default)] // no two of them are equal
    pub fn new() -> Self {
        let key: u128 = rand::random();
        Self { key: format!("{key:032x}"), made: Instant::now() }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }
}

/// A post to create.
#[derive(Debug, Clone)]
pub struct NewPost {
    /// Where.
    pub channel: MattermostId,
    /// The root of its thread; `None` begins one.
    pub root: Option<MattermostId>,
    /// At most 16,383 characters. NULs are dropped: the server fails on them.
    pub message: String,
    /// At most 8,000 characters of JSON.
    pub props: Map<String, Value>,
    /// Files of the bot's that no post has yet. The server leaves out what it will
    /// not attach, without a word: look at the post that comes back.
    pub files: Vec<MattermostId>,
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

/// The name of an emoji as the API takes it, like `thinking` or `+1`: letters,
/// digits, `-`, `+` and `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Emoji(&'static str);

impl Emoji {
    /// Names an emoji. The server refuses other characters.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// The server's list of posts; `posts` may hold more than `order` names.
#[derive(Deserialize)]
pub(super) struct PostList {
    #[serde(default, deserialize_with = "wire::or_default")]
    order: Vec<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    pub(super) posts: HashMap<String, Value>,
    #[serde(default, deserialize_with = "wire::or_default")]
    next_post_id: String,
}

impl Client {
    /// One page of a channel's posts, without deleted ones.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the bot is no member, [`Error::AnswerTooLarge`] if
    /// fewer posts at once are called for.
    pub async fn posts_page(
        &self,
        channel: MattermostId,
        query: PageQuery,
    ) -> Result<PostPage, Error> {
        self.posts_page_within(channel, query, MAX_ANSWER).await
    }

    /// As [`Client::posts_page`], in an answer of `limit` bytes at most.
    pub(super) async fn posts_page_within(
        &self,
        channel: MattermostId,
        query: PageQuery,
        limit: usize,
    ) -> Result<PostPage, Error> {
        let per_page = query.per_page.clamp(1, MAX_PER_PAGE);
        // Without the threads of replies: they can be large, and are fetched by
        // whoever needs one.
        let mut request = Request::get(format!("channels/{channel}/posts"))
            .with("skipFetchThreads", "true")
            .with("page", query.page)
            .with("per_page", per_page)
            .at_most(limit);
        if let Some(before) = query.before {
            request = request.with("before", before);
        }
        if let Some(after) = query.after {
            request = request.with("after", after);
        }
        let mut list: PostList = self.fetch(request).await?;
        let full = list.order.len() >= usize::from(per_page);
        let further = query.after.is_some() && !list.next_post_id.is_empty();
        let met: HashSet<String> = list.order.drain(..).collect();
        let named = met.len();
        list.posts.retain(|id, _| met.contains(id));
        let posts = sorted(list.posts);
        Ok(PostPage { skipped: named - posts.len(), posts, more: full || further })
    }

    /// One post.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was deleted.
    pub async fn post(&self, post: MattermostId) -> Result<Post, Error> {
        self.fetch(Request::get(format!("posts/{post}"))).await
    }

    /// Creates a post, trying again with the same key while that is safe.
    ///
    /// # Errors
    /// [`Error::TooLong`]; [`Error::Unavailable`] with `maybe_done`: look through
    /// the thread before creating it anew with another key.
    pub async fn create_post(&self, post: &NewPost) -> Result<Post, Error> {
        let mut body = json!({
            "channel_id": post.channel.as_str(),
            "root_id": post.root.as_ref().map_or("", MattermostId::as_str),
            "message": without_nul(&post.message),
            "props": post.props,
            "pending_post_id": post.pending_post_id.key,
        });
        if let Some(body) = body.as_object_mut()
            && !post.files.is_empty()
        {
            let files: Vec<_> = post.files.iter().map(MattermostId::as_str).collect();
            body.insert("file_ids".to_owned(), json!(files));
        }
        let until = post.pending_post_id.made + KEY_LASTS;
        self.fetch(Request::post("posts", &body).until(until)).await
    }

    /// Changes a post of the bot's. One that changes nothing costs the server as
    /// much as one that does: do not send it.
    ///
    /// # Errors
    /// [`Error::TooLong`]; [`Error::Forbidden`] also if the post was deleted.
    pub async fn patch_post(&self, post: MattermostId, patch: &PostPatch) -> Result<Post, Error> {
        let patch = PostPatch {
            message: patch.message.as_deref().map(without_nul),
            props: patch.props.clone(),
        };
        self.fetch(Request::put(format!("posts/{post}/patch"), &json!(patch))).await
    }

    /// Deletes a post of the bot's; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if it is somebody else's.
    pub async fn delete_post(&self, post: MattermostId) -> Result<(), Error> {
        gone_is_fine(self.send(Request::delete(format!("posts/{post}"))).await)
    }

    /// Shows the bot as typing for about five seconds. Tried once.
    ///
    /// # Errors
    /// [`Error`]; nothing that matters is lost.
    pub async fn typing(
        &self,
        channel: MattermostId,
        root: Option<MattermostId>,
    ) -> Result<(), Error> {
        let body = json!({
            "channel_id": channel.as_str(),
            "parent_id": root.as_ref().map_or("", MattermostId::as_str),
        });
        self.send(Request::post("users/me/typing", &body)).await.map(drop)
    }

    /// Adds a reaction of the bot's.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the bot is no member any more.
    pub async fn add_reaction(&self, post: MattermostId, emoji: Emoji) -> Result<(), Error> {
        let body = json!({
            "user_id": self.own_id().await?.as_str(),
            "post_id": post.as_str(),
            "emoji_name": emoji.as_str(),
        });
        self.send(Request::post("reactions", &body).repeatable()).await.map(drop)
    }

    /// Takes a reaction of the bot's back; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_reaction(&self, post: MattermostId, emoji: Emoji) -> Result<(), Error> {
        let path = format!("users/me/posts/{post}/reactions/{}", emoji.as_str());
        gone_is_fine(self.send(Request::delete(path)).await)
    }

    /// Everybody's reactions to a post.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reactions(&self, post: MattermostId) -> Result<Vec<Reaction>, Error> {
        let path = format!("posts/{post}/reactions");
        let found: Option<Vec<Value>> = self.fetch(Request::get(path)).await?;
        Ok(known(found.unwrap_or_default()).0)
    }
}

pub(super) fn sorted(posts: HashMap<String, Value>) -> Vec<Post> {
    let (mut posts, _) = known::<Post>(posts.into_values().collect());
    posts.retain(|post| !post.is_gone());
    // A reply may share its millisecond with its root, never come before it.
    posts.sort_by_key(|post| (post.create_at, post.root.is_some(), post.id));
    posts
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

fn gone_is_fine<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
