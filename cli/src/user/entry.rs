//! One entry of the mapping: what it is to become, and what that changes.
//!
//! Trust: the admin's words. Whether they make sense is for the supervisor's
//! own parser to say, before anything is written.

use std::fmt;
use std::str::FromStr;

use gaggle_ipc::launch::Profile;
use serde_json::{Map, Value, json};

/// The word that takes an entry's own limit away.
const DEFAULT: &str = "default";

/// A limit as the admin writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Everybody's.
    Default,
    /// This entry's own.
    Own(Value),
}

impl FromStr for Limit {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse::<u64>() {
            _ if text == DEFAULT => Self::Default,
            Ok(number) => Self::Own(json!(number)),
            Err(_) => Self::Own(json!(text)),
        })
    }
}

/// What an entry is to say; what is not named stays as it is.
#[derive(Debug, Default, Clone)]
pub(super) struct Wanted {
    pub(super) account: String,
    pub(super) profile: Option<Profile>,
    pub(super) shared: bool,
    pub(super) limits: Vec<(&'static str, Limit)>,
}

impl Wanted {
    /// The entry that is to stand there in place of `before`.
    pub(super) fn apply(&self, before: Option<&Value>) -> Value {
        let mut keys = match before {
            Some(Value::Object(keys)) => keys.clone(),
            _ => Map::new(),
        };
        keys.insert("account".to_owned(), json!(self.account));
        match self.profile {
            Some(Profile::Workspace) => drop(keys.remove("home")),
            Some(profile) => drop(keys.insert("home".to_owned(), json!(profile.as_str()))),
            None => {}
        }
        if self.shared {
            keys.insert("shared".to_owned(), json!(true));
        }
        for (key, limit) in &self.limits {
            match limit {
                Limit::Default => drop(keys.remove(*key)),
                Limit::Own(value) => drop(keys.insert((*key).to_owned(), value.clone())),
            }
        }
        // The short form, where it says all there is.
        if keys.len() == 1 { json!(self.account) } else { Value::Object(keys) }
    }
}

/// One setting that becomes another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    key: String,
    before: String,
    after: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.key, self.before, self.after)
    }
}

/// What is other in `after`, key by key.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let (before, after) = (keys(before), keys(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let shown = |keys: &Map<String, Value>, name: &str| match keys.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => standard(name).to_owned(),
    };
    changed
        .map(|name| Change {
            key: if name == "home" { "profile".to_owned() } else { name.clone() },
            before: shown(&before, name),
            after: shown(&after, name),
        })
        .collect()
}

fn keys(entry: &Value) -> Map<String, Value> {
    match entry {
        Value::Object(keys) => keys.clone(),
        other => Map::from_iter([("account".to_owned(), other.clone())]),
    }
}

/// What holds where an entry says nothing.
fn standard(key: &str) -> &'static str {
    match key {
        "home" => "workspace",
        "shared" => "false",
        _ => DEFAULT,
    }
}

/// The profile that an entry asks for, as far as it says a known one.
pub(super) fn profile(entry: &Value) -> Profile {
    let word = entry.get("home").and_then(Value::as_str);
    word.and_then(Profile::parse).unwrap_or(Profile::Workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(account: &str) -> Wanted {
        Wanted { account: account.to_owned(), ..Wanted::default() }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before =
            json!({"account": "alice", "home": "full", "groups": ["dev"], "pids_max": 100});
        assert_eq!(wanted("alice").apply(Some(&before)), before);
        let more = Wanted {
            profile: Some(Profile::Workspace),
            limits: vec![("memory_max", Limit::Own(json!("2G"))), ("pids_max", Limit::Default)],
            ..wanted("alice")
        };
        let after = more.apply(Some(&before));
        assert_eq!(after, json!({"account": "alice", "groups": ["dev"], "memory_max": "2G"}));
        let told: Vec<_> = changes(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["profile: full → workspace", "memory_max: default → 2G", "pids_max: 100 → default"]
        );
    }

    #[test]
    fn an_entry_without_settings_is_the_accounts_name() {
        assert_eq!(wanted("alice").apply(None), json!("alice"));
        assert_eq!(wanted("alice").apply(Some(&json!("alice"))), json!("alice"));
        let plain = Wanted { profile: Some(Profile::Workspace), ..wanted("alice") };
        let full = json!({"account": "alice", "home": "full"});
        assert_eq!(plain.apply(Some(&full)), json!("alice"));
        assert!(changes(&json!("alice"), &json!({"account": "alice"})).is_empty());
    }

    #[test]
    fn limits_are_written_as_the_supervisor_reads_them() {
        for (text, limit) in [
            ("4G", Limit::Own(json!("4G"))),
            ("150%", Limit::Own(json!("150%"))),
            ("2", Limit::Own(json!(2))),
            ("default", Limit::Default),
        ] {
            assert_eq!(text.parse::<Limit>(), Ok(limit), "{text}");
        }
    }
}
