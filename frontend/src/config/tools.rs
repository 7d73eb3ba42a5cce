//! `[tools]`: which tools run, and which do not.
//!
//! Trust: a rule that would not hold is refused, rather than kept as a wish: one
//! that contradicts another, and one about a tool that Goose would not ask for.

use std::collections::HashMap;

use gaggle_ipc::session::GooseMode;

use super::keys::{self, Key};
use super::problems::Findings;
use super::raw::{Raw, Refusal};
use super::settings::{Settings, read};
use crate::policy::{InChannels, Pattern, Policy, READ_ONLY, Rule};

/// Where nothing is said about the mode.
pub(super) const DEFAULT_MODE: GooseMode = GooseMode::Approve;

/// The lists, in the order in which contradictions are told.
const LISTS: [(Key, Rule); 4] = [
    (keys::TOOLS_DENY, Rule::Deny),
    (keys::TOOLS_ASK, Rule::Ask),
    (keys::TOOLS_ALLOW_IN_DM, Rule::AllowInDirect),
    (keys::TOOLS_ALLOW, Rule::Allow),
];

/// Reads the section. `mode` is what was said about it.
pub(super) fn read_policy(s: &Settings, mode: Option<GooseMode>, f: &mut Findings) -> Policy {
    let usual = if mode.is_some() { InChannels::Policy } else { InChannels::Ask };
    let max_failures = read(s.key(keys::TOOLS_MAX_FAILURES), 3, f, |raw| raw.count(0, 100));
    Policy {
        enabled: read(s.key(keys::TOOLS_ENABLED), true, f, Raw::bool),
        in_channels: read(s.key(keys::TOOLS_IN_CHANNELS), usual, f, in_channels),
        rules: rules(s, mode, f),
        max_failures,
    }
}

fn rules(s: &Settings, mode: Option<GooseMode>, f: &mut Findings) -> Vec<(Pattern, Rule)> {
    let mut said: HashMap<Pattern, Rule> = HashMap::new();
    for (key, rule) in LISTS {
        let found = s.key(key);
        let patterns = read(found, Vec::new(), f, patterns);
        let Some(found) = found else { continue };
        if mode == Some(GooseMode::SmartApprove) && rule != Rule::Allow && !patterns.is_empty() {
            f.problem(
                &found.place,
                format!(
                    "{}: with mode = \"smart_approve\" Goose decides what is asked for, so this would not hold; write mode = \"approve\"",
                    found.name
                ),
            );
        }
        for pattern in patterns {
            match said.insert(pattern.clone(), rule) {
                Some(other) if other != rule => f.problem(
                    &found.place,
                    format!("{}: {pattern} is named under {}, too", found.name, other.as_str()),
                ),
                _ => {}
            }
        }
    }
    if mode.is_none() && s.key(keys::TOOLS_ALLOW).is_none() {
        for name in READ_ONLY {
            said.entry(Pattern::Name((*name).to_owned())).or_insert(Rule::Allow);
        }
    }
    let mut rules: Vec<_> = said.into_iter().collect();
    rules.sort();
    rules
}

fn in_channels(raw: &Raw) -> Result<InChannels, Refusal> {
    match raw.text()?.as_str() {
        "off" => Ok(InChannels::Off),
        "ask" => Ok(InChannels::Ask),
        "policy" => Ok(InChannels::Policy),
        _ => Err("write \"off\", \"ask\" or \"policy\"".to_owned()),
    }
}

fn patterns(raw: &Raw) -> Result<Vec<Pattern>, Refusal> {
    let pattern = |word: &String| {
        Pattern::parse(word).ok_or_else(|| {
            format!(
                "{word:?} is no tool: write a name like shell, or a beginning like mattermost__*"
            )
        })
    };
    raw.list()?.iter().map(pattern).collect()
}
