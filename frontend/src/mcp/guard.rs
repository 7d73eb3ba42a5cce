//! What a caller may see, and where they may write.
//!
//! Trust: none in what a call names. Every id and every name is looked up with the
//! account, and is there only if account **and** person may see it. Where the account
//! is the person's own, the server has judged that already.

use gaggle_ipc::MattermostId;

use super::caller::{Caller, Person};
use super::membership::Of;
use super::refusal::Refusal;
use crate::mattermost::{Channel, ChannelDetails, ChannelKind, Handle, Post, Profile, TeamDetails};

/// Whether an answer may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// It may be half a minute old.
    Reading,
    /// It is asked for now.
    Writing,
}

impl Caller {
    /// A channel that may be read.
    pub(super) async fn readable(&self, id: MattermostId) -> Result<ChannelDetails, Refusal> {
        let found = self.client.channel_details(id).await;
        let found = found.map_err(|error| Refusal::of("channel", &error))?;
        // A server that answers with another channel than was asked for is not believed.
        if found.channel.id == id && self.sees(&found.channel, For::Reading).await? {
            return Ok(found);
        }
        Err(Refusal::Hidden("channel"))
    }

    /// Whether both may write in a channel as the server gave it just now.
    pub(super) async fn require_writable(&self, channel: &Channel) -> Result<(), Refusal> {
        if !self.sees(channel, For::Writing).await? {
            return Err(Refusal::Hidden("channel"));
        }
        if channel.delete_at != 0 {
            return Err(Refusal::ReadOnly);
        }
        let of = Of::Channel(channel.id);
        for user in [self.account().await?, self.person_id().await?] {
            if !self.is_member(of, user, For::Writing).await? {
                return Err(Refusal::ReadOnly);
            }
        }
        Ok(())
    }

    /// A post that may be read.
    pub(super) async fn post(&self, id: MattermostId) -> Result<Post, Refusal> {
        let post = self.client.post(id).await.map_err(|error| Refusal::of("post", &error))?;
        // Deleted ones are kept by the server; some answer with them.
        let there = post.id == id && post.delete_at == 0 && post.original.is_none();
        if there && self.sees_channel(post.channel).await? {
            return Ok(post);
        }
        Err(Refusal::Hidden("post"))
    }

    /// A team that both are in.
    pub(super) async fn team(&self, id: MattermostId) -> Result<TeamDetails, Refusal> {
        let teams = self.teams().await?;
        teams.into_iter().find(|team| team.id == id).ok_or(Refusal::Hidden("team"))
    }

    /// The team that is called so, if both are in it.
    pub(super) async fn team_named(&self, name: &Handle) -> Result<TeamDetails, Refusal> {
        let teams = self.teams().await?;
        let named = |team: &TeamDetails| team.name.eq_ignore_ascii_case(name.as_str());
        teams.into_iter().find(named).ok_or(Refusal::Hidden("team"))
    }

    /// The teams that both are in.
    pub(super) async fn teams(&self) -> Result<Vec<TeamDetails>, Refusal> {
        let all = self.client.own_teams().await.map_err(|error| Refusal::of("team", &error))?;
        let mut both = Vec::new();
        for team in all.into_iter().filter(|team| team.delete_at == 0) {
            if self.person_in(Of::Team(team.id), For::Reading).await? {
                both.push(team);
            }
        }
        Ok(both)
    }

    /// Somebody whom the caller may know of.
    pub(super) async fn somebody(&self, id: MattermostId) -> Result<Profile, Refusal> {
        self.require_all_people().await?;
        self.client.profile(id).await.map_err(|error| Refusal::of("person", &error))
    }

    /// Guests see those of their channels alone, and which these are, Mattermost does
    /// not tell a bot: for them people are members of a channel.
    pub(super) async fn require_all_people(&self) -> Result<(), Refusal> {
        if self.person != Person::Own && self.person_profile().await?.is_guest() {
            return Err(Refusal::Arguments(
                "The person you work for is a guest here: ask for the members of a channel instead."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether what stands in a channel may be read.
    pub(super) async fn sees_channel(&self, id: MattermostId) -> Result<bool, Refusal> {
        match self.readable(id).await {
            Ok(_) => Ok(true),
            Err(Refusal::Hidden(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Whether both see `channel`.
    pub(super) async fn sees(&self, channel: &Channel, why: For) -> Result<bool, Refusal> {
        let Person::Other(person) = self.person else { return Ok(true) };
        let (account, person) = (self.account().await?, person.into());
        let of = Of::Channel(channel.id);
        match channel.kind {
            ChannelKind::Direct => Ok(is_between(&channel.name, account, person)),
            // An account with more rights than a member's must not lend them.
            ChannelKind::Private | ChannelKind::Group => {
                Ok(self.is_member(of, account, why).await?
                    && self.is_member(of, person, why).await?)
            }
            ChannelKind::Public => {
                let Some(team) = channel.team else { return Ok(false) };
                // One answer for all channels of the team, before one for each.
                Ok(self.is_member(Of::Team(team), person, why).await?
                    && (!self.person_profile().await?.is_guest()
                        || self.is_member(of, person, why).await?))
            }
        }
    }

    async fn person_in(&self, of: Of, why: For) -> Result<bool, Refusal> {
        match self.person {
            Person::Own => Ok(true),
            Person::Other(user) => self.is_member(of, user.into(), why).await,
        }
    }

    async fn is_member(&self, of: Of, user: MattermostId, why: For) -> Result<bool, Refusal> {
        let found = self.memberships.has(&self.client, of, user, why == For::Writing).await;
        found.map_err(|error| Refusal::of("channel", &error))
    }
}

/// Whether a direct channel's name is that of these two; a person may also be one
/// with themselves.
fn is_between(name: &str, a: MattermostId, b: MattermostId) -> bool {
    let Some((one, two)) = name.split_once("__") else { return false };
    (one == a.as_str() && two == b.as_str()) || (one == b.as_str() && two == a.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_channel_is_of_the_two_that_its_name_has() {
        let id = |c: char| MattermostId::new(&c.to_string().repeat(26)).unwrap();
        let (a, b, c) = (id('a'), id('b'), id('c'));
        let name = |x: MattermostId, y: MattermostId| format!("{}__{}", x.as_str(), y.as_str());
        assert!(is_between(&name(a, b), a, b));
        assert!(is_between(&name(b, a), a, b));
        for other in [name(a, c), name(c, b), name(a, a), "town-square".to_owned()] {
            assert!(!is_between(&other, a, b), "{other}");
        }
    }
}
