//! Which tools Goose has called for each person since this process began.
//!
//! Trust: the names are Goose's, bounded here and defused where they are shown.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use gaggle_ipc::MattermostUserId;

/// Most names for one person, and most people.
const MAX_NAMES: usize = 50;
const MAX_PEOPLE: usize = 5000;

#[derive(Debug, Default)]
pub(super) struct ToolsSeen(Mutex<HashMap<MattermostUserId, BTreeSet<String>>>);

impl ToolsSeen {
    /// Goose called one.
    pub(super) fn note(&self, user: MattermostUserId, tool: &str) {
        let Ok(mut seen) = self.0.lock() else { return };
        if seen.len() >= MAX_PEOPLE && !seen.contains_key(&user) {
            return;
        }
        let names = seen.entry(user).or_default();
        if !tool.is_empty() && names.len() < MAX_NAMES && !names.contains(tool) {
            names.insert(tool.to_owned());
        }
    }

    /// Those that it called for `user`, by name.
    pub(super) fn of(&self, user: MattermostUserId) -> Vec<String> {
        let Ok(seen) = self.0.lock() else { return Vec::new() };
        seen.get(&user).map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }
}
