//! `gaggle user remove`: takes an agent away, and what was made for it if told.
//!
//! The entry goes first and the supervisor is told, so that nothing runs in
//! what is deleted next. Killed anywhere, it goes on when it is run again.
//!
//! Trust: root asks. Only accounts that Gaggle made are deleted.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use gaggle_ipc::{AccountName, MattermostUserId};
use gaggle_policy::account as policy;
use serde_json::json;

use super::arguments::RemoveArguments;
use super::person::{self, Person};
use super::prove::{self, Outcome};
use super::who::{Mapped, Who};
use super::{consent, require_root};
use crate::account::{self, Found};
use crate::mapping_file::{MappingFile, account_of};
use crate::{Places, home, output};

/// Whom it is about.
#[derive(Debug)]
struct Target {
    /// The entry's key, if there is one.
    key: Option<String>,
    account: Option<AccountName>,
    /// For sentences.
    named: String,
}

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(super) fn run(places: &Places, arguments: &RemoveArguments) -> anyhow::Result<ExitCode> {
    require_root("removing people")?;
    let deletes = arguments.delete_account || arguments.delete_home;
    if deletes && matches!(&arguments.who, Mapped::Person(Who::Name(_))) {
        // Names change hands, and the server says whose they are.
        bail!("what is deleted is not left to a name: write the Linux account, or the person's id");
    }
    let person = match &arguments.who {
        Mapped::Person(who) => Some(person::known(places, who)?),
        Mapped::Account(_) => None,
    };
    let dry = arguments.manner.dry_run;
    let folder = &places.config_dir;
    let mapping = if dry { MappingFile::read(folder)? } else { MappingFile::open(folder)? };
    let target = target(&mapping, arguments, person.as_ref())?;
    let deleted = deletable(&mapping, &target, arguments)?;
    let steps = steps(&target, deleted.as_ref(), arguments);
    if dry {
        return Ok(tell(&target, &steps, None, arguments));
    }
    if let Some(account) = &deleted {
        let home = account.home.as_ref().filter(|_| arguments.delete_home);
        let what = home.map_or_else(
            || format!("deleting the account {}", account.name),
            |home| format!("deleting {} with all that is in it", home.home.display()),
        );
        consent::ask(&what, &format!("{}. Go on?", capital(&what)), arguments.manner.yes)?;
    }
    let outcome = match &target.key {
        Some(key) => {
            let text = mapping.edited(&[(key.clone(), None)])?;
            mapping.write(&text)?;
            stop(places, key)?
        }
        // A command that was killed may have left its agent.
        None => prove::reload(places)?,
    };
    if let Some(deleted) = &deleted {
        let stopped = prove::is_stopped(places, |worker| worker.account == deleted.name)?;
        if outcome == Outcome::Refused || !stopped {
            bail!("nothing is deleted while an agent may still run there; run this again");
        }
        delete(places, deleted, arguments)?;
    }
    Ok(tell(&target, &steps, Some(outcome), arguments))
}

fn target(
    mapping: &MappingFile,
    arguments: &RemoveArguments,
    person: Option<&Person>,
) -> anyhow::Result<Target> {
    if let Some(person) = person {
        let account = mapping.entry(person.id).and_then(account_of);
        return Ok(Target {
            key: account.map(|_| person.id.to_string()),
            account: account.and_then(|name| AccountName::new(name).ok()),
            named: person.to_string(),
        });
    }
    let Mapped::Account(name) = &arguments.who else { bail!("nobody is named") };
    let keys: Vec<_> = mapping.keys_of(name.as_str()).map(str::to_owned).collect();
    if keys.len() > 1 {
        bail!("{name} is the account of several people, name one of them: {}", keys.join(", "));
    }
    Ok(Target {
        key: keys.into_iter().next(),
        account: Some(name.clone()),
        named: name.to_string(),
    })
}

/// A dedicated account that is to be deleted, and its home if that is there.
#[derive(Debug)]
struct Deletable {
    name: AccountName,
    home: Option<policy::Account>,
}

