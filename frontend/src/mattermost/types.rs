//! What Mattermost's objects hold, as far as Gaggle looks.
//!
//! Trust: ids are checked; text and props are whatever their author sent.
//! `props` can be set by anyone who may post: they never authorise anything.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::wire;

/// One post. Times are milliseconds since 1970 by the server's clock.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Post {
    /// Its id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// When it was made. Posts can become visible out of this order.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub create_at: i64,
    /// When anything about it changed last.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub update_at: i64,
    /// When its author edited it last, 0 = never.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub edit_at: i64,
    /// When it was deleted, 0 = it is there.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
    /// Whose it is. For webhooks and slash commands the person who made them,
    /// not one who typed this: see [`Post::from_webhook`].
    #[serde(rename = "user_id", deserialize_with = "wire::id")]
    pub user: MattermostId,
    /// Where it stands.
    #[serde(rename = "channel_id", deserialize_with = "wire::id")]
    pub channel: MattermostId,
    /// The post it replies to; `None` for one that begins a thread.
    #[serde(rename = "root_id", default, deserialize_with = "wire::optional_id")]
    pub root: Option<MattermostId>,
    /// Set on a kept copy of a former text of that post.
    #[serde(rename = "original_id", default, deserialize_with = "wire::optional_id")]
    pub original: Option<MattermostId>,
    /// The text, in Markdown.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub message: String,
    /// Empty for what people write, `system_…` for what the server writes in
    /// their name.
    #[serde(rename = "type", default, deserialize_with = "wire::or_default")]
    pub kind: String,
    /// Free-form; anyone can set anything.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub props: Map<String, Value>,
    /// Files attached to it.
    #[serde(rename = "file_ids", default, deserialize_with = "wire::ids")]
    pub files: Vec<MattermostId>,
    /// Set on posts that came from another server.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub remote_id: String,
    /// The key it was created with; only in the first answer and in events.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub pending_post_id: String,
}

impl Post {
    /// The conversation it belongs to.
    #[must_use]
    pub fn thread(&self) -> ThreadId {
        ThreadId::from(self.root.unwrap_or(self.id))
    }

    /// Whose it is, as the rest of Gaggle names people.
    #[must_use]
    pub fn author(&self) -> MattermostUserId {
        MattermostUserId::from(self.user)
    }

    /// The server wrote it about something that happened.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.kind.starts_with("system_")
    }

    /// A webhook or a slash command wrote it: `user` did not type it.
    #[must_use]
    pub fn from_webhook(&self) -> bool {
        self.has_prop("from_webhook")
    }

    /// It says of itself that a bot wrote it. True is reliable enough to ignore
    /// it; false proves nothing.
    #[must_use]
    pub fn from_bot(&self) -> bool {
        self.has_prop("from_bot")
    }

    /// Deleted, or a kept copy of an edited post.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.delete_at != 0 || self.original.is_some()
    }

    fn has_prop(&self, name: &str) -> bool {
        match self.props.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty() && text != "false",
            Some(_) => true,
        }
    }
}

impl std::fmt::Debug for Post {
    // What people wrote never reaches a log by way of a derived Debug.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("id", &self.id)
            .field("create_at", &self.create_at)
            .field("user", &self.user)
            .field("channel", &self.channel)
            .field("root", &self.root)
            .field("kind", &self.kind)
            .field("message_bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

/// Posts of one page, oldest first by `(create_at, id)`.
#[derive(Debug, Clone, Default)]
pub struct PostPage {
    /// The posts; deleted ones are not among them.
    pub posts: Vec<Post>,
    /// How many more the server named that were no posts.
    pub skipped: usize,
    /// There are more in the direction of the query.
    pub more: bool,
}

/// A person or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The immutable id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// The name after the `@`. People can change it, and others can take it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub username: String,
    /// First name.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub first_name: String,
    /// Last name.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub last_name: String,
    /// Nickname.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub nickname: String,
    /// A bot account.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub is_bot: bool,
    /// When it was deactivated, 0 = active.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
    /// Set for people of another server.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub remote_id: String,
}

/// A team the bot is in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// Its id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// Its name in addresses.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub name: String,
}

/// What sort of channel it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum ChannelKind {
    /// Two people, or one with themselves.
    #[serde(rename = "D")]
    Direct,
    /// Three to eight people.
    #[serde(rename = "G")]
    Group,
    /// By invitation.
    #[serde(rename = "P")]
    Private,
    /// Open to the team.
    #[serde(rename = "O")]
    Public,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// Its id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// What sort.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Its team; `None` for direct and group messages.
    #[serde(rename = "team_id", default, deserialize_with = "wire::optional_id")]
    pub team: Option<MattermostId>,
    /// Its name in addresses; `<id>__<id>` for direct messages.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub name: String,
    /// Its name for people.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub display_name: String,
    /// When it was made, by the server's clock.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub create_at: i64,
    /// When it was archived, 0 = it is not.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
    /// Moves with posts and edits, not with reactions or deletions.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub last_post_at: i64,
    /// Counts posts and replies.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub total_msg_count: i64,
}

/// The bot's channels.
#[derive(Debug, Clone, Default)]
pub struct ChannelList {
    /// Each once, in no order.
    pub channels: Vec<Channel>,
    /// How many more the server named that were no channels.
    pub skipped: usize,
}

/// Somebody's membership of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelMember {
    /// The channel.
    #[serde(rename = "channel_id", deserialize_with = "wire::id")]
    pub channel: MattermostId,
    /// The member.
    #[serde(rename = "user_id", deserialize_with = "wire::id")]
    pub user: MattermostId,
    /// Role names, separated by spaces.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub roles: String,
}

/// One reaction to a post.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reaction {
    /// Who reacted.
    #[serde(rename = "user_id", deserialize_with = "wire::id")]
    pub user: MattermostId,
    /// To what.
    #[serde(rename = "post_id", deserialize_with = "wire::id")]
    pub post: MattermostId,
    /// With which emoji. Skin tones make other names.
    #[serde(rename = "emoji_name", default, deserialize_with = "wire::or_default")]
    pub emoji: String,
    /// When, milliseconds since 1970 by the server's clock.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub create_at: i64,
}

/// Those of `values` that are a `T`, and how many are not: one malformed object
/// does not spoil a list.
pub(super) fn known<T: DeserializeOwned>(values: Vec<Value>) -> (Vec<T>, usize) {
    let named = values.len();
    let found: Vec<T> =
        values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect();
    let skipped = named - found.len();
    (found, skipped)
}
