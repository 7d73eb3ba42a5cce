//! The sandbox explained: the first time an agent is refused a place or a port,
//! the person is told which setting to ask the admin for.
//!
//! Trust: output is the agent's, or of whoever wrote what it read. It only names
//! what is looked at; that the sandbox refuses it follows from the sandbox's own
//! rules and the file system, and what nobody should open is never named.

mod reach;
mod refusals;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use crate::environment::Environment;
use crate::sandbox::domain::Entered;
use reach::{Missing, Reach};
use refusals::Refusals;

/// A file system that answers slower than this is given up for good: all threads
/// of the person would wait along.
const LOOK: Duration = Duration::from_secs(1);
/// Most looks at the file system in a worker's life.
const MOST_LOOKS: u32 = 64;

/// What a person has been told of their agent's sandbox.
pub(crate) struct Hints {
    reach: Arc<Reach>,
    place_told: Cell<bool>,
    port_told: Cell<bool>,
    looks: Cell<u32>,
}

impl Hints {
    /// Nothing told yet of the sandbox that `environment` describes. Where no
    /// `domain` is in force there is nothing to tell.
    pub(crate) fn new(environment: &Environment, domain: Entered) -> Self {
        let nothing = domain.abi == 0;
        Self {
            reach: Arc::new(Reach::new(environment)),
            place_told: Cell::new(nothing),
            port_told: Cell::new(nothing),
            looks: Cell::new(0),
        }
    }

    /// The sentence for a tool's `output`, if it shows the sandbox's first
    /// refusal of a place or of a port.
    pub(crate) fn first(&self, output: &str) -> Option<String> {
        if self.place_told.get() && self.port_told.get() {
            return None;
        }
        let refusals = Refusals::read(output, self.reach.home());
        if !self.port_told.get()
            && let Some(port) = refusals.ports.iter().find(|port| self.reach.refuses_port(**port))
        {
            self.port_told.set(true);
            return Some(self.reach.port_sentence(*port));
        }
        if self.place_told.get() {
            return None;
        }
        let missing = self.look(refusals.paths)?;
        self.place_told.set(true);
        Some(self.reach.place_sentence(&missing))
    }

    /// The sentence for `words` with which Goose gives up on its provider, if
    /// ports are limited: Goose lives under the same rule.
    pub(crate) fn of_provider(&self, words: &str) -> Option<String> {
        let unreachable = words.trim_start().starts_with("Network error: Could not connect");
        (unreachable && !self.port_told.get()).then(|| self.reach.provider_sentence())?
    }

    /// Asks the file system, on a thread of its own that may be left behind.
    fn look(&self, paths: Vec<PathBuf>) -> Option<Missing> {
        let looks = self.looks.get();
        if paths.is_empty() || looks >= MOST_LOOKS {
            return None;
        }
        self.looks.set(looks + 1);
        let (found, answer) = mpsc::sync_channel(1);
        let reach = Arc::clone(&self.reach);
        let looking = std::thread::Builder::new().spawn(move || {
            let _ = found.send(reach.missing(&paths));
        });
        let answer = looking.ok().map(|_| answer.recv_timeout(LOOK));
        answer.and_then(Result::ok).unwrap_or_else(|| {
            // Whatever hangs there hangs the next time, too.
            self.looks.set(MOST_LOOKS);
            None
        })
    }
}

#[cfg(test)]
mod tests;
