//! What the server remembers: users, teams, channels, posts and the rest, as
//! plain records. Times are integer milliseconds since 1970; 0 means "never".
//!
//! Trust: only [`super::state::State`] makes and changes these.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::ids::Id;

/// A person or a bot.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: Id,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) create_at: i64,
    pub(super) update_at: i64,
    /// When it was deactivated; 0 while it is active.
    pub(super) delete_at: i64,
    pub(super) kind: UserKind,
}

#[derive(Clone, Debug)]
pub(super) enum UserKind {
    Person { password: String, admin: bool },
    Bot { owner: Id, description: String },
}

impl User {
    pub(super) fn is_bot(&self) -> bool {
        matches!(self.kind, UserKind::Bot { .. })
    }

    pub(super) fn is_admin(&self) -> bool {
        matches!(self.kind, UserKind::Person { admin: true, .. })
    }
}

/// What a bearer token stands for.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Id,
    pub(super) user: Id,
}

#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) create_at: i64,
    pub(super) invite_id: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelKind {
    Open,
    Private,
    Direct,
    Group,
}

impl ChannelKind {
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Open => "O",
            Self::Private => "P",
            Self::Direct => "D",
            Self::Group => "G",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) id: Id,
    pub(super) kind: ChannelKind,
    /// `None` for direct and group messages.
    pub(super) team: Option<Id>,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) header: String,
    pub(super) purpose: String,
    pub(super) creator: Option<Id>,
    pub(super) create_at: i64,
    pub(super) update_at: i64,
    pub(super) delete_at: i64,
    pub(super) last_post_at: i64,
    /// The same as of the last new post, which a cache goes on showing.
    pub(super) cached_last_post_at: i64,
    pub(super) total_msg_count: i64,
    pub(super) total_msg_count_root: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    pub(super) admin: bool,
    pub(super) last_viewed_at: i64,
    pub(super) msg_count: i64,
    pub(super) msg_count_root: i64,
    pub(super) mention_count: i64,
    pub(super) mention_count_root: i64,
    pub(super) last_update_at: i64,
}

/// A post as the server stores it.
#[derive(Clone, Debug)]
pub struct Post {
    /// The id.
    pub id: Id,
    /// When it was made, in milliseconds since 1970.
    pub create_at: i64,
    /// When anything about it changed last.
    pub update_at: i64,
    /// When its text was changed last; 0 if never.
    pub edit_at: i64,
    /// When it was deleted; 0 if it was not.
    pub delete_at: i64,
    /// Whether it is pinned to its channel.
    pub is_pinned: bool,
    /// The author.
    pub user_id: Id,
    /// The channel.
    pub channel_id: Id,
    /// The root of the thread it replies in.
    pub root_id: Option<Id>,
    /// The post of which this row is an earlier text.
    pub original_id: Option<Id>,
    /// The text, in Markdown.
    pub message: String,
    /// The `type`: empty, or `system_…`, `custom_…` and so on.
    pub kind: String,
    /// The props.
    pub props: Map<String, Value>,
    /// The attached files.
    pub file_ids: Vec<Id>,
    /// The flag clients go by; `PUT` can wipe it while the reactions stay.
    pub has_reactions: bool,
    pub(super) inserted: u64,
    pub(super) heap: u64,
}

impl Post {
    pub(super) fn new(user_id: Id, channel_id: Id, message: &str, now: i64) -> Self {
        Self {
            id: Id::random(),
            create_at: now,
            update_at: now,
            edit_at: 0,
            delete_at: 0,
            is_pinned: false,
            user_id,
            channel_id,
            root_id: None,
            original_id: None,
            message: message.to_owned(),
            kind: String::new(),
            props: Map::new(),
            file_ids: Vec::new(),
            has_reactions: false,
            inserted: 0,
            heap: 0,
        }
    }

    pub(super) fn is_system(&self) -> bool {
        self.kind.starts_with("system_")
    }

    /// Joins, leaves and their like move `last_post_at` but no counter.
    pub(super) fn counts(&self) -> bool {
        !matches!(
            self.kind.as_str(),
            "system_join_channel"
                | "system_leave_channel"
                | "system_join_team"
                | "system_leave_team"
                | "system_add_to_channel"
                | "system_remove_from_channel"
                | "system_add_to_team"
                | "system_remove_from_team"
        )
    }

    pub(super) fn prop_is(&self, name: &str, value: &str) -> bool {
        self.props.get(name).and_then(Value::as_str) == Some(value)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Reaction {
    pub(super) user: Id,
    pub(super) emoji: String,
    pub(super) create_at: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) channel: Id,
    pub(super) display_name: String,
    pub(super) create_at: i64,
}

/// Who an event goes to; the `broadcast` of a WebSocket event.
#[derive(Clone, Debug, Default)]
pub(super) struct Broadcast {
    pub(super) omit_users: BTreeSet<Id>,
    pub(super) user: Option<Id>,
    pub(super) channel: Option<Id>,
    pub(super) team: Option<Id>,
}
