//! Teams and channels: making them, and the events this sends.
//!
//! Trust: whoever calls has checked that the actor may do it.

use serde_json::{Map, json};

use super::error::ApiError;
use super::events::Event;
use super::ids::Id;
use super::model::{Broadcast, Channel, ChannelKind, Team};
use super::state::{State, Timeline};

/// A channel of a team, to be made.
pub(super) struct NewChannel<'a> {
    pub(super) team: Id,
    pub(super) kind: ChannelKind,
    pub(super) name: &'a str,
    pub(super) display_name: &'a str,
}

fn valid_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
}

impl State {
    pub(super) fn add_team(
        &mut self,
        creator: Id,
        name: &str,
        display_name: &str,
    ) -> Result<Id, ApiError> {
        self.check_room()?;
        if !valid_name(name) {
            return Err(ApiError::bad_request(
                "model.team.is_valid.characters.app_error",
                "Name must be 2 or more lowercase alphanumeric characters.",
            ));
        }
        if self.teams.values().any(|team| team.name == name) {
            return Err(ApiError::bad_request(
                "app.team.save.existing.app_error",
                "A team with that name already exists.",
            ));
        }
        let id = Id::random();
        let team = Team {
            id,
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            create_at: self.now(),
            invite_id: Id::random(),
        };
        self.teams.insert(id, team);
        for (name, display_name) in [("town-square", "Town Square"), ("off-topic", "Off-Topic")] {
            self.insert_channel(ChannelKind::Open, Some(id), name, display_name, None);
        }
        self.join_team(id, creator, creator)?;
        Ok(id)
    }

    /// Makes a channel of a team; its creator is its first member.
    pub(super) fn add_channel(
        &mut self,
        creator: Id,
        new: &NewChannel<'_>,
    ) -> Result<Id, ApiError> {
        self.check_room()?;
        if !self.team_members.contains(&(new.team, creator)) && !self.is_admin(creator) {
            return Err(ApiError::permissions());
        }
        if !valid_name(new.name) {
            return Err(ApiError::bad_request(
                "model.channel.is_valid.2_or_more.app_error",
                "Name must be 2 or more lowercase alphanumeric characters.",
            ));
        }
        let taken = |channel: &Channel| channel.team == Some(new.team) && channel.name == new.name;
        if self.channels.values().any(taken) {
            return Err(ApiError::bad_request(
                "store.sql_channel.save_channel.exists.app_error",
                "A channel with that name already exists on the same team.",
            ));
        }
        let id = self.insert_channel(
            new.kind,
            Some(new.team),
            new.name,
            new.display_name,
            Some(creator),
        );
        self.join_channel(id, creator, creator)?;
        if let Some(member) = self.members.get_mut(&(id, creator)) {
            member.admin = true;
        }
        Ok(id)
    }

    fn insert_channel(
        &mut self,
        kind: ChannelKind,
        team: Option<Id>,
        name: &str,
        display_name: &str,
        creator: Option<Id>,
    ) -> Id {
        let now = self.now();
        let id = Id::random();
        let channel = Channel {
            id,
            kind,
            team,
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            header: String::new(),
            purpose: String::new(),
            creator,
            create_at: now,
            update_at: now,
            delete_at: 0,
            last_post_at: 0,
            cached_last_post_at: 0,
            total_msg_count: 0,
            total_msg_count_root: 0,
        };
        self.channels.insert(id, channel);
        self.timelines.insert(id, Timeline::default());
        id
    }

    /// The direct channel of two users, made if it is not there.
    pub(super) fn direct_channel(&mut self, creator: Id, other: Id) -> Result<Id, ApiError> {
        self.check_room()?;
        self.user(creator)?;
        self.user(other)?;
        let (first, second) = (creator.min(other), creator.max(other));
        let name = format!("{first}__{second}");
        if let Some(found) = self.channels.values().find(|channel| channel.name == name) {
            return Ok(found.id);
        }
        let id = self.insert_channel(ChannelKind::Direct, None, &name, "", Some(creator));
        self.insert_member(id, creator);
        self.insert_member(id, other);
        let data = json!({ "creator_id": creator, "teammate_id": other });
        self.publish(&Event::to_channel("direct_added", id, data));
        Ok(id)
    }

