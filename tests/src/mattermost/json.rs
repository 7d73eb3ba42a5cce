//! How the records look on the wire, for each version.
//!
//! Trust: passwords and tokens are not in any of these.

use serde_json::{Map, Value, json};

use super::ids::{Id, or_empty};
use super::model::{Channel, Hook, Member, Post, Reaction, Team, User, UserKind};
use super::state::State;

impl State {
    /// A user; `own` adds what only they themselves are shown.
    pub(super) fn user_json(&self, user: &User, own: bool) -> Value {
        let roles = if user.is_admin() { "system_admin system_user" } else { "system_user" };
        let mut json = json!({
            "id": user.id, "create_at": user.create_at, "update_at": user.update_at,
            "delete_at": user.delete_at, "username": user.username, "auth_data": "",
            "auth_service": "", "email": user.email, "nickname": "",
            "first_name": user.first_name, "last_name": "", "position": "", "roles": roles,
            "locale": "en", "disable_welcome_email": false,
            "timezone": { "automaticTimezone": "", "manualTimezone": "",
                "useAutomaticTimezone": "true" },
        });
        let Some(fields) = json.as_object_mut() else { return json };
        if own {
            fields.insert("last_password_update".to_owned(), json!(user.create_at));
            fields.insert("notify_props".to_owned(), notify_props());
        }
        if let UserKind::Bot { description, .. } = &user.kind {
            fields.insert("is_bot".to_owned(), json!(true));
            if !description.is_empty() {
                fields.insert("bot_description".to_owned(), json!(description));
            }
        }
        json
    }

    pub(super) fn bot_json(&self, user: &User) -> Value {
        let UserKind::Bot { owner, description } = &user.kind else { return Value::Null };
        let mut json = json!({
            "user_id": user.id, "username": user.username, "display_name": user.first_name,
            "owner_id": owner, "create_at": user.create_at, "update_at": user.update_at,
            "delete_at": user.delete_at,
        });
        if let (Some(fields), false) = (json.as_object_mut(), description.is_empty()) {
            fields.insert("description".to_owned(), json!(description));
        }
        json
    }

    pub(super) fn team_json(&self, team: &Team) -> Value {
        json!({
            "id": team.id, "create_at": team.create_at, "update_at": team.create_at,
            "delete_at": 0, "display_name": team.display_name, "name": team.name,
            "description": "", "email": "", "type": "O", "company_name": "",
            "allowed_domains": "", "invite_id": team.invite_id, "allow_open_invite": false,
            "scheme_id": null, "group_constrained": null, "policy_id": null,
        })
    }

    pub(super) fn channel_json(&self, channel: &Channel) -> Value {
        json!({
            "id": channel.id, "create_at": channel.create_at, "update_at": channel.update_at,
            "delete_at": channel.delete_at, "team_id": or_empty(channel.team),
            "type": channel.kind.letter(), "display_name": channel.display_name,
            "name": channel.name, "header": channel.header, "purpose": channel.purpose,
            "last_post_at": channel.last_post_at, "total_msg_count": channel.total_msg_count,
            "extra_update_at": 0, "creator_id": or_empty(channel.creator), "scheme_id": null,
            "props": null, "group_constrained": null, "shared": null,
            "total_msg_count_root": channel.total_msg_count_root, "policy_id": null,
        })
    }

    pub(super) fn member_json(&self, channel: Id, user: Id, member: &Member) -> Value {
        let roles = if member.admin { "channel_user channel_admin" } else { "channel_user" };
        json!({
            "channel_id": channel, "user_id": user, "roles": roles,
            "last_viewed_at": member.last_viewed_at, "msg_count": member.msg_count,
            "mention_count": member.mention_count,
            "mention_count_root": member.mention_count_root,
            "msg_count_root": member.msg_count_root,
            "notify_props": { "desktop": "default", "email": "default",
                "ignore_channel_mentions": "default", "mark_unread": "all", "push": "default" },
            "last_update_at": member.last_update_at, "scheme_guest": false,
            "scheme_user": true, "scheme_admin": member.admin, "explicit_roles": "",
        })
    }

    /// A post. Deleted rows and earlier texts are shown without their text.
    pub(super) fn post_json(&self, post: &Post, count_replies: bool, pending: &str) -> Value {
        let root = post.root_id.unwrap_or(post.id);
        let replies = self.replies.get(&root).map_or(0, Vec::len);
        let deleted = post.delete_at != 0;
        let mut json = json!({
            "id": post.id, "create_at": post.create_at, "update_at": post.update_at,
            "edit_at": post.edit_at, "delete_at": post.delete_at, "is_pinned": post.is_pinned,
            "user_id": post.user_id, "channel_id": post.channel_id,
            "root_id": or_empty(post.root_id), "original_id": or_empty(post.original_id),
            "message": if deleted { "" } else { &post.message }, "type": post.kind,
            "props": post.props, "hashtags": "", "pending_post_id": pending,
            "reply_count": if count_replies { replies } else { 0 }, "last_reply_at": 0,
            "participants": null, "metadata": self.metadata_json(post),
        });
        let Some(fields) = json.as_object_mut() else { return json };
        if post.has_reactions {
            fields.insert("has_reactions".to_owned(), json!(true));
        }
        if self.version.old_post_shape() {
            fields.insert("parent_id".to_owned(), json!(or_empty(post.root_id)));
        }
        if !post.file_ids.is_empty() {
            fields.insert("file_ids".to_owned(), json!(post.file_ids));
        } else if !self.version.old_post_shape() {
            fields.insert("file_ids".to_owned(), Value::Null);
        }
        json
    }

    fn metadata_json(&self, post: &Post) -> Value {
        let mut metadata = Map::new();
        if post.has_reactions {
            metadata.insert("reactions".to_owned(), self.reactions_json(post.id));
        }
        let files = self.files_json(&post.file_ids);
        if !files.is_empty() {
            metadata.insert("files".to_owned(), Value::Array(files));
        }
        Value::Object(metadata)
    }

    pub(super) fn reactions_json(&self, post: Id) -> Value {
        let all = self.reactions.get(&post).into_iter().flatten();
        all.map(|reaction| self.reaction_json(post, reaction)).collect()
    }

    pub(super) fn reaction_json(&self, post: Id, reaction: &Reaction) -> Value {
        json!({
            "user_id": reaction.user, "post_id": post, "emoji_name": reaction.emoji,
            "create_at": reaction.create_at, "update_at": reaction.create_at,
            "delete_at": 0, "remote_id": "",
        })
    }

    pub(super) fn hook_json(&self, hook: &Hook) -> Value {
        let team = self.channels.get(&hook.channel).and_then(|channel| channel.team);
        json!({
            "id": hook.id, "create_at": hook.create_at, "update_at": hook.create_at,
            "delete_at": 0, "user_id": hook.user, "channel_id": hook.channel,
            "team_id": or_empty(team), "display_name": hook.display_name, "description": "",
            "username": "", "icon_url": "", "channel_locked": false,
        })
    }
}

fn notify_props() -> Value {
    json!({
        "channel": "true", "comments": "never", "desktop": "mention", "desktop_sound": "true",
        "email": "true", "first_name": "false", "mention_keys": "", "push": "mention",
        "push_status": "away",
    })
}
