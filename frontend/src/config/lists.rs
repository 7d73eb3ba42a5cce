//! Lists of channels, teams and people that the bot works for, or does not.
//!
//! Trust: the admin's. A level that is unknown, or a list that its level makes
//! meaningless, is refused: whoever writes a list believes that it counts.

use std::collections::HashSet;

use gaggle_ipc::MattermostId;

use super::keys::{self, Key};
use super::problems::Findings;
use super::raw::{Raw, Refusal};
use super::settings::{Settings, read};

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum List {
    /// Everything is allowed.
    #[default]
    All,
    /// These alone.
    Only(HashSet<MattermostId>),
    /// All but these.
    Except(HashSet<MattermostId>),
    /// Nothing is.
    Nothing,
}

impl List {
    /// Whether `id` is allowed.
    #[must_use]
    pub fn allows(&self, id: MattermostId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
            Self::Except(ids) => !ids.contains(&id),
            Self::Nothing => false,
        }
    }
}

/// Where and for whom the bot works; all three have to allow it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Channels and group messages.
    pub channels: List,
    /// Teams: the channel's, or the person's where a channel has none.
    pub teams: List,
    /// People, on top of root's mapping.
    pub users: List,
}

pub(super) fn access(s: &Settings, f: &mut Findings) -> Access {
    Access {
        channels: list(s, f, keys::CHANNELS, keys::CHANNEL_IDS),
        teams: list(s, f, keys::TEAMS, keys::TEAM_IDS),
        users: list(s, f, keys::USERS, keys::USER_IDS),
    }
}

fn list(s: &Settings, f: &mut Findings, level: Key, ids: Key) -> List {
    let (written, listed) = (s.key(level), s.key(ids));
    let before = f.problems.len();
    let level = read(written, Level::All, f, Level::read);
    let ids: HashSet<_> = read(listed, Vec::new(), f, read_ids).into_iter().collect();
    // What cannot be read says nothing of the other.
    let place = listed.or(written).filter(|_| f.problems.len() == before);
    let mut refuse = |sentence: &str| {
        if let Some(found) = place {
            f.problem(&found.place, format!("{}: {sentence}", found.name));
        }
    };
    match (level, ids.is_empty()) {
        (Level::Allow, true) => refuse("\"allow\" without ids allows nothing; write \"none\""),
        (Level::Block, true) => refuse("\"block\" without ids blocks nothing; write \"all\""),
        (Level::All | Level::None, false) => {
            refuse("ids count with \"allow\" or \"block\" alone; write one of them, or no ids");
        }
        _ => {}
    }
    match level {
        Level::All => List::All,
        Level::Allow => List::Only(ids),
        Level::Block => List::Except(ids),
        Level::None => List::Nothing,
    }
}

#[derive(Debug, Clone, Copy)]
enum Level {
    All,
    Allow,
    Block,
    None,
}

impl Level {
    fn read(raw: &Raw) -> Result<Self, Refusal> {
        match raw.text()?.as_str() {
            "all" => Ok(Self::All),
            "allow" => Ok(Self::Allow),
            "block" => Ok(Self::Block),
            "none" => Ok(Self::None),
            _ => Err("write \"all\", \"allow\", \"block\" or \"none\"".to_owned()),
        }
    }
}

/// Ids and nothing else: names change hands.
pub(super) fn read_ids(raw: &Raw) -> Result<Vec<MattermostId>, Refusal> {
    raw.list()?.iter().map(|word| read_id(word)).collect()
}

pub(super) fn read_id(word: &str) -> Result<MattermostId, Refusal> {
    MattermostId::new(word).map_err(|_| {
        format!("{word:?} is no id: write the 26-character id, because names change hands")
    })
}
