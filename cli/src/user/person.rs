//! From whom the admin names to an id, once: names change hands, ids do not.
//!
//! Trust: Mattermost's word, as the frontend's program passes it on.

use anyhow::bail;
use gaggle_ipc::MattermostUserId;

use super::look_up::{self, Answer, Failure};
use super::who::{Username, Who};
use crate::{Places, output};

const BY_ID: &str =
    "with the id it works without: people see theirs when they send !whoami to the bot";

/// Somebody with an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: MattermostUserId,
    /// What they are called in Mattermost, if it was asked.
    pub(super) name: Option<Username>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// Somebody who is to be served.
///
/// # Errors
/// Why they cannot be, with what to do.
pub(super) fn to_serve(places: &Places, who: &Who, offline: bool) -> anyhow::Result<Person> {
    let answer = match (ask(places, who, offline)?, who) {
        (Some(answer), _) => answer,
        (None, Who::Id(id)) => return Ok(Person { id: *id, name: None }),
        (None, Who::Name(name)) => bail!("{name} is not looked up with --offline; {BY_ID}"),
    };
    let (id, name) = match answer {
        Answer::Person(id, name) => (id, name),
        Answer::Deactivated(id, name) => {
            bail!("{} is deactivated in Mattermost; activate them there first", Person { id, name })
        }
        Answer::Itself(id, name) => {
            bail!("{} is Gaggle's own bot; name a person", Person { id, name })
        }
        Answer::Bot(id, name) => bail!(
            "{} is a bot, and bots are answered only where gaggle.toml says so; add below [chat]: allowed_bots = [\"{id}\"], and run this again",
            Person { id, name }
        ),
        Answer::Nobody(similar) => bail!("{}", nobody(who, &similar)),
    };
    Ok(Person { id: consistent(who, id)?, name })
}

/// Somebody who may stand in the mapping, and may be gone from Mattermost.
///
/// # Errors
/// If they have no id.
pub(super) fn known(places: &Places, who: &Who) -> anyhow::Result<Person> {
    match who {
        Who::Id(id) => Ok(Person { id: *id, name: None }),
        Who::Name(name) => match ask(places, who, false)? {
            Some(
                Answer::Person(id, found)
                | Answer::Deactivated(id, found)
                | Answer::Bot(id, found)
                | Answer::Itself(id, found),
            ) => Ok(Person { id, name: found.or_else(|| Some(name.clone())) }),
            Some(Answer::Nobody(similar)) => bail!("{}", nobody(who, &similar)),
            None => bail!("{name} was not looked up; {BY_ID}"),
        },
    }
}

/// The answer; `None` for an id if there is none.
fn ask(places: &Places, who: &Who, offline: bool) -> anyhow::Result<Option<Answer>> {
    if offline {
        return Ok(None);
    }
    let failure = match look_up::ask(places, who) {
        Ok(answer) => return Ok(Some(answer)),
        Err(failure) => failure,
    };
    match (who, &failure) {
        (Who::Name(name), Failure::Unavailable(why)) => {
            bail!("{name} cannot be looked up: {why}\n  {BY_ID}")
        }
        (Who::Name(name), Failure::Token(why)) => bail!("{name} cannot be looked up: {why}"),
        (Who::Id(id), failure) => {
            let why = failure.sentence();
            output::notice(&format!("{id} is taken as it is, Mattermost was not asked: {why}"));
            Ok(None)
        }
    }
}

/// An answer to another question is none.
fn consistent(who: &Who, id: MattermostUserId) -> anyhow::Result<MattermostUserId> {
    match who {
        Who::Id(asked) if *asked != id => bail!("the look-up of {asked} answered with {id}"),
        _ => Ok(id),
    }
}

fn nobody(who: &Who, similar: &[Username]) -> String {
    let similar: Vec<_> = similar.iter().map(ToString::to_string).collect();
    match (who, similar.is_empty()) {
        (Who::Name(name), false) => {
            format!("nobody in Mattermost is called {name}; is it {}?", similar.join(" or "))
        }
        (Who::Name(name), true) => format!(
            "nobody in Mattermost is called {name}; the name is what stands after the @ there"
        ),
        (Who::Id(id), _) => format!(
            "Mattermost knows nobody with the id {id}; people see theirs when they send !whoami to the bot"
        ),
    }
}
