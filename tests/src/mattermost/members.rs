//! Who is in which team and channel, and what they have read.
//!
//! Trust: whoever calls has checked that the actor may do it.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::events::Event;
use super::ids::{Id, or_empty};
use super::model::{Broadcast, ChannelKind, Member};
use super::state::State;

fn props(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

impl State {
    pub(super) fn insert_member(&mut self, channel: Id, user: Id) {
        let member = Member { last_update_at: self.now(), ..Member::default() };
        self.members.insert((channel, user), member);
    }

    /// Puts a user in a team and its two default channels.
    pub(super) fn join_team(&mut self, team: Id, user: Id, by: Id) -> Result<(), ApiError> {
        self.check_room()?;
        self.user(user)?;
        if !self.teams.contains_key(&team) || !self.team_members.insert((team, user)) {
            return Ok(());
        }
        let data = json!({ "team_id": team, "user_id": user });
        self.publish(&Event::to_user("added_to_team", user, data));
        for name in ["town-square", "off-topic"] {
            let channel = (self.channels.values())
                .find(|channel| channel.team == Some(team) && channel.name == name)
                .map(|channel| channel.id);
            if let Some(channel) = channel {
                self.enter(channel, user, by, name == "town-square")?;
            }
        }
        Ok(())
    }

    /// Puts a user in a channel of a team they are in.
    pub(super) fn join_channel(&mut self, id: Id, user: Id, by: Id) -> Result<(), ApiError> {
        self.check_room()?;
        self.user(user)?;
        let channel = self.channel(id)?;
        if self.is_member(id, user) {
            return Ok(());
        }
        let (Some(team), ChannelKind::Open | ChannelKind::Private) = (channel.team, channel.kind)
        else {
            return Err(ApiError::bad_request(
                "api.channel.add_user_to_channel.type.app_error",
                "Can not add user to this channel type.",
            ));
        };
        if !self.team_members.contains(&(team, user)) {
            return Err(ApiError::bad_request(
                "api.channel.add_user.to.channel.failed.deleted.app_error",
                "Failed to add user to channel because they have been removed from the team.",
            ));
        }
        self.enter(id, user, by, false)
    }

    fn enter(&mut self, id: Id, user: Id, by: Id, is_team: bool) -> Result<(), ApiError> {
        self.insert_member(id, user);
        let team = or_empty(self.channel(id)?.team);
        let data = json!({ "team_id": team, "user_id": user });
        self.publish(&Event::to_channel("user_added", id, data));
        let (name, actor) = (self.user(user)?.username.clone(), self.user(by)?.username.clone());
        let place = if is_team { "team" } else { "channel" };
        if user == by {
            let (kind, text) =
                (format!("system_join_{place}"), format!("{name} joined the {place}."));
            self.post_system(user, id, &kind, &text, props(&[("username", json!(name))]));
        } else {
            let text = format!("{name} added to the {place} by {actor}.");
            let props = props(&[
                ("userId", json!(by)),
                ("username", json!(actor)),
                ("addedUserId", json!(user)),
                ("addedUsername", json!(name)),
            ]);
            self.post_system(by, id, &format!("system_add_to_{place}"), &text, props);
        }
        Ok(())
    }

    /// Takes a user out of a channel. They hear of it, but not of the post
    /// that says so: they are no longer there.
    pub(super) fn leave_channel(&mut self, id: Id, user: Id, by: Id) -> Result<(), ApiError> {
        let channel = self.channel(id)?;
        if channel.name == "town-square" {
            return Err(ApiError::bad_request(
                "api.channel.remove.default.app_error",
                "Unable to remove user from the default channel Town Square.",
            ));
        }
        if self.members.remove(&(id, user)).is_none() {
            return Err(missing_member());
        }
        let data = json!({ "user_id": user, "remover_id": by });
        self.publish(&Event::to_channel("user_removed", id, data));
        let data = json!({ "channel_id": id, "remover_id": by });
        self.publish(&Event::to_user("user_removed", user, data));
        let name = self.user(user)?.username.clone();
        if user == by {
            let text = format!("{name} left the channel.");
            let props = props(&[("username", json!(name))]);
            self.post_system(user, id, "system_leave_channel", &text, props);
        } else {
            let text = format!("@{name} removed from the channel.");
            let props = props(&[("removedUserId", json!(user)), ("removedUsername", json!(name))]);
            self.post_system(by, id, "system_remove_from_channel", &text, props);
        }
        Ok(())
    }

    /// The user has read everything there.
    pub(super) fn mark_viewed(&mut self, channel: Id, user: Id) {
        let Some(totals) = self.channels.get(&channel) else { return };
        let (last, count, roots) =
            (totals.last_post_at, totals.total_msg_count, totals.total_msg_count_root);
        let now = self.now();
        let Some(member) = self.members.get_mut(&(channel, user)) else { return };
        member.last_viewed_at = last;
        member.msg_count = count;
        member.msg_count_root = roots;
        member.mention_count = 0;
        member.mention_count_root = 0;
        member.last_update_at = now;
        let name = self.version.viewed_event();
        let data = if name == "channel_viewed" {
            json!({ "channel_id": channel })
        } else {
            json!({ "channel_times": { channel.as_str(): last } })
        };
        let to = Broadcast { user: Some(user), ..Broadcast::default() };
        self.publish(&Event::new(name, data, to));
    }
}

pub(super) fn missing_member() -> ApiError {
    ApiError::new(
        axum::http::StatusCode::NOT_FOUND,
        "app.channel.get_member.missing.app_error",
        "No channel member found for that user ID and channel ID.",
    )
}
