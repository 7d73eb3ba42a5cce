//! Channels, and who is in them.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use gaggle_ipc::MattermostId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::caller::Caller;
use super::super::catalogue::{Class, Tool};
use super::super::guard::For;
use super::super::refusal::Refusal;
use super::super::shapes::{self, ChannelInfo, ChannelShape, Page, People, PersonShape};
use crate::mattermost::{Channel, ChannelDetails, Error, Handle};

/// How many channels are judged at a time.
const AT_ONCE: usize = 4;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            ("get_channels", "List channels"),
            Class::Read,
            "Lists the channels and direct messages that the bot is in and the person you work for may see. Channels that the bot has not joined are missing: ask for one by name with get_channel_info.",
            get_channels,
        ),
        Tool::new(
            ("get_channel_info", "Look a channel up"),
            Class::Read,
            "Tells about one channel, by id or by name and team.",
            get_channel_info,
        ),
        Tool::new(
            ("get_channel_members", "List a channel's members"),
            Class::Read,
            "Lists the members of a channel, page by page.",
            get_channel_members,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Those of this team alone, by name or id. Direct messages belong to none.
    #[serde(default)]
    team: Option<String>,
    /// Which page, from 0.
    #[serde(default)]
    page: u32,
    /// Entries of a page, 1 to 100.
    #[serde(default = "shapes::usual")]
    per_page: u16,
}

#[derive(Serialize, JsonSchema)]
struct Channels {
    /// They, by name.
    channels: Vec<ChannelShape>,
    /// The page to ask for next, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

async fn get_channels(caller: Arc<Caller>, list: List) -> Result<Channels, Refusal> {
    let page = Page { page: list.page, per_page: list.per_page };
    page.bounds()?;
    let team = match &list.team {
        Some(team) => Some(caller.team_called(team).await?.id),
        None => None,
    };
    let found = caller.client.channels(true).await;
    let found = found.map_err(|error| Refusal::of("channel", &error))?.unwrap_or_default();
    let of_team = |channel: &Channel| team.is_none_or(|team| channel.team == Some(team));
    let candidates: Vec<_> = found.channels.into_iter().filter(of_team).collect();
    let judged: Vec<_> = stream::iter(candidates)
        .map(|channel| {
            let caller = Arc::clone(&caller);
            async move { caller.sees(&channel, For::Reading).await.map(|sees| (channel, sees)) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut seen = Vec::new();
    for one in judged {
        let (channel, sees) = one?;
        if sees {
            seen.push(channel);
        }
    }
    seen.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let (part, next_page) = page.of(seen)?;
    Ok(Channels { channels: part.iter().map(ChannelShape::from).collect(), next_page })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// Its id, or its name in addresses.
    channel: String,
    /// Its team, by name or id, if the channel is given by name.
    #[serde(default)]
    team: Option<String>,
}

async fn get_channel_info(caller: Arc<Caller>, one: One) -> Result<ChannelInfo, Refusal> {
    let details = caller.channel_called(&one.channel, one.team.as_deref()).await?;
    let size = caller.client.channel_size(details.channel.id).await;
    let size = size.map_err(|error| Refusal::of("channel", &error))?;
    Ok(ChannelInfo::new(&details, size))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Members {
    /// Its id, or its name in addresses.
    channel: String,
    /// Its team, by name or id, if the channel is given by name.
    #[serde(default)]
    team: Option<String>,
    /// Which page, from 0.
    #[serde(default)]
    page: u32,
    /// Entries of a page, 1 to 100.
    #[serde(default = "shapes::usual")]
    per_page: u16,
}

async fn get_channel_members(caller: Arc<Caller>, of: Members) -> Result<People, Refusal> {
    let (page, per_page) = Page { page: of.page, per_page: of.per_page }.bounds()?;
    let channel = caller.channel_called(&of.channel, of.team.as_deref()).await?.channel;
    let found = caller.client.channel_members(channel.id, (page, per_page)).await;
    let ids = found.map_err(|error| Refusal::of("channel", &error))?;
    let more = ids.len() >= usize::from(per_page);
    let people = caller.profiles(&ids).await?.iter().map(PersonShape::from).collect();
    Ok(People { people, next_page: more.then_some(page + 1) })
}

impl Caller {
    /// A channel by id, or by name and team.
    pub(super) async fn channel_called(
        &self,
        channel: &str,
        team: Option<&str>,
    ) -> Result<ChannelDetails, Refusal> {
        let channel = channel.trim();
        if let Ok(id) = MattermostId::new(channel) {
            return self.readable(id).await;
        }
        let name = Handle::parse(channel.trim_start_matches(['~', '#']));
        let name = name.ok_or_else(|| {
            Refusal::Arguments(
                "channel has to be an id or a channel's name in addresses".to_owned(),
            )
        })?;
        let teams = match (team, &self.default_team) {
            (None, None) => self.teams().await?,
            _ => vec![self.team_or_default(team).await?],
        };
        let mut found = Vec::new();
        for team in teams {
            match self.client.channel_named(team.id, &name).await {
                Ok(details) if self.sees(&details.channel, For::Reading).await? => {
                    found.push(details);
                }
                Ok(_) | Err(Error::NotFound { .. } | Error::Forbidden { .. }) => {}
                Err(error) => return Err(Refusal::of("channel", &error)),
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(Refusal::Hidden("channel")),
            _ => Err(Refusal::Arguments(
                "Several teams have a channel of that name: name the team.".to_owned(),
            )),
        }
    }
}
