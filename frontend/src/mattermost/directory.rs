//! Calls that look up teams, channels and people, by id or by name.
//!
//! Trust: the server says what this account may see. A name goes into a path only
//! as a [`Handle`], whose characters mean nothing there.

use gaggle_ipc::MattermostId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::transport::Request;
use super::types::known;
use super::{Channel, ChannelMember, Client, Error, wire};

/// A name of a team, a channel or a person, as in addresses: at most 64 of `a-z`,
/// `0-9`, `.`, `_` and `-`, and not dots alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle(String);

impl Handle {
    const MAX: usize = 64;

    /// Reads a name, whose letters may be large. `None` if nothing can be called so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = !text.is_empty() && text.len() <= Self::MAX && text.chars().all(known);
        (fits && text.chars().any(|c| c != '.')).then_some(Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What there is to know of a channel.
#[derive(Debug, Clone, Deserialize)]
pub struct ChannelDetails {
    /// The channel.
    #[serde(flatten)]
    pub channel: Channel,
    /// What stands above it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub header: String,
    /// What it is for.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub purpose: String,
}

/// What there is to know of a team.
#[derive(Debug, Clone, Deserialize)]
pub struct TeamDetails {
    /// Its id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// Its name in addresses.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub name: String,
    /// Its name for people.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub display_name: String,
    /// What it is.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub description: String,
    /// `O`: anybody may join. `I`: by invitation.
    #[serde(rename = "type", default, deserialize_with = "wire::or_default")]
    pub kind: String,
    /// When it was archived, 0 = it is there.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
}

/// What there is to know of a person or bot, as far as the server tells.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// The immutable id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// The name after the `@`.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub username: String,
    /// First name.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub first_name: String,
    /// Last name.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub last_name: String,
    /// Nickname.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub nickname: String,
    /// What they do.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub position: String,
    /// Their address, where the server shows it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub email: String,
    /// Names of roles, separated by spaces.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub roles: String,
    /// Their language.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub locale: String,
    /// A bot account.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub is_bot: bool,
    /// When it was deactivated, 0 = active.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
}

impl Profile {
    /// A guest sees only those they share a channel with.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.roles.split_whitespace().any(|role| role == "system_guest")
    }
}

/// Somebody's membership of a team.
#[derive(Debug, Clone, Deserialize)]
struct TeamMember {
    #[serde(rename = "user_id", deserialize_with = "wire::id")]
    user: MattermostId,
    /// Those who left are kept.
    #[serde(default, deserialize_with = "wire::or_default")]
    delete_at: i64,
}

/// Of which people is looked for somebody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Among {
    /// Members of this team.
    pub team: Option<MattermostId>,
    /// Members of this channel.
    pub channel: Option<MattermostId>,
}

impl Client {
    /// A channel.
    ///
    /// # Errors
    /// [`Error::Forbidden`] also if there is none.
    pub async fn channel_details(&self, channel: MattermostId) -> Result<ChannelDetails, Error> {
        self.fetch(Request::get(format!("channels/{channel}"))).await
    }

    /// The channel that is called so in a team.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn channel_named(
        &self,
        team: MattermostId,
        name: &Handle,
    ) -> Result<ChannelDetails, Error> {
        self.fetch(Request::get(format!("teams/{team}/channels/name/{}", name.as_str()))).await
    }

    /// How many members a channel has.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if this account may not know.
    pub async fn channel_size(&self, channel: MattermostId) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Stats {
            #[serde(default, deserialize_with = "wire::or_default")]
            member_count: u64,
        }
        let stats: Stats = self.fetch(Request::get(format!("channels/{channel}/stats"))).await?;
        Ok(stats.member_count)
    }

    /// A page of a channel's members.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if this account is none.
    pub async fn channel_members(
        &self,
        channel: MattermostId,
        (page, per_page): (u32, u16),
    ) -> Result<Vec<MattermostId>, Error> {
        let request = Request::get(format!("channels/{channel}/members"))
            .with("page", page)
            .with("per_page", per_page);
        let (members, _) = known::<ChannelMember>(self.fetch(request).await?);
        Ok(members.into_iter().map(|member| member.user).collect())
    }

    /// A page of a team's members, without those who left, and whether there is another.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if this account is none.
    pub async fn team_members(
        &self,
        team: MattermostId,
        (page, per_page): (u32, u16),
    ) -> Result<(Vec<MattermostId>, bool), Error> {
        let request = Request::get(format!("teams/{team}/members"))
            .with("page", page)
            .with("per_page", per_page);
        let all: Vec<Value> = self.fetch(request).await?;
        let more = all.len() >= usize::from(per_page);
        let (members, _) = known::<TeamMember>(all);
        let members = members.into_iter().filter(|member| member.delete_at == 0);
        Ok((members.map(|member| member.user).collect(), more))
    }

    /// The teams that this account is in.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn own_teams(&self) -> Result<Vec<TeamDetails>, Error> {
        Ok(known::<TeamDetails>(self.fetch(Request::get("users/me/teams")).await?).0)
    }

    /// The profile of this account.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn own_profile(&self) -> Result<Profile, Error> {
        self.fetch(Request::get("users/me")).await
    }

    /// Somebody's profile.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such id.
    pub async fn profile(&self, user: MattermostId) -> Result<Profile, Error> {
        self.fetch(Request::get(format!("users/{user}"))).await
    }

    /// The profile of whoever is called so now.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody is.
    pub async fn profile_named(&self, name: &Handle) -> Result<Profile, Error> {
        self.fetch(Request::get(format!("users/username/{}", name.as_str()))).await
    }

    /// Profiles of those of the people that exist, in no order; at most a hundred.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn profiles(&self, users: &[MattermostId]) -> Result<Vec<Profile>, Error> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = users.iter().map(MattermostId::as_str).collect();
        Ok(known(self.fetch(Request::post("users/ids", &json!(ids)).repeatable()).await?).0)
    }

    /// Active people whose name or address begins like this.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn search_profiles(
        &self,
        term: &str,
        among: Among,
        limit: u16,
    ) -> Result<Vec<Profile>, Error> {
        let mut body = json!({ "term": term, "limit": limit });
        if let Some(team) = among.team {
            body["team_id"] = json!(team.as_str());
        }
        if let Some(channel) = among.channel {
            body["in_channel_id"] = json!(channel.as_str());
        }
        Ok(known(self.fetch(Request::post("users/search", &body).repeatable()).await?).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lead_elsewhere_is_no_name() {
        for text in ["town-square", "a.b_c-1", "Alice", &"a".repeat(64)] {
            assert!(Handle::parse(text).is_some(), "{text}");
        }
        for text in ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "é", "a b", &"a".repeat(65)] {
            assert_eq!(Handle::parse(text), None, "{text}");
        }
    }
}
