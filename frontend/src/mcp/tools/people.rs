//! Who is who.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::caller::{Caller, Person};
use super::super::catalogue::{Class, Tool};
use super::super::refusal::Refusal;
use super::super::shapes::{self, MOST, Nothing, People, PersonShape};
use crate::mattermost::{Among, Handle, Profile};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            ("whoami", "Who am I"),
            Class::Read,
            "Tells who the person is that you work for, and by which account you reach Mattermost.",
            whoami,
        ),
        Tool::new(
            ("get_user_info", "Look somebody up"),
            Class::Read,
            "Tells about one person or bot, by id or @username.",
            get_user_info,
        ),
        Tool::new(
            ("search_users", "Look for people"),
            Class::Read,
            "Finds active people whose username, first, last or nickname begins with the term; in one team if it is named.",
            search_users,
        ),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Whoami {
    /// The person that you work for.
    person: PersonShape,
    /// Their roles, separated by spaces.
    roles: String,
    /// Their language.
    locale: String,
    /// The bot by which you reach Mattermost; absent if it is the person's own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    bot: Option<PersonShape>,
}

async fn whoami(caller: Arc<Caller>, _: Nothing) -> Result<Whoami, Refusal> {
    let bot = match caller.person {
        Person::Own => None,
        Person::Other(_) => {
            let found = caller.client.own_profile().await;
            Some(found.map_err(|error| Refusal::of("account", &error))?)
        }
    };
    let person = caller.person_profile().await?;
    Ok(Whoami {
        roles: super::super::words::line(&person.roles),
        locale: super::super::words::line(&person.locale),
        person: person.into(),
        bot: bot.as_ref().map(PersonShape::from),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Their id, or their name with or without @.
    user: String,
}

async fn get_user_info(caller: Arc<Caller>, of: Of) -> Result<PersonShape, Refusal> {
    Ok(PersonShape::from(&caller.whoever(&of.user).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Term {
    /// What their name begins with; at least two characters.
    term: String,
    /// The team they are in, by name or id. Without it: anywhere.
    #[serde(default)]
    team: Option<String>,
    /// Most people of the answer, 1 to 100.
    #[serde(default = "shapes::usual")]
    limit: u16,
}

async fn search_users(caller: Arc<Caller>, term: Term) -> Result<People, Refusal> {
    let text = term.term.trim().trim_start_matches('@');
    if text.chars().count() < 2 || text.len() > 256 || !(1..=MOST).contains(&term.limit) {
        let text = format!("term has 2 to 256 characters, limit is 1 to {MOST}");
        return Err(Refusal::Arguments(text));
    }
    caller.require_all_people().await?;
    let team = match &term.team {
        Some(team) => Some(caller.team_called(team).await?.id),
        None => None,
    };
    let among = Among { team, channel: None };
    let found = caller.client.search_profiles(text, among, term.limit).await;
    let found = found.map_err(|error| Refusal::of("person", &error))?;
    let people = found.iter().take(usize::from(term.limit)).map(PersonShape::from).collect();
    Ok(People { people, next_page: None })
}

impl Caller {
    /// Somebody by id or name.
    pub(super) async fn whoever(&self, user: &str) -> Result<Profile, Refusal> {
        let user = user.trim();
        if let Ok(id) = gaggle_ipc::MattermostId::new(user) {
            return self.somebody(id).await;
        }
        self.require_all_people().await?;
        let name = Handle::parse(user.trim_start_matches('@'));
        let name = name
            .ok_or_else(|| Refusal::Arguments("user has to be an id or a username".to_owned()))?;
        let found = self.client.profile_named(&name).await;
        found.map_err(|error| Refusal::of("person", &error))
    }

    /// Several people by their ids; those that are not there are left out.
    pub(super) async fn profiles(
        &self,
        ids: &[gaggle_ipc::MattermostId],
    ) -> Result<Vec<Profile>, Refusal> {
        let found = self.client.profiles(ids).await;
        found.map_err(|error| Refusal::of("person", &error))
    }
}
