//! Whether the bot works in a place, by the lists of channels and teams.
//!
//! Trust: the lists are the admin's; which channel and team a post is in says
//! Mattermost. What cannot be found out is not allowed.

use std::collections::{HashMap, HashSet};

use gaggle_ipc::MattermostId;

use crate::config::{Access, List};
use crate::mattermost::{Channel, ChannelKind};

/// Where somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The channel.
    pub channel: MattermostId,
    /// Its sort.
    pub kind: ChannelKind,
    /// Its team; direct and group messages have none.
    pub team: Option<MattermostId>,
}

impl From<&Channel> for Site {
    fn from(channel: &Channel) -> Self {
        Self { channel: channel.id, kind: channel.kind, team: channel.team }
    }
}

/// What the lists say of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The bot works there.
    Allowed,
    /// It does not: not in this channel, or not in this team.
    Denied(Denied),
    /// That depends on which of these teams the person is in.
    Member(&'a List, &'a HashSet<MattermostId>),
}

/// Why the bot does not work in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// The channel.
    Channel,
    /// The team, or the person's teams.
    Team,
}

/// Judges `site` by `access`.
#[must_use]
pub fn judge<'a>(access: &'a Access, site: &Site) -> Verdict<'a> {
    // Direct messages are switched on and off by a setting of their own.
    if site.kind != ChannelKind::Direct && !access.channels.allows(site.channel) {
        return Verdict::Denied(Denied::Channel);
    }
    let teams = &access.teams;
    match (teams, site.team) {
        (List::All, _) => Verdict::Allowed,
        (List::Nothing, _) => Verdict::Denied(Denied::Team),
        (List::Only(_) | List::Except(_), Some(team)) if teams.allows(team) => Verdict::Allowed,
        (List::Only(_) | List::Except(_), Some(_)) => Verdict::Denied(Denied::Team),
        (List::Only(listed) | List::Except(listed), None) => Verdict::Member(teams, listed),
    }
}

/// Judges a person by the teams they are in; a team that is not in `member` could
/// not be found out about.
#[must_use]
pub fn judge_member(teams: &List, member: &HashMap<MattermostId, bool>) -> bool {
    let of = |team: &MattermostId| member.get(team).copied();
    match teams {
        List::All => true,
        List::Nothing => false,
        List::Only(listed) => listed.iter().any(|team| of(team) == Some(true)),
        List::Except(listed) => listed.iter().all(|team| of(team) == Some(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(c: char) -> MattermostId {
        MattermostId::new(&c.to_string().repeat(26)).unwrap()
    }

    /// All lists there are, about a thing that is `x`.
    fn lists() -> Vec<List> {
        let sets =
            [&['x'][..], &['y'], &['x', 'y']].map(|ids| ids.iter().map(|c| id(*c)).collect());
        let only = sets.clone().into_iter().map(List::Only);
        let except = sets.into_iter().map(List::Except);
        [List::All, List::Nothing].into_iter().chain(only).chain(except).collect()
    }

    /// What a list says of `x`, in the words of the documentation.
    fn says(list: &List) -> bool {
        match list {
            List::All => true,
            List::Only(ids) => ids.contains(&id('x')),
            List::Except(ids) => !ids.contains(&id('x')),
            List::Nothing => false,
        }
    }

    const KINDS: [ChannelKind; 4] =
        [ChannelKind::Direct, ChannelKind::Group, ChannelKind::Private, ChannelKind::Public];

    #[test]
    fn every_list_of_channels_and_teams_in_every_sort_of_channel() {
        let mut rows = 0;
        for (channels, teams) in
            lists().iter().flat_map(|c| lists().into_iter().map(move |t| (c, t)))
        {
            for kind in KINDS {
                let has_team = matches!(kind, ChannelKind::Private | ChannelKind::Public);
                // The channel is `x`, its team is `x`, and the person is in `x` alone.
                let site = Site { channel: id('x'), kind, team: has_team.then(|| id('x')) };
                let access =
                    Access { channels: channels.clone(), teams: teams.clone(), users: List::All };
                let in_x = HashMap::from([(id('x'), true), (id('y'), false)]);
                let allowed = match judge(&access, &site) {
                    Verdict::Allowed => true,
                    Verdict::Denied(_) => false,
                    Verdict::Member(teams, listed) => {
                        assert!(!has_team && listed.iter().all(|team| in_x.contains_key(team)));
                        judge_member(teams, &in_x)
                    }
                };
                let channel = kind == ChannelKind::Direct || says(channels);
                assert_eq!(allowed, channel && says(&teams), "{channels:?} {teams:?} {kind:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, 8 * 8 * 4);
    }

    #[test]
    fn what_cannot_be_found_out_is_not_allowed() {
        let listed = HashSet::from([id('x'), id('y')]);
        let (only, except) = (List::Only(listed.clone()), List::Except(listed));
        for (member, by_only, by_except) in [
            (vec![], false, false),
            (vec![('x', true)], true, false),
            (vec![('x', false)], false, false),
            (vec![('x', false), ('y', false)], false, true),
            (vec![('x', true), ('y', false)], true, false),
        ] {
            let member = member.into_iter().map(|(team, is)| (id(team), is)).collect();
            assert_eq!(judge_member(&only, &member), by_only, "{member:?}");
            assert_eq!(judge_member(&except, &member), by_except, "{member:?}");
        }
    }
}
