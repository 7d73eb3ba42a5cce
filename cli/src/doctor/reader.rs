//! The half of `gaggle doctor isolation` that reads what workers say: without
//! any privilege, started by the half that is root.
//!
//! Trust: root for who is probed; the workers for nothing but the words that
//! are printed as theirs.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::handover::{End, Message, Person};
use super::report::{PersonReport, Report};
use super::session::{self, Findings};
use crate::output::{self, escaped};
use crate::privileges::{self, NOBODY};

/// Root may wait for the supervisor for so long between two people.
const NEXT_LIMIT: Duration = Duration::from_secs(60);

/// Gives up root, then reads session after session and prints the report.
///
/// # Errors
/// If root is not given up, before anything is read; if root's half is gone.
pub(super) fn run(json: bool, brief: bool) -> anyhow::Result<ExitCode> {
    privileges::give_up(NOBODY, NOBODY)?;
    let end = End::new(io::stdin().as_fd().try_clone_to_owned()?);
    let first = end.receive(NEXT_LIMIT).context("started by hand; use: gaggle doctor isolation")?;
    let Some((Message::Machine { supervisor, landlock_abi }, _)) = first else {
        bail!("this half is started by: gaggle doctor isolation");
    };
    let mut report = Report::new(&supervisor, landlock_abi);
    while let Some((message, socket)) = end.receive(NEXT_LIMIT)? {
        let Message::Person(person) = message else { bail!("two machines in one report") };
        let probed = probe(person, socket);
        match (json, brief) {
            (true, _) => {}
            (false, true) => probed.show_brief(),
            (false, false) => probed.show(),
        }
        report.people.push(probed);
        end.done()?;
    }
    let held = report.finish();
    if json {
        output::line(&serde_json::to_string_pretty(&report)?);
    } else if !brief {
        report.show_summary();
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn probe(person: Person, socket: Option<OwnedFd>) -> PersonReport {
    let unproved = |why: String| Findings { incomplete: Some(why), ..Findings::default() };
    let findings = match (person.refused, socket) {
        (Some(why), _) => unproved(why),
        (None, None) => unproved("no session socket came".to_owned()),
        (None, Some(socket)) => session::probe(&socket),
    };
    let problem = findings.incomplete;
    let started = Duration::from_millis(person.took_ms);
    PersonReport {
        user: escaped(&person.user),
        account: escaped(&person.account),
        profile: person.profile,
        shared: person.shared,
        complete: problem.is_none(),
        problem: problem.as_deref().map(escaped),
        next: person.next.as_deref().map(escaped),
        attacks: findings.attacks,
        first_answer: findings.first.map(|first| started.saturating_add(first)),
    }
}
