//! Audit and log records as a test looks at them.
//!
//! Trust: uid and pid are the kernel's word about the sender; the fields are
//! the sender's.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One record that a program sent to the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who sent it.
    pub uid: u32,
    /// From which process.
    pub pid: i32,
    /// Everything it says.
    pub fields: BTreeMap<String, String>,
}

impl Entry {
    /// The field `key`, empty if it is absent.
    #[must_use]
    pub fn field(&self, key: &str) -> &str {
        self.fields.get(key).map_or("", String::as_str)
    }

    /// The record is `event` of the supervisor's audit.
    #[must_use]
    pub fn is(&self, event: &str) -> bool {
        self.uid == 0 && self.field("GAGGLE_EVENT") == event
    }
}

/// All records in the file at `path`; a last line half written is left out.
pub(super) fn read(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
