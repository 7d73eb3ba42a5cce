//! Emoji on posts.
//!
//! Trust: one reacts for oneself only; the caller has checked that.

use serde_json::{Value, json};

use super::error::ApiError;
use super::events::Event;
use super::ids::Id;
use super::model::Reaction;
use super::state::State;

fn valid_emoji(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-+_".contains(c))
}

impl State {
    /// Adds a reaction. Doing it again is accepted and told again.
    pub(super) fn react(&mut self, post: Id, user: Id, emoji: &str) -> Result<Value, ApiError> {
        self.check_member(self.post(post).map_err(|_| ApiError::permissions())?.channel_id, user)?;
        if !valid_emoji(emoji) {
            return Err(ApiError::bad_request(
                "model.reaction.is_valid.emoji_name.app_error",
                "Invalid emoji name.",
            ));
        }
        let reaction = Reaction { user, emoji: emoji.to_owned(), create_at: self.now() };
        let all = self.reactions.entry(post).or_default();
        if all.len() >= 1_000 {
            return Err(ApiError::full());
        }
        all.retain(|old| old.user != user || old.emoji != emoji);
        all.push(reaction.clone());
        self.reactions_changed("reaction_added", post, &reaction)
    }

    /// Removes a reaction; one that is not there is no error.
    pub(super) fn unreact(&mut self, post: Id, user: Id, emoji: &str) -> Result<(), ApiError> {
        self.check_member(self.post(post).map_err(|_| ApiError::permissions())?.channel_id, user)?;
        let all = self.reactions.entry(post).or_default();
        all.retain(|old| old.user != user || old.emoji != emoji);
        let reaction = Reaction { user, emoji: emoji.to_owned(), create_at: 0 };
        self.reactions_changed("reaction_removed", post, &reaction).map(|_| ())
    }

    fn reactions_changed(
        &mut self,
        name: &'static str,
        id: Id,
        reaction: &Reaction,
    ) -> Result<Value, ApiError> {
        let any = self.reactions.get(&id).is_some_and(|all| !all.is_empty());
        let now = self.now();
        self.touch(id, now);
        let Some(post) = self.posts.get_mut(&id) else { return Err(ApiError::missing_post()) };
        post.has_reactions = any;
        let channel = post.channel_id;
        let row = self.reaction_json(id, reaction);
        let data = json!({ "reaction": row.to_string() });
        self.publish(&Event::to_channel(name, channel, data));
        Ok(row)
    }
}
