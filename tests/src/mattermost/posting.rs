//! Making posts: the checks, the idempotency key, the counters, the mentions
//! and the event.
//!
//! Trust: author and channel are checked here; props are taken as they come,
//! as a real server does, which is why nobody may go by them.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::ids::Id;
use super::mentions::{self, Keywords, Mentions};
use super::model::{ChannelKind, Post};
use super::state::{Pending, State};

const MAX_MESSAGE_RUNES: usize = 16_383;
const MAX_FILE_IDS_RUNES: usize = 300;
const PENDING_MS: i64 = 30_000;

/// What a client may say about a post it makes.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) channel: Option<Id>,
    pub(super) root: Option<String>,
    pub(super) message: String,
    pub(super) kind: String,
    pub(super) props: Map<String, Value>,
    pub(super) file_ids: Vec<Id>,
    pub(super) pending: String,
    /// Only an admin's counts.
    pub(super) create_at: i64,
}

/// A post that has its time of creation but is not stored yet.
pub(super) struct Draft {
    pub(super) post: Post,
    pub(super) pending: String,
}

pub(super) enum Drafted {
    New(Box<Draft>),
    /// The key was used a moment ago, for this post.
    Again(Id),
}

impl State {
    /// Checks a wish and reserves its idempotency key.
    pub(super) fn draft(&mut self, user: Id, wish: Wish) -> Result<Drafted, ApiError> {
        self.check_room()?;
        let channel = wish.channel.ok_or_else(ApiError::permissions)?;
        self.check_member(channel, user)?;
        if wish.kind.starts_with("system_") {
            return Err(ApiError::bad_request(
                "api.context.invalid_param.app_error",
                "Invalid post.type parameter.",
            ));
        }
        if self.channel(channel)?.delete_at != 0 {
            return Err(ApiError::bad_request(
                "api.post.create_post.can_not_post_to_deleted.error",
                "Can not post to deleted channel.",
            ));
        }
        if let Some(post) = self.seen(&wish.pending)? {
            return Ok(Drafted::Again(post));
        }
        let post = self.checked_post(user, channel, &wish)?;
        if !wish.pending.is_empty() {
            let pending = Pending { expires_at: self.now() + PENDING_MS, post: None };
            self.pending.insert(wish.pending.clone(), pending);
        }
        Ok(Drafted::New(Box::new(Draft { post, pending: wish.pending })))
    }

    /// The post an idempotency key stands for, if it was used.
    fn seen(&mut self, key: &str) -> Result<Option<Id>, ApiError> {
        let now = self.now();
        self.pending.retain(|_, pending| pending.expires_at > now);
        let Some(pending) = self.pending.get(key) else { return Ok(None) };
        let Some(post) = pending.post else {
            return Err(ApiError::internal(
                "api.post.deduplicate_create_post.pending",
                "Rejected post since another client is making the same request.",
            ));
        };
        self.post(post).map(|post| Some(post.id)).map_err(|_| {
            ApiError::internal(
                "api.post.deduplicate_create_post.failed_to_get",
                "Failed to fetch original post after deduplicating a client request.",
            )
        })
    }

    fn checked_post(&self, user: Id, channel: Id, wish: &Wish) -> Result<Post, ApiError> {
        let now = self.now();
        let mut post = Post::new(user, channel, &wish.message, now);
        if wish.create_at != 0 && self.is_admin(user) {
            post.create_at = wish.create_at;
            post.update_at = wish.create_at;
        }
        post.root_id = self.check_root(channel, wish.root.as_deref().unwrap_or_default())?;
        post.kind.clone_from(&wish.kind);
        post.props.clone_from(&wish.props);
        if self.user(user)?.is_bot() {
            post.props.insert("from_bot".to_owned(), json!("true"));
        }
        post.file_ids.clone_from(&wish.file_ids);
        self.check_post(&post)?;
        Ok(post)
    }

