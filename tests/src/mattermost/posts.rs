//! Changing and deleting posts. Every change leaves an earlier text behind as
//! a deleted row of its own, which `since` shows.
//!
//! Trust: only the author or an admin changes a post.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::events::Event;
use super::ids::Id;
use super::model::Post;
use super::state::State;

/// Earlier texts kept of each channel: more than `since` ever shows. A real
/// server keeps all, but a simulator must be able to run for days.
const EARLIER_KEPT: usize = 2_000;

/// Props that say who speaks, which the newest servers keep in a `PUT`.
const IDENTITY_PROPS: [&str; 6] = [
    "from_bot",
    "from_webhook",
    "from_plugin",
    "from_oauth_app",
    "override_username",
    "override_icon_url",
];

/// What `PUT /posts/{id}/patch` may say. What is absent stays.
#[derive(Default)]
pub(super) struct Patch {
    pub(super) message: Option<String>,
    pub(super) props: Option<Map<String, Value>>,
    pub(super) is_pinned: Option<bool>,
}

impl State {
    /// Bumps a row's `update_at`, which moves it to the end of the table.
    pub(super) fn touch(&mut self, id: Id, update_at: i64) {
        let heap = self.next_heap();
        let Some(post) = self.posts.get_mut(&id) else { return };
        post.update_at = post.update_at.max(update_at);
        let old = std::mem::replace(&mut post.heap, heap);
        if let Some(timeline) = self.timelines.get_mut(&post.channel_id) {
            timeline.heap.remove(&old);
            timeline.heap.insert(heap, id);
        }
    }

    /// A post its author, or an admin, may change. Those of others and those
    /// that are not there are refused alike.
    fn own_post(&self, id: Id, user: Id) -> Result<&Post, ApiError> {
        let post = self.post(id).map_err(|_| ApiError::permissions())?;
        self.check_member(post.channel_id, user)?;
        if post.user_id == user || self.is_admin(user) {
            Ok(post)
        } else {
            Err(ApiError::permissions())
        }
    }

    pub(super) fn patch_post(&mut self, id: Id, user: Id, patch: Patch) -> Result<(), ApiError> {
        let mut changed = self.own_post(id, user)?.clone();
        changed.message = patch.message.unwrap_or(changed.message);
        changed.props = patch.props.unwrap_or(changed.props);
        changed.is_pinned = patch.is_pinned.unwrap_or(changed.is_pinned);
        self.replace(changed)
    }

    /// `PUT /posts/{id}`: what the body does not say is wiped.
    pub(super) fn put_post(&mut self, id: Id, user: Id, body: &Value) -> Result<(), ApiError> {
        let old = self.own_post(id, user)?;
        let mut changed = old.clone();
        let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or_default();
        body.get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .clone_into(&mut changed.message);
        changed.props = body.get("props").and_then(Value::as_object).cloned().unwrap_or_default();
        if self.version.put_keeps_identity_props() {
            for name in IDENTITY_PROPS {
                if let Some(value) = old.props.get(name) {
                    changed.props.insert(name.to_owned(), value.clone());
                }
            }
        }
        changed.is_pinned = flag("is_pinned");
        changed.has_reactions = flag("has_reactions");
        self.replace(changed)
    }

    /// Pins or unpins; any member may.
    pub(super) fn pin_post(&mut self, id: Id, user: Id, pinned: bool) -> Result<(), ApiError> {
        let mut changed = self.post(id)?.clone();
        self.check_member(changed.channel_id, user)?;
        changed.is_pinned = pinned;
        self.replace(changed)
    }

    fn replace(&mut self, mut changed: Post) -> Result<(), ApiError> {
        self.check_room()?;
        let old = self.post(changed.id)?.clone();
        if old.is_system() {
            return Err(ApiError::bad_request(
                "api.post.update_post.system_message.app_error",
                "Unable to update system message.",
            ));
        }
        self.check_post(&changed)?;
        let now = self.now();
        let attachments = |post: &Post| post.props.get("attachments").cloned();
        if old.message != changed.message || attachments(&old) != attachments(&changed) {
            changed.edit_at = now;
        }
        changed.update_at = now;
        changed.heap = old.heap;
        let (id, channel, root) = (changed.id, changed.channel_id, changed.root_id);
        self.posts.insert(id, changed);
        self.touch(id, now);
        self.keep_earlier_text(old, now);
        if let Some(root) = root {
            self.touch(root, now);
        }
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.last_post_at = channel.last_post_at.max(now);
        }
        let post = self.post_json(self.post(id)?, true, "").to_string();
        self.publish(&Event::to_channel("post_edited", channel, json!({ "post": post })));
        Ok(())
    }

    fn keep_earlier_text(&mut self, mut old: Post, now: i64) {
        old.original_id = Some(old.id);
        old.id = Id::random();
        old.update_at = now;
        old.delete_at = now;
        old.heap = self.next_heap();
        let timeline = self.timelines.entry(old.channel_id).or_default();
        timeline.heap.insert(old.heap, old.id);
        timeline.earlier.push_back((old.heap, old.id));
        if timeline.earlier.len() > EARLIER_KEPT
            && let Some((heap, id)) = timeline.earlier.pop_front()
        {
            timeline.heap.remove(&heap);
            self.posts.remove(&id);
        }
        self.posts.insert(old.id, old);
    }

    /// Deletes a post, and with a root its whole thread. One event, for the
    /// post itself, tells of it.
    pub(super) fn delete_post(&mut self, id: Id, user: Id) -> Result<(), ApiError> {
        let post = self.own_post(id, user)?.clone();
        let now = self.now();
        let mut rows = vec![id];
        if post.root_id.is_none() {
            rows.extend(self.replies.remove(&id).unwrap_or_default());
        }
        for row in rows {
            let Some(gone) = self.posts.get_mut(&row) else { continue };
            gone.delete_at = now;
            gone.props.insert("deleteBy".to_owned(), json!(user));
            if let Some(timeline) = self.timelines.get_mut(&gone.channel_id) {
                timeline.live.remove(&(gone.create_at, gone.inserted, row));
            }
            self.touch(row, now);
        }
        if let Some(replies) = post.root_id.and_then(|root| self.replies.get_mut(&root)) {
            replies.retain(|reply| *reply != id);
        }
        let json = self.post_json(&post, true, "").to_string();
        self.publish(&Event::to_channel("post_deleted", post.channel_id, json!({ "post": json })));
        Ok(())
    }
}
