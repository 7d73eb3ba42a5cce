//! `supervisor.toml`: what the admin decides for all workers.
//!
//! Trust: root-owned, opened by [`trusted_file`](crate::trusted_file). Unknown
//! keys are errors, so that a misspelt limit cannot be silently missing.

use std::path::PathBuf;

use gaggle_ipc::AccountName;
use serde::{Deserialize, Serialize};

use crate::limits::{Asked, Limits};

/// The lowest Landlock ABI that may be configured: below it a file may be
/// opened for writing through rules that grant reading only.
const LOWEST_FLOOR: u8 = 1;
const HIGHEST_FLOOR: u8 = 9;

/// Settings in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The account of the frontend: the only peer served on `control.sock`.
    pub frontend_user: String,
    /// Absolute path of Goose; beside the programs if not given.
    pub goose_path: Option<PathBuf>,
    /// Account for people who stand in no mapping entry; without it they are
    /// refused. They share it, and with it each other's files.
    pub fallback_account: Option<String>,
    /// Lowest Landlock ABI a worker goes on with.
    pub landlock_floor: u8,
    /// Most workers at once.
    pub max_workers: u16,
    /// Most Goose processes per worker at once.
    pub max_goose_per_worker: u8,
    /// Refuse starts while the journal takes no records.
    pub require_journal: bool,
    /// Refuse starts on a machine that cannot enforce limits.
    pub require_limits: bool,
    /// What everybody's agents may use, unless their entry says otherwise.
    pub limits: Asked,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frontend_user: "gaggle".to_owned(),
            goose_path: None,
            fallback_account: None,
            landlock_floor: 3,
            max_workers: 100,
            max_goose_per_worker: 4,
            require_journal: true,
            require_limits: true,
            limits: Asked::default(),
        }
    }
}

/// Reads the settings.
///
/// # Errors
/// A sentence with the line and what is wrong there.
pub fn parse(text: &str) -> Result<Settings, String> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.matches('\n').count();
        // All in one line, for the journal and the service manager's status.
        let written = text.lines().nth(line).unwrap_or_default().trim();
        format!("line {}, {written:?}: {}", line + 1, error.message())
    })?;
    AccountName::new(&settings.frontend_user).map_err(|error| format!("frontend_user: {error}"))?;
    if let Some(account) = &settings.fallback_account {
        AccountName::new(account).map_err(|error| format!("fallback_account: {error}"))?;
    }
    if !(LOWEST_FLOOR..=HIGHEST_FLOOR).contains(&settings.landlock_floor) {
        return Err(format!("landlock_floor: must be {LOWEST_FLOOR} to {HIGHEST_FLOOR}"));
    }
    settings.limits.or(&Limits::default())?;
    if settings.max_workers == 0 {
        return Err("max_workers: must be at least 1".to_owned());
    }
    if settings.max_goose_per_worker == 0 {
        return Err("max_goose_per_worker: must be at least 1".to_owned());
    }
    if settings.goose_path.as_ref().is_some_and(|path| !path.is_absolute()) {
        return Err("goose_path: must be an absolute path".to_owned());
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(parse("").unwrap(), Settings::default());
    }

    #[test]
    fn each_wrong_value_is_named() {
        for (text, named) in [
            ("landlock_flor = 4", "landlock_flor"),
            ("landlock_floor = 0", "landlock_floor"),
            ("landlock_floor = 300", "landlock_floor"),
            ("max_workers = 0", "max_workers"),
            ("goose_path = 'goose'", "goose_path"),
            ("frontend_user = 'Root User'", "frontend_user"),
            ("fallback_account = '../x'", "fallback_account"),
            ("max_workers = 'many'", "line 1"),
            ("[limits]\nmemory_max = '1M'", "memory_max"),
            ("[limits]\nmemory = '1M'", "memory"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