    fn check_root(&self, channel: Id, root: &str) -> Result<Option<Id>, ApiError> {
        if root.is_empty() {
            return Ok(None);
        }
        let found = Id::parse(root).and_then(|id| self.post(id).ok());
        let Some(found) = found.filter(|post| post.root_id.is_none()) else {
            return Err(ApiError::bad_request(
                "api.post.create_post.root_id.app_error",
                "Invalid RootId parameter.",
            ));
        };
        if found.channel_id != channel {
            return Err(ApiError::bad_request(
                "api.post.create_post.channel_root_id.app_error",
                "Invalid ChannelId for RootId parameter.",
            ));
        }
        Ok(Some(found.id))
    }

    /// What holds for a new post and for a changed one.
    pub(super) fn check_post(&self, post: &Post) -> Result<(), ApiError> {
        let kinds = ["", "slack_attachment", "me", "add_bot_teams_channels"];
        let refused = |id, message| Err(ApiError::bad_request(id, message));
        if post.message.chars().count() > MAX_MESSAGE_RUNES {
            return refused("model.post.is_valid.msg.app_error", "Invalid message.");
        }
        let kind = post.kind.as_str();
        if !(kinds.contains(&kind) || kind.starts_with("system_") || kind.starts_with("custom_")) {
            return refused("model.post.is_valid.type.app_error", "Invalid type.");
        }
        if json!(post.file_ids).to_string().chars().count() > MAX_FILE_IDS_RUNES {
            return refused("model.post.is_valid.file_ids.app_error", "Invalid file ids.");
        }
        let props = Value::Object(post.props.clone()).to_string();
        if props.chars().count() > self.version.max_props_runes() {
            return refused("model.post.is_valid.props.app_error", "Invalid props.");
        }
        if post.message.contains('\0') || props.contains("\\u0000") {
            // The database is the one that refuses these.
            return Err(ApiError::internal("app.post.save.app_error", "Unable to save the Post."));
        }
        Ok(())
    }

    /// Frees the key of a draft that is not going to be stored.
    pub(super) fn abandon(&mut self, pending: &str) {
        self.pending.remove(pending);
    }

    /// Stores a draft and tells everybody.
    pub(super) fn commit(&mut self, draft: Draft) -> Result<Id, ApiError> {
        let Draft { mut post, pending } = draft;
        let root = post.root_id.map(|id| id.to_string()).unwrap_or_default();
        if let Err(gone) = self.check_root(post.channel_id, &root) {
            self.abandon(&pending);
            return Err(gone);
        }
        post.file_ids = match self.lose_files.checked_sub(u32::from(!post.file_ids.is_empty())) {
            Some(left) if !post.file_ids.is_empty() => {
                self.lose_files = left;
                Vec::new()
            }
            _ => self.attach_files(&post),
        };
        let (id, channel, user) = (post.id, post.channel_id, post.user_id);
        let quiet = ["from_webhook", "from_bot"].iter().any(|name| post.props.contains_key(*name));
        self.store_post(post, &pending);
        if let Some(seen) = self.pending.get_mut(&pending) {
            seen.post = Some(id);
        }
        if !quiet {
            self.mark_viewed(channel, user);
        }
        Ok(id)
    }

    /// Posts what the server itself has to say. Missing channels are ignored.
    pub(super) fn post_system(
        &mut self,
        user: Id,
        channel: Id,
        kind: &str,
        text: &str,
        props: Map<String, Value>,
    ) {
        let mut post = Post::new(user, channel, text, self.now());
        kind.clone_into(&mut post.kind);
        post.props = props;
        if self.users.get(&user).is_some_and(super::model::User::is_bot) {
            post.props.insert("from_bot".to_owned(), json!("true"));
        }
        self.store_post(post, "");
    }

