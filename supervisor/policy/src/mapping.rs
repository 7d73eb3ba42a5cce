//! `user_mapping.json`: who gets an agent, and under which account.
//!
//! Trust: root-owned. The form of the file must be right as a whole; a bad
//! entry is refused alone, so that one slip does not lock everybody out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, PathBuf};

use crate::limits::{Amount, Asked, Limits};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::{AccountName, MattermostUserId};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// One entry as it stands in the file, its form checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The account named.
    pub account: AccountName,
    /// What of the home the agent may touch.
    pub profile: Profile,
    /// Further paths it may read.
    pub read: Vec<PathBuf>,
    /// Further paths it may write.
    pub write: Vec<PathBuf>,
    /// TCP ports it may connect to; `None` is any.
    pub connect_ports: Option<Vec<u16>>,
    /// Supplementary groups it keeps.
    pub groups: Vec<String>,
    /// Several people may be mapped to the account.
    pub shared: bool,
    /// Limits of its own.
    pub limits: Asked,
}

impl Entry {
    /// The entry of everybody who has none: the account shared, the default sandbox.
    #[must_use]
    pub fn fallback(account: AccountName) -> Self {
        Self {
            account,
            profile: Profile::Workspace,
            read: Vec::new(),
            write: Vec::new(),
            connect_ports: None,
            groups: Vec::new(),
            shared: true,
            limits: Asked::default(),
        }
    }
}

/// A key or value that was refused, with what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadEntry {
    /// The key as it stands in the file.
    pub key: String,
    /// The account as it stands in the file.
    pub account: String,
    /// What is wrong and what mends it.
    pub problem: String,
}

/// The file, parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Entries of the right form.
    pub good: BTreeMap<MattermostUserId, Entry>,
    /// The others.
    pub bad: Vec<BadEntry>,
}

/// Parses the file's text.
///
/// # Errors
/// A sentence with line and column if the text is no JSON object of entries.
pub fn parse(text: &str) -> Result<Mapping, String> {
    let Pairs(pairs) = serde_json::from_str(text).map_err(|error| {
        format!("{error}; expected {{\"<26-character Mattermost id>\": \"<account>\", …}}")
    })?;
    let mut seen = BTreeMap::<&str, usize>::new();
    for (key, _) in &pairs {
        *seen.entry(key).or_default() += 1;
    }
    let mut mapping = Mapping::default();
    for (key, value) in &pairs {
        let twice = seen.get(key.as_str()).is_some_and(|count| *count > 1);
        match read_entry(key, value, twice) {
            Ok((user, entry)) => {
                mapping.good.insert(user, entry);
            }
            Err(problem) => mapping.bad.push(BadEntry {
                key: key.clone(),
                account: account_text(value),
                problem,
            }),
        }
    }
    Ok(mapping)
}

fn read_entry(
    key: &str,
    value: &serde_json::Value,
    twice: bool,
) -> Result<(MattermostUserId, Entry), String> {
    if twice {
        return Err("this id stands in the file more than once; keep one of the entries".to_owned());
    }
    let user = MattermostUserId::new(key).map_err(|_| {
        let account = account_text(value);
        format!(
            "not a Mattermost id; a username can be renamed and given to somebody else. Have the person \
             send !whoami to the bot, then run: gaggle user add {account} --mattermost ID"
        )
    })?;
    let raw: Raw = match value {
        serde_json::Value::String(account) => Raw { account: account.clone(), ..Raw::default() },
        object => serde_json::from_value(object.clone()).map_err(|error| error.to_string())?,
    };
    Ok((user, raw.check()?))
}

fn account_text(value: &serde_json::Value) -> String {
    let account = value.as_str().or_else(|| value.get("account").and_then(|a| a.as_str()));
    account.unwrap_or("ACCOUNT").to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    account: String,
    #[serde(default)]
    home: Option<String>,
    #[serde(default)]
    read: Vec<PathBuf>,
    #[serde(default)]
    write: Vec<PathBuf>,
    #[serde(default)]
    connect_ports: Option<Vec<u16>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    memory_max: Option<Amount>,
    #[serde(default)]
    pids_max: Option<u32>,
    #[serde(default)]
    cpu_max: Option<Amount>,
}

