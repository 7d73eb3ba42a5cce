//! What the channel, and the author alone, are told of a new post.
//!
//! Trust: the post is stored already; this only describes it.

use serde_json::{Value, json};

use super::events::Event;
use super::ids::or_empty;
use super::mentions::Mentions;
use super::model::{Broadcast, ChannelKind, Post};
use super::state::State;

impl State {
    pub(super) fn publish_posted(&mut self, post: &Post, pending: &str, mentions: &Mentions) {
        let (Some(channel), Some(author)) =
            (self.channels.get(&post.channel_id), self.users.get(&post.user_id))
        else {
            return;
        };
        let direct = channel.kind == ChannelKind::Direct;
        let overridden = post.props.get("override_username").and_then(Value::as_str);
        let sender = match overridden {
            _ if post.is_system() => "System".to_owned(),
            Some(name) if post.prop_is("from_webhook", "true") && !direct => name.to_owned(),
            _ => format!("@{}", author.username),
        };
        let shown =
            if direct { format!("@{}", author.username) } else { channel.display_name.clone() };
        let mut data = json!({
            "channel_display_name": shown, "channel_name": channel.name,
            "channel_type": channel.kind.letter(), "team_id": or_empty(channel.team),
            "sender_name": sender, "set_online": true,
            "post": self.post_json(post, true, pending).to_string(),
        });
        if let Some(fields) = data.as_object_mut() {
            if !mentions.users.is_empty() {
                fields.insert("mentions".to_owned(), json!(json!(mentions.users).to_string()));
            }
            if !post.file_ids.is_empty() {
                fields.insert("otherFile".to_owned(), json!("true"));
            }
        }
        self.publish(&Event::to_channel("posted", post.channel_id, data));
    }

    /// Tells the author, over the WebSocket only, whom a mention did not reach.
    pub(super) fn tell_of_absent(&mut self, post: &Post, mentions: &Mentions) {
        let channel = self.channels.get(&post.channel_id);
        let named = channel.is_some_and(|channel| channel.team.is_some());
        let absent = mentions.others.iter().filter_map(|name| self.user_named(name));
        let mut names: Vec<String> = absent
            .filter(|user| user.id != post.user_id && user.delete_at == 0)
            .map(|user| format!("@{}", user.username))
            .collect();
        if !named || post.is_system() || names.is_empty() {
            return;
        }
        let last = names.pop().unwrap_or_default();
        let text = if names.is_empty() {
            format!(
                "{last} did not get notified by this mention because they are not in the channel."
            )
        } else {
            format!(
                "{} and {last} did not get notified by this mention because they are not in the \
                 channel.",
                names.join(", ")
            )
        };
        let mut told = Post::new(post.user_id, post.channel_id, &text, post.create_at + 1);
        "system_ephemeral".clone_into(&mut told.kind);
        told.root_id = post.root_id;
        told.update_at = 0;
        let told = self.post_json(&told, false, "").to_string();
        let to = Broadcast {
            user: Some(post.user_id),
            channel: Some(post.channel_id),
            ..Broadcast::default()
        };
        self.publish(&Event::new("ephemeral_message", json!({ "post": told }), to));
    }
}
