//! Changes the mapping of a running lab, as an admin would.
//!
//! Trust: the test.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::{Map, Value};

use super::spec::CONFIG;
use super::{Lab, Which, wait};

/// A reload takes far less.
const RELOAD: Duration = Duration::from_secs(30);

impl Lab {
    /// Sets a person's entry and waits until the supervisor has read it.
    ///
    /// # Errors
    /// The supervisor does not take it.
    pub fn set_entry(&mut self, name: &str, value: Value) -> Result<()> {
        let id = self.person(name)?.mattermost.id.to_string();
        let path = self.namespace.seen(CONFIG).join("user_mapping.json");
        let mut entries: Map<String, Value> = serde_json::from_slice(&fs::read(&path)?)?;
        entries.insert(id, value);
        let known = self.loadings();
        fs::write(&path, Value::Object(entries).to_string())?;
        self.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
        let read = wait::until(RELOAD, || (self.loadings() > known).then_some(()));
        read.with_context(|| format!("the mapping was not read\n{}", self.logs()))
    }

    fn loadings(&self) -> usize {
        self.namespace.records().iter().filter(|r| r.is("configuration_loaded")).count()
    }
}
