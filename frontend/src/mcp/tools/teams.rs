//! Teams, and who is in them.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::caller::Caller;
use super::super::catalogue::{Class, Tool};
use super::super::refusal::Refusal;
use super::super::shapes::{self, Nothing, Page, People, PersonShape, TeamShape};
use crate::mattermost::{Handle, TeamDetails};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            ("get_teams", "List teams"),
            Class::Read,
            "Lists the teams in which both the bot and the person you work for are.",
            get_teams,
        ),
        Tool::new(
            ("get_team_info", "Look a team up"),
            Class::Read,
            "Tells about one team, by name or id.",
            get_team_info,
        ),
        Tool::new(
            ("get_team_members", "List a team's members"),
            Class::Read,
            "Lists the members of a team, page by page.",
            get_team_members,
        ),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Teams {
    /// They.
    teams: Vec<TeamShape>,
}

async fn get_teams(caller: Arc<Caller>, _: Nothing) -> Result<Teams, Refusal> {
    Ok(Teams { teams: caller.teams().await?.iter().map(TeamShape::from).collect() })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// Its name or id; without it the default team.
    #[serde(default)]
    team: Option<String>,
}

async fn get_team_info(caller: Arc<Caller>, one: One) -> Result<TeamShape, Refusal> {
    Ok(TeamShape::from(&caller.team_or_default(one.team.as_deref()).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Members {
    /// Its name or id; without it the default team.
    #[serde(default)]
    team: Option<String>,
    /// Which page, from 0.
    #[serde(default)]
    page: u32,
    /// Entries of a page, 1 to 100.
    #[serde(default = "shapes::usual")]
    per_page: u16,
}

async fn get_team_members(caller: Arc<Caller>, of: Members) -> Result<People, Refusal> {
    caller.require_all_people().await?;
    let team = caller.team_or_default(of.team.as_deref()).await?;
    let (page, per_page) = Page { page: of.page, per_page: of.per_page }.bounds()?;
    let found = caller.client.team_members(team.id, (page, per_page)).await;
    let (ids, more) = found.map_err(|error| Refusal::of("team", &error))?;
    let people = caller.profiles(&ids).await?.iter().map(PersonShape::from).collect();
    Ok(People { people, next_page: more.then_some(page + 1) })
}

impl Caller {
    /// A team by id or name.
    pub(super) async fn team_called(&self, team: &str) -> Result<TeamDetails, Refusal> {
        let team = team.trim();
        if let Ok(id) = gaggle_ipc::MattermostId::new(team) {
            return self.team(id).await;
        }
        let name = Handle::parse(team);
        let name = name.ok_or_else(|| {
            Refusal::Arguments("team has to be a team's id or its name in addresses".to_owned())
        })?;
        self.team_named(&name).await
    }

    /// The team that is named, or the default one, or the only one.
    pub(super) async fn team_or_default(&self, team: Option<&str>) -> Result<TeamDetails, Refusal> {
        if let Some(team) = team {
            return self.team_called(team).await;
        }
        if let Some(name) = &self.default_team {
            return self.team_named(name).await;
        }
        let mut teams = self.teams().await?;
        match (teams.pop(), teams.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(Refusal::Hidden("team")),
            _ => Err(Refusal::Arguments(
                "There are several teams: name one; get_teams lists them.".to_owned(),
            )),
        }
    }
}