    /// The group channel of three to eight users, made if it is not there.
    pub(super) fn group_channel(&mut self, creator: Id, users: &[Id]) -> Result<Id, ApiError> {
        self.check_room()?;
        let mut users: Vec<Id> = users.iter().copied().chain([creator]).collect();
        users.sort_unstable();
        users.dedup();
        if !(3..=8).contains(&users.len()) {
            return Err(ApiError::bad_request(
                "api.channel.create_group.bad_size.app_error",
                "Group message channels must contain at least 3 and no more than 8 users.",
            ));
        }
        let mut names = Vec::new();
        for user in &users {
            names.push(self.user(*user)?.username.clone());
        }
        names.sort_unstable();
        let found = self.channels.values().find(|channel| {
            channel.kind == ChannelKind::Group
                && self.members_of(channel.id).map(|(user, _)| user).eq(users.iter().copied())
        });
        if let Some(found) = found {
            return Ok(found.id);
        }
        let name = format!("{:032x}{:08x}", rand::random::<u128>(), rand::random::<u32>());
        let id = self.insert_channel(ChannelKind::Group, None, &name, &names.join(", "), None);
        for user in &users {
            self.insert_member(id, *user);
        }
        let data = json!({ "teammate_ids": json!(users).to_string() });
        self.publish(&Event::to_channel("group_added", id, data));
        Ok(id)
    }

    /// Archives a channel; the whole team hears of it.
    pub(super) fn archive_channel(&mut self, id: Id, by: Id) -> Result<(), ApiError> {
        self.check_member(id, by)?;
        let now = self.now();
        let Some(channel) = self.channels.get_mut(&id) else { return Ok(()) };
        channel.delete_at = now;
        channel.update_at = now;
        let to = Broadcast { team: channel.team, ..Broadcast::default() };
        let data = json!({ "channel_id": id, "delete_at": now });
        self.publish(&Event::new("channel_deleted", data, to));
        Ok(())
    }

    /// Changes header, purpose or display name; each change is posted.
    pub(super) fn patch_channel(
        &mut self,
        id: Id,
        by: Id,
        patch: &Map<String, serde_json::Value>,
    ) -> Result<(), ApiError> {
        self.check_member(id, by)?;
        let who = self.user(by)?.username.clone();
        let changes = [
            ("display_name", "displayname", "display name"),
            ("header", "header", "header"),
            ("purpose", "purpose", "purpose"),
        ];
        for (field, short, label) in changes {
            let Some(new) = patch.get(field).and_then(|value| value.as_str()) else { continue };
            let old = self.set_channel_field(id, field, new);
            if old == new {
                continue;
            }
            let text = match (old.as_str(), new) {
                ("", _) => format!("{who} updated the channel {label} to: {new}"),
                (_, "") => format!("{who} removed the channel {label} (was: {old})"),
                _ => format!("{who} updated the channel {label} from: {old} to: {new}"),
            };
            let mut props = Map::new();
            props.insert("username".to_owned(), json!(who));
            props.insert(format!("old_{short}"), json!(old));
            props.insert(format!("new_{short}"), json!(new));
            self.post_system(by, id, &format!("system_{short}_change"), &text, props);
        }
        let channel = self.channel_json(self.channel(id)?).to_string();
        self.publish(&Event::to_channel("channel_updated", id, json!({ "channel": channel })));
        Ok(())
    }

    /// Sets a field and returns what it was.
    fn set_channel_field(&mut self, id: Id, field: &str, new: &str) -> String {
        let now = self.now();
        let Some(channel) = self.channels.get_mut(&id) else { return new.to_owned() };
        channel.update_at = now;
        let value = match field {
            "header" => &mut channel.header,
            "purpose" => &mut channel.purpose,
            _ => &mut channel.display_name,
        };
        std::mem::replace(value, new.to_owned())
    }
}
