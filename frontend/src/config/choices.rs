//! What people may choose of Goose, conversation by conversation.
//!
//! Trust: the admin's lists are the limit, and the configured mode the floor: no
//! choice loosens what the admin set.

use gaggle_ipc::ModelName;
use gaggle_ipc::session::GooseMode;

use super::keys;
use super::problems::Findings;
use super::raw::{Raw, Refusal};
use super::settings::{Settings, read};
use crate::policy::{Policy, Rule};

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The configured mode and what may be had instead, the loosest first.
    pub modes: Vec<GooseMode>,
    /// The models; without any, none may be chosen.
    pub models: Vec<ModelName>,
}

/// All modes, the loosest first.
const MODES: [GooseMode; 4] =
    [GooseMode::Auto, GooseMode::SmartApprove, GooseMode::Approve, GooseMode::Chat];

/// Reads them for the configured `mode` and the rules for tools.
pub(super) fn read_choices(
    s: &Settings,
    mode: GooseMode,
    tools: &Policy,
    f: &mut Findings,
) -> Choices {
    let usual = MODES.into_iter().filter(|choice| refusal(*choice, mode, tools).is_none());
    Choices {
        modes: read(s.key(keys::MODES_ALLOWED), usual.collect(), f, |raw| modes(raw, mode, tools)),
        models: read(s.key(keys::MODELS), Vec::new(), f, models),
    }
}

fn modes(raw: &Raw, configured: GooseMode, tools: &Policy) -> Result<Vec<GooseMode>, Refusal> {
    let mut named = Vec::new();
    for word in raw.list()? {
        let mode = GooseMode::parse(&word)
            .ok_or_else(|| "write auto, approve, smart_approve or chat".to_owned())?;
        if let Some(refusal) = refusal(mode, configured, tools) {
            return Err(refusal);
        }
        named.push(mode);
    }
    let all = named.is_empty();
    let allowed = |mode: &GooseMode| {
        *mode == configured
            || named.contains(mode)
            || (all && refusal(*mode, configured, tools).is_none())
    };
    Ok(MODES.into_iter().filter(allowed).collect())
}

/// Why nobody may choose `mode`.
fn refusal(mode: GooseMode, configured: GooseMode, tools: &Policy) -> Option<Refusal> {
    let place = |mode| MODES.iter().position(|known| *known == mode);
    if place(mode) < place(configured) {
        return Some(format!(
            "{} is looser than mode = \"{}\": a choice can only be stricter",
            mode.as_str(),
            configured.as_str()
        ));
    }
    let would_not_hold = tools.rules.iter().any(|(_, rule)| *rule != Rule::Allow);
    if mode == GooseMode::SmartApprove && mode != configured && would_not_hold {
        return Some(
            "in smart_approve Goose decides what is asked for, so rules other than allow in [tools] would not hold"
                .to_owned(),
        );
    }
    None
}

fn models(raw: &Raw) -> Result<Vec<ModelName>, Refusal> {
    let model =
        |word: &String| ModelName::new(word).map_err(|error| format!("{word:?} is {error}"));
    raw.list()?.iter().map(model).collect()
}