fn deletable(
    mapping: &MappingFile,
    target: &Target,
    arguments: &RemoveArguments,
) -> anyhow::Result<Option<Deletable>> {
    if !arguments.delete_account && !arguments.delete_home {
        return Ok(None);
    }
    let Some(name) = &target.account else {
        if target.key.is_some() {
            bail!("{}: its account's name is none; remove it without deleting", target.named);
        }
        bail!("{} has no entry any more; name the account that is to be deleted", target.named);
    };
    let others = mapping.keys_of(name.as_str()).filter(|key| Some(*key) != target.key.as_deref());
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        bail!("{name} is not deleted, it is also the account of {}", others.join(", "));
    }
    match account::find(name)? {
        Found::Nobody => return Ok(None),
        Found::Foreign => bail!(
            "{name} was not made by gaggle user add, so neither it nor its home is deleted; without --delete-account and --delete-home its agent alone is removed"
        ),
        Found::Made => {}
    }
    let account =
        policy::look_up(name).map_err(|code| anyhow::anyhow!("{}", policy::problem(code, name)))?;
    let home = account.home.symlink_metadata().is_ok().then_some(account);
    Ok(Some(Deletable { name: name.clone(), home }))
}

/// All that is about to be done; nothing, if there is nothing.
fn steps(target: &Target, deleted: Option<&Deletable>, arguments: &RemoveArguments) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(key) = &target.key {
        steps.push(format!("remove the entry of {}", output::escaped(key)));
        steps.push("stop its agent".to_owned());
    }
    let Some(deleted) = deleted else { return steps };
    if let Some(account) = &deleted.home {
        let home = account.home.display();
        if arguments.delete_home {
            steps.push(format!("delete {home} with all that is in it"));
        } else {
            steps.push(format!("give {home} to root, mode 0700"));
        }
    }
    if arguments.delete_account {
        steps.push(format!("delete the account {}", deleted.name));
    }
    steps
}

/// Has the supervisor stop what runs, and waits for it.
fn stop(places: &Places, key: &str) -> anyhow::Result<Outcome> {
    let outcome = prove::reload(places)?;
    let Ok(user) = MattermostUserId::new(key) else { return Ok(outcome) };
    if outcome == Outcome::InForce && !prove::is_stopped(places, |worker| worker.user == user)? {
        output::error("its agent still runs; see: gaggle status, journalctl -u gaggle-supervisor");
        return Ok(Outcome::Refused);
    }
    Ok(outcome)
}

fn delete(places: &Places, deleted: &Deletable, arguments: &RemoveArguments) -> anyhow::Result<()> {
    if let Some(account) = &deleted.home {
        if arguments.delete_home {
            // Somebody else's folder in its place is not emptied.
            home::check(account)?;
            home::delete(account)?;
        } else {
            home::keep_for_root(account)?;
        }
    }
    if arguments.delete_account {
        let failed = || format!("the account {} stays", deleted.name);
        account::delete(&deleted.name).with_context(failed)?;
        let key = places.config_dir.join("accounts").join(format!("{}.env", deleted.name));
        if key.symlink_metadata().is_ok() {
            let key = key.display();
            output::notice(&format!("{key} stays, for the next account of this name"));
        }
    }
    Ok(())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn tell(
    target: &Target,
    steps: &[String],
    outcome: Option<Outcome>,
    arguments: &RemoveArguments,
) -> ExitCode {
    if arguments.manner.json {
        let report = json!({
            "version": 1,
            "account": target.account.as_ref().map(AccountName::as_str),
            "mattermost_id": target.key,
            "dry_run": arguments.manner.dry_run,
            "changed": !steps.is_empty(),
            "steps": steps,
            "outcome": outcome.map(Outcome::word),
        });
        output::line(&report.to_string());
    } else if steps.is_empty() {
        output::line(&format!("{} has no agent; nothing to do", target.named));
    } else if outcome.is_none() {
        for step in steps {
            output::line(&format!("would: {step}"));
        }
        output::line("nothing was changed");
    } else {
        for step in steps {
            output::line(&format!("done: {step}"));
        }
    }
    ExitCode::from(outcome.map_or(0, Outcome::status))
}
