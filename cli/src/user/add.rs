//! `gaggle user add`: gives a person an agent.
//!
//! In an order in which it may be killed anywhere and run again: the account,
//! its home, its folders, and the mapping last, when all that it promises is
//! true.
//!
//! Trust: root asks. An account is judged by the supervisor's own rules.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use gaggle_ipc::launch::Profile;
use gaggle_policy::account::Account;
use gaggle_policy::configuration::Snapshot;
use serde_json::json;

use super::arguments::AddArguments;
use super::person::{self, Person};
use super::plan::{self, Plan};
use super::prove::{self, Outcome};
use super::{consent, require_root};
use crate::account::{self, Found};
use crate::mapping_file::MappingFile;
use crate::{Places, home, output};

/// Runs the command.
///
/// # Errors
/// A sentence with what to do; the mapping is as it was then.
pub(super) fn run(places: &Places, arguments: &AddArguments) -> anyhow::Result<ExitCode> {
    require_root("adding people")?;
    let person = person::to_serve(places, &arguments.mattermost, arguments.offline)?;
    let dry = arguments.manner.dry_run;
    let folder = &places.config_dir;
    // Nobody waits for a command that only looks.
    let mapping = if dry { MappingFile::read(folder)? } else { MappingFile::open(folder)? };
    let plan = Plan::make(&mapping, &person, arguments)?;
    let text = mapping.edited(&plan.edits)?;
    let known = match plan.account {
        Found::Nobody => {
            account::check_place(&plan.name)?;
            None
        }
        _ => Some(judge(folder, &text, &person, &plan)?),
    };
    if let Some(account) = &known {
        agree(account, &person, &plan, arguments)?;
    }
    let steps = plan.steps(known.as_ref());
    if dry {
        return Ok(tell(&person, &plan, &steps, None, arguments));
    }
    let account = carry_out(places, mapping, &text, &person, &plan, known)?;
    if !arguments.manner.json {
        say(&plan, &account, &person);
    }
    let json = arguments.manner.json;
    let outcome = prove::serve(places, person.id, !arguments.no_probe, json)?;
    Ok(tell(&person, &plan, &steps, Some(outcome), arguments))
}

/// Does what is planned, the mapping last.
fn carry_out(
    places: &Places,
    mapping: MappingFile,
    text: &str,
    person: &Person,
    plan: &Plan,
    known: Option<Account>,
) -> anyhow::Result<Account> {
    let account = match known {
        Some(account) => account,
        None => {
            account::create(&plan.name)?;
            judge(&places.config_dir, text, person, plan)?
        }
    };
    prepare(&account, plan)?;
    if !plan.edits.is_empty() {
        mapping.write(text)?;
    }
    Ok(account)
}

/// What the supervisor will make of the entry and the account, and whether the
/// home will do.
fn judge(folder: &Path, text: &str, person: &Person, plan: &Plan) -> anyhow::Result<Account> {
    // First, for the sentences that are about the account alone.
    let account = account::check(&plan.name)?;
    let snapshot = Snapshot::load_with(folder, text).map_err(|why| anyhow::anyhow!("{why}"))?;
    if snapshot.person(person.id).is_err() {
        let bad = snapshot.bad.iter().find(|bad| bad.key == person.id.as_str());
        bail!("{}", bad.map_or("the supervisor would refuse this entry", |bad| &bad.problem));
    }
    // The home of an account that was made is made too, if it is not there.
    if plan.account == Found::Foreign || account.home.symlink_metadata().is_ok() {
        home::check(&account)?;
    }
    Ok(account)
}

/// An account that was there before is let in by an admin's word alone, and so
/// is an agent that is to see more of it.
fn agree(
    account: &Account,
    person: &Person,
    plan: &Plan,
    arguments: &AddArguments,
) -> anyhow::Result<()> {
    if plan.account != Found::Foreign || !(plan.is_new() || plan.widens()) {
        return Ok(());
    }
    consent::explain(&consent::adoption(account, plan.profile, person));
    if arguments.manner.dry_run {
        return Ok(());
    }
    let what = format!("letting an agent run as {}", account.name);
    consent::ask(&what, "Let it?", arguments.manner.yes)
}

fn prepare(account: &Account, plan: &Plan) -> anyhow::Result<()> {
    if plan.account != Found::Foreign && account.home.symlink_metadata().is_err() {
        home::make(account)?;
        home::check(account)?;
    }
    home::make_workspace(account)
}

fn say(plan: &Plan, account: &Account, person: &Person) {
    let name = &account.name;
    let told = match (&plan.account, plan.is_new()) {
        (Found::Nobody, _) => format!("{name} (uid {}) made and mapped to {person}", account.uid),
        (_, true) => format!("{name} (uid {}) mapped to {person}", account.uid),
        (_, false) if plan.edits.is_empty() => {
            format!("{person} is mapped to {name} already; nothing to do")
        }
        (_, false) => format!("{person} is mapped to {name} already, with other settings now"),
    };
    output::line(&told);
    for change in plan.told() {
        output::line(&format!("  {change}"));
    }
    if plan.profile == Profile::Full && (plan.is_new() || plan.widens()) {
        output::notice(
            "with --profile full the agent can change what runs at this account's next login",
        );
    }
}

/// The last words: the steps of a dry run, or all of it as JSON.
fn tell(
    person: &Person,
    plan: &Plan,
    steps: &[String],
    outcome: Option<Outcome>,
    arguments: &AddArguments,
) -> ExitCode {
    if arguments.manner.json {
        let report = json!({
            "version": 1,
            "account": plan.name.as_str(),
            "mattermost_id": person.id.as_str(),
            "username": person.name.as_ref().map(|name| name.as_str()),
            "dry_run": arguments.manner.dry_run,
            "changed": !steps.is_empty(),
            "steps": steps,
            "outcome": outcome.map(Outcome::word),
        });
        output::line(&report.to_string());
    } else if outcome.is_none() {
        plan::show(steps);
    }
    ExitCode::from(outcome.map_or(0, Outcome::status))
}
