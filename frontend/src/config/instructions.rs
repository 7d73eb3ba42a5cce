//! What the admin tells every agent, those in a channel, and those of a person.
//!
//! Trust: the admin's. Only these files say it; nothing in a chat does.

use std::collections::BTreeMap;

use gaggle_ipc::{MattermostId, MattermostUserId};

use super::keys::{self, Key};
use super::lists::read_id;
use super::problems::Findings;
use super::raw::{Raw, Refusal};
use super::settings::{Settings, read};

/// Longest text of one, in bytes. An agent that is told a book follows none of it.
const LONGEST: usize = 8 * 1024;

/// What agents are told before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instructions {
    everyone: Option<String>,
    channels: BTreeMap<MattermostId, String>,
    people: BTreeMap<MattermostId, String>,
}

impl Instructions {
    /// What the agent of `user` is told in `channel`, the general first.
    #[must_use]
    pub fn of(&self, channel: MattermostId, user: MattermostUserId) -> Vec<&str> {
        let parts = [
            self.everyone.as_ref(),
            self.channels.get(&channel),
            self.people.get(&MattermostId::from(user)),
        ];
        parts.into_iter().flatten().map(String::as_str).collect()
    }
}

pub(super) fn instructions(s: &Settings, f: &mut Findings) -> Instructions {
    let everyone = read(s.key(keys::EVERYONE), String::new(), f, text);
    Instructions {
        everyone: Some(everyone).filter(|text| !text.is_empty()),
        channels: by_id(s, f, keys::OF_CHANNELS),
        people: by_id(s, f, keys::OF_PEOPLE),
    }
}

fn by_id(s: &Settings, f: &mut Findings, key: Key) -> BTreeMap<MattermostId, String> {
    let entries = read(s.key(key), Vec::new(), f, Raw::table);
    let mut texts = BTreeMap::new();
    for entry in entries {
        match read_id(&entry.name).and_then(|id| Ok((id, text(&entry.raw)?))) {
            Ok((id, text)) if !text.is_empty() => {
                texts.insert(id, text);
            }
            Ok(_) => {}
            Err(refusal) => {
                let Key { section, name, .. } = key;
                f.problem(&entry.place, format!("[{section}.{name}]: {refusal}"));
            }
        }
    }
    texts
}

fn text(raw: &Raw) -> Result<String, Refusal> {
    let text = raw.text()?.replace('\0', "").trim().to_owned();
    if text.len() > LONGEST {
        return Err(format!("{} bytes are too many; write at most {LONGEST}", text.len()));
    }
    Ok(text)
}
