//! The questions that the supervisor lets a forked child answer, because files
//! may be many and name services may hang.
//!
//! Trust: as in the modules asked. The answer goes back over a pipe between two
//! halves of one program.

use std::collections::BTreeSet;
use std::path::Path;

use gaggle_ipc::AccountName;
use gaggle_ipc::control::RefusalCode;
use serde::{Deserialize, Serialize};

use crate::account;
use crate::configuration::{LOCKDOWN, Snapshot};
use crate::programs::Programs;
use crate::trusted_file;

/// What a look at files and accounts found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Review {
    /// The admin's file that switches everything off is there. Doubt counts as yes.
    pub lockdown: bool,
    /// Mapping and settings, if they were to be read or have changed; or why
    /// they cannot be used.
    pub snapshot: Option<Result<Snapshot, String>>,
    /// Those accounts of running workers that are expired or gone. Where nobody
    /// can tell, who is at work stays; starts are refused.
    pub ended: BTreeSet<AccountName>,
}

/// Looks at everything: reads the configuration if `known` is none or outdated,
/// and judges the accounts in `running`. `programs` is the folder of the worker.
#[must_use]
pub fn review(
    config_dir: &Path,
    programs: &Path,
    known: Option<&Snapshot>,
    running: BTreeSet<AccountName>,
) -> Review {
    let fresh = known.is_some_and(|known| !known.is_outdated());
    let ended = running.into_iter().filter(is_ended).collect();
    Review {
        lockdown: trusted_file::exists(&config_dir.join(LOCKDOWN)),
        snapshot: (!fresh).then(|| read(config_dir, programs)),
        ended,
    }
}

/// Settings that name a program which is not root's own are not usable.
fn read(config_dir: &Path, programs: &Path) -> Result<Snapshot, String> {
    let snapshot = Snapshot::load(config_dir)?;
    Programs::of(programs, &snapshot.settings).check()?;
    Ok(snapshot)
}

fn is_ended(name: &AccountName) -> bool {
    match account::look_up(name) {
        Ok(account) => account::is_expired(&account).unwrap_or(false),
        Err(code) => code == RefusalCode::AccountUnknown,
    }
}
