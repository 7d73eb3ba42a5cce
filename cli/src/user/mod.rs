//! `gaggle user`: who gets an agent.
//!
//! Trust: root asks. The mapping is written last, when everything it promises
//! is true.

mod add;
mod arguments;
mod consent;
mod entry;
mod list;
mod look_up;
mod person;
mod plan;
mod prove;
mod remove;
mod show;
mod who;

use std::process::ExitCode;

use anyhow::bail;
use gaggle_ipc::admin::Entry;
use gaggle_ipc::text::Text;
use gaggle_policy::configuration::Snapshot;
use nix::unistd::Uid;

pub(crate) use arguments::UserCommand;

use crate::Places;

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn run(places: &Places, command: UserCommand) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Add(arguments) => add::run(places, &arguments),
        UserCommand::List(arguments) => list::run(places, &arguments),
        UserCommand::Show(arguments) => show::run(places, &arguments),
        UserCommand::Remove(arguments) => remove::run(places, &arguments),
    }
}

fn require_root(what: &str) -> anyhow::Result<()> {
    if !Uid::effective().is_root() {
        bail!("{what} needs root; use sudo");
    }
    Ok(())
}

/// The mapping's entries, judged here by the supervisor's rules.
fn entries(snapshot: &Snapshot) -> Vec<Entry> {
    let good = snapshot.people.iter().map(|(user, person)| Entry {
        key: Text::lossy(user.as_str()),
        account: Text::lossy(person.account.name.as_str()),
        profile: Some(person.entry.profile),
        problem: None,
    });
    let bad = snapshot.bad.iter().map(|bad| Entry {
        key: Text::lossy(&bad.key),
        account: Text::lossy(&bad.account),
        profile: None,
        problem: Some(Text::lossy(&bad.problem)),
    });
    good.chain(bad).collect()
}