impl Raw {
    fn check(self) -> Result<Entry, String> {
        let account =
            AccountName::new(&self.account).map_err(|error| format!("account: {error}"))?;
        let word = self.home.as_deref().unwrap_or("workspace");
        let profile = Profile::parse(word)
            .ok_or_else(|| format!("home: {word:?} is neither \"workspace\" nor \"full\""))?;
        for path in self.read.iter().chain(&self.write) {
            check_path(path)?;
        }
        if self.connect_ports.as_ref().is_some_and(|ports| ports.contains(&0) || ports.len() > 64) {
            return Err("connect_ports: 1 to 65535, at most 64 of them".to_owned());
        }
        let limits = Asked::of_entry(self.memory_max, self.pids_max, self.cpu_max);
        limits.or(&Limits::default())?;
        Ok(Entry {
            account,
            profile,
            read: self.read,
            write: self.write,
            connect_ports: self.connect_ports,
            groups: self.groups,
            shared: self.shared,
            limits,
        })
    }
}

fn check_path(path: &std::path::Path) -> Result<(), String> {
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    // The worker gets the paths as one colon-separated text.
    let text = path.to_str().is_some_and(|p| !p.chars().any(|c| c.is_control() || c == ':'));
    if path.is_absolute() && plain && text && path.components().count() > 1 {
        Ok(())
    } else {
        Err(format!("{}: must be an absolute path without . and .. and not /", path.display()))
    }
}

/// The object's pairs as they stand in the text, a repeated key included.
struct Pairs(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from Mattermost ids to accounts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, Strict(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// A JSON value in which no object names a key twice.
struct Strict(serde_json::Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an account name or an object with \"account\" in it")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Strict, E> {
                Ok(Strict(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                let mut object = serde_json::Map::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if object.insert(key.clone(), value).is_some() {
                        return Err(de::Error::custom(format!("key {key:?} stands twice")));
                    }
                }
                Ok(Strict(object.into()))
            }
        }

        deserializer.deserialize_any(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn problem_of(entry: &str) -> String {
        let mapping = parse(&format!("{{{entry}, \"{B}\": \"bob\"}}")).unwrap();
        assert_eq!(mapping.good.len(), 1, "the other entry works");
        mapping.bad.first().unwrap().problem.clone()
    }

    #[test]
    fn both_forms_of_an_entry() {
        let text = format!(
            r#"{{"{A}": "alice", "{B}": {{"account": "bob", "home": "full", "shared": true, "connect_ports": [443]}}}}"#
        );
        let mapping = parse(&text).unwrap();
        assert!(mapping.bad.is_empty());
        let bob = &mapping.good[&MattermostUserId::new(B).unwrap()];
        assert_eq!((bob.profile, bob.shared), (Profile::Full, true));
        let alice = &mapping.good[&MattermostUserId::new(A).unwrap()];
        assert_eq!((alice.profile, alice.account.as_str()), (Profile::Workspace, "alice"));
    }

    #[test]
    fn a_bad_entry_is_refused_alone_and_says_what_mends_it() {
        for (entry, named) in [
            (r#""alice": "alice""#.to_owned(), "gaggle user add alice --mattermost ID"),
            (format!(r#""{A}": "alice", "{A}": "mallory""#), "more than once"),
            (format!(r#""{A}": "0""#), "account"),
            (format!(r#""{A}": "../root""#), "account"),
            (format!(r#""{A}": {{"account": "alice", "hom": "full"}}"#), "hom"),
            (format!(r#""{A}": {{"account": "alice", "home": "half"}}"#), "half"),
            (format!(r#""{A}": {{"account": "alice", "read": ["data"]}}"#), "absolute"),
            (format!(r#""{A}": {{"account": "alice", "write": ["/srv/../etc"]}}"#), "absolute"),
            (format!(r#""{A}": {{"account": "alice", "read": ["/"]}}"#), "not /"),
            (format!(r#""{A}": {{"account": "alice", "memory_max": "2M"}}"#), "memory_max"),
            (format!(r#""{A}": {{"account": "alice", "pids_max": 1}}"#), "pids_max"),
            (format!(r#""{A}": {{"home": "full"}}"#), "account"),
        ] {
            let problem = problem_of(&entry);
            assert!(problem.contains(named), "{entry}: {problem}");
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused_whole() {
        for text in
            ["", "[]", "{", "{\"a\": 5}", "{\"a\": {\"account\":\"x\",\"account\":\"y\"}}", "{} {}"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
