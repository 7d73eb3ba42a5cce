//! Calls about channels, above all: which ones is the bot in?
//!
//! Trust: newer servers answer that in one call; older ones per team, with a tag
//! that makes an unchanged list free. The tag misses posts that were committed
//! late, so only a list without it is the truth.

use std::collections::{HashMap, HashSet};

use gaggle_ipc::MattermostId;
use http::{StatusCode, header};
use serde_json::json;

use super::transport::{Answer, Request};
use super::types::known;
use super::{Channel, ChannelList, ChannelMember, Client, Error, Team};

/// What is known of the way to list channels.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The server has no call for all teams at once.
    per_team: bool,
    teams: Vec<MattermostId>,
    /// The last list of each path.
    last: HashMap<String, Tagged>,
}

#[derive(Debug, Clone)]
struct Tagged {
    tag: String,
    channels: Vec<Channel>,
    skipped: usize,
}

/// One path's answer.
struct Listed {
    channels: Vec<Channel>,
    skipped: usize,
    unchanged: bool,
}

impl Client {
    /// The channels the bot is in, archived ones left out. `fresh` asks without
    /// the tag of the list before; otherwise `None` means that the server sees
    /// no change, which misses posts that were committed late.
    ///
    /// # Errors
    /// [`Error`]; a list that is not whole is an error, never a shorter list.
    pub async fn channels(&self, fresh: bool) -> Result<Option<ChannelList>, Error> {
        let lists = &mut *self.lists().lock().await;
        let mut parts = Vec::new();
        if !lists.per_team {
            match self.list(lists, "users/me/channels".to_owned(), fresh).await {
                Ok(part) => parts.push(part),
                // Servers before 6.1 do not know the call.
                Err(Error::NotFound { .. }) => lists.per_team = true,
                Err(error) => return Err(error),
            }
        }
        if lists.per_team {
            if fresh || lists.teams.is_empty() {
                let (teams, _) = known::<Team>(self.fetch(Request::get("users/me/teams")).await?);
                lists.teams = teams.iter().map(|team| team.id).collect();
                let paths: HashSet<String> = lists.teams.iter().map(team_path).collect();
                lists.last.retain(|path, _| paths.contains(path));
            }
            for team in lists.teams.clone() {
                parts.push(self.list(lists, team_path(&team), fresh).await?);
            }
        }
        Ok(merge(parts))
    }

    /// One path's channels.
    async fn list(&self, lists: &mut Lists, path: String, fresh: bool) -> Result<Listed, Error> {
        let last = lists.last.get(&path).filter(|_| !fresh);
        let mut request = Request::get(path.clone());
        if let Some(last) = last {
            request = request.unless(&last.tag);
        }
        let answer = self.send(request).await?;
        if answer.status == StatusCode::NOT_MODIFIED
            && let Some(last) = last
        {
            return Ok(Listed {
                channels: last.channels.clone(),
                skipped: last.skipped,
                unchanged: true,
            });
        }
        let (channels, skipped) = known::<Channel>(answer.json()?);
        remember(lists, path, &answer, &channels, skipped);
        Ok(Listed { channels, skipped, unchanged: false })
    }

    /// One channel. Its counters come from a cache and lag behind edits.
    ///
    /// # Errors
    /// [`Error::Forbidden`] also if there is no such channel.
    pub async fn channel(&self, channel: MattermostId) -> Result<Channel, Error> {
        self.fetch(Request::get(format!("channels/{channel}"))).await
    }

    /// The teams the bot is in.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn teams(&self) -> Result<Vec<Team>, Error> {
        Ok(known::<Team>(self.fetch(Request::get("users/me/teams")).await?).0)
    }

    /// Somebody's membership.
    ///
    /// # Errors
    /// [`Error::NotFound`] if they are no member, [`Error::Forbidden`] if the bot
    /// may not know.
    pub async fn channel_member(
        &self,
        channel: MattermostId,
        user: MattermostId,
    ) -> Result<ChannelMember, Error> {
        self.fetch(Request::get(format!("channels/{channel}/members/{user}"))).await
    }

    /// The direct channel of two people, made if it is not there. The bot has to
    /// be one of them.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if it is not.
    pub async fn direct_channel(&self, a: MattermostId, b: MattermostId) -> Result<Channel, Error> {
        let body = json!([a.as_str(), b.as_str()]);
        self.fetch(Request::post("channels/direct", &body).repeatable()).await
    }
}

fn team_path(team: &MattermostId) -> String {
    format!("users/me/teams/{team}/channels")
}

fn remember(
    lists: &mut Lists,
    path: String,
    answer: &Answer,
    channels: &[Channel],
    skipped: usize,
) {
    match answer.header(header::ETAG) {
        Some(tag) => {
            let tagged = Tagged { tag: tag.to_owned(), channels: channels.to_vec(), skipped };
            lists.last.insert(path, tagged);
        }
        None => {
            lists.last.remove(&path);
        }
    }
}

fn merge(parts: Vec<Listed>) -> Option<ChannelList> {
    // A bot in no team has an empty list, which is not "no change".
    if !parts.is_empty() && parts.iter().all(|part| part.unchanged) {
        return None;
    }
    let mut list = ChannelList::default();
    let mut met = HashSet::new();
    for part in parts {
        list.skipped += part.skipped;
        // Direct and group channels repeat in each team.
        let new = part
            .channels
            .into_iter()
            .filter(|channel| channel.delete_at == 0 && met.insert(channel.id));
        list.channels.extend(new);
    }
    Some(list)
}