    /// Posts what came through an incoming webhook, in its maker's name.
    pub(super) fn post_hook(
        &mut self,
        hook: Id,
        text: &str,
        username: Option<&str>,
    ) -> Result<Id, ApiError> {
        self.check_room()?;
        let hook = self.hooks.get(&hook).cloned().ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "web.incoming_webhook.invalid.app_error",
                "Invalid webhook.",
            )
        })?;
        let mut post = Post::new(hook.user, hook.channel, text, self.now());
        post.props.insert("from_webhook".to_owned(), json!("true"));
        post.props.insert("webhook_display_name".to_owned(), json!(hook.display_name));
        if let Some(username) = username {
            post.props.insert("override_username".to_owned(), json!(username));
        }
        self.check_post(&post)?;
        let id = post.id;
        self.store_post(post, "");
        Ok(id)
    }

    fn store_post(&mut self, mut post: Post, pending: &str) {
        let id = post.id;
        post.inserted = self.next_heap();
        post.heap = post.inserted;
        let Some(channel) = self.channels.get_mut(&post.channel_id) else { return };
        channel.last_post_at = channel.last_post_at.max(post.create_at);
        channel.cached_last_post_at = channel.last_post_at;
        if post.counts() {
            channel.total_msg_count += 1;
            channel.total_msg_count_root += i64::from(post.root_id.is_none());
        }
        let timeline = self.timelines.entry(post.channel_id).or_default();
        timeline.heap.insert(post.heap, id);
        timeline.live.insert((post.create_at, post.inserted, id));
        if let Some(root) = post.root_id {
            self.replies.entry(root).or_default().push(id);
            let update_at = post.update_at;
            self.touch(root, update_at);
        }
        let mentions = self.mentions_of(&post);
        self.posts.insert(id, post.clone());
        self.count_mentions(&post, &mentions);
        self.publish_posted(&post, pending, &mentions);
        self.tell_of_absent(&post, &mentions);
    }

    fn count_mentions(&mut self, post: &Post, mentions: &Mentions) {
        for user in &mentions.users {
            if let Some(member) = self.members.get_mut(&(post.channel_id, *user)) {
                member.mention_count += 1;
                member.mention_count_root += i64::from(post.root_id.is_none());
            }
        }
    }

    /// Whom a post mentions. In a direct message that is the other one.
    fn mentions_of(&self, post: &Post) -> Mentions {
        let mut found = Mentions::default();
        let direct = (self.channels.get(&post.channel_id))
            .is_some_and(|channel| channel.kind == ChannelKind::Direct);
        let members: Vec<Id> = self.members_of(post.channel_id).map(|(user, _)| user).collect();
        if direct {
            found.users.extend(members.iter().filter(|user| **user != post.user_id));
            return found;
        }
        let mut keywords = Keywords::new();
        for user in members.iter().filter_map(|user| self.users.get(user)) {
            keywords.entry(format!("@{}", user.username)).or_default().push(user.id);
        }
        if !matches!(post.kind.as_str(), "system_header_change" | "system_purpose_change") {
            for everybody in ["@all", "@channel", "@here"] {
                keywords.insert(everybody.to_owned(), members.clone());
            }
        }
        for text in mentionable_texts(post) {
            mentions::find(text, &keywords, &mut found);
        }
        let added = post.props.get("addedUserId").and_then(Value::as_str).and_then(Id::parse);
        if post.kind == "system_add_to_channel" {
            found.users.extend(added);
        }
        if !post.prop_is("from_webhook", "true") {
            found.users.remove(&post.user_id);
        }
        found
    }
}

/// The text, and of each attachment what may mention people.
fn mentionable_texts(post: &Post) -> Vec<&str> {
    let attachments = post.props.get("attachments").and_then(Value::as_array);
    let fields = attachments.into_iter().flatten().flat_map(|attachment| {
        ["pretext", "text"].into_iter().filter_map(|name| attachment.get(name)?.as_str())
    });
    std::iter::once(post.message.as_str()).chain(fields).collect()
}
