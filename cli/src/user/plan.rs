//! What `gaggle user add` is about to do, worked out before any of it is done.
//!
//! Trust: the mapping as it stands, which nobody else changes meanwhile.

use anyhow::bail;
use gaggle_ipc::launch::Profile;
use gaggle_ipc::{AccountName, MattermostUserId};
use gaggle_policy::account::Account;
use serde_json::Value;

use super::arguments::AddArguments;
use super::entry::{self, Limit, Wanted};
use super::person::Person;
use crate::account::{self, Found};
use crate::mapping_file::{MappingFile, account_of};
use crate::output;

/// The plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: AccountName,
    /// Whose account it is before anything is done.
    pub(super) account: Found,
    /// What of the home the agent will touch.
    pub(super) profile: Profile,
    /// What the mapping becomes.
    pub(super) edits: Vec<(String, Option<Value>)>,
    /// The entry before, of whatever key.
    before: Option<Value>,
    /// It stood under the id, so it was in force.
    in_force: bool,
    after: Value,
    /// Others whose entry has to say that the account is shared.
    shared_too: Vec<String>,
    /// Keys that are no ids, replaced by the id.
    renamed: Vec<String>,
    /// Somebody has an agent under the account already.
    in_use: bool,
}

impl Plan {
    /// Works it out.
    ///
    /// # Errors
    /// Why it is not to be.
    pub(super) fn make(
        mapping: &MappingFile,
        person: &Person,
        arguments: &AddArguments,
    ) -> anyhow::Result<Self> {
        let name = &arguments.account;
        refuse_second_account(mapping, person, name)?;
        let keys: Vec<&str> = mapping.keys_of(name.as_str()).collect();
        let (ids, names): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| MattermostUserId::new(key).is_ok());
        let others: Vec<&str> = ids.into_iter().filter(|id| *id != person.id.as_str()).collect();
        if !others.is_empty() && !arguments.shared {
            bail!(
                "{name} is already the account of {}; give each person an account, or use --shared",
                others.join(", ")
            );
        }
        let own = mapping.entry(person.id);
        let account = account::find(name)?;
        let in_use = own.is_some() || !others.is_empty();
        if account == Found::Foreign && !arguments.adopt && !in_use {
            bail!("the account {name} exists; to let the agent run as it, add --adopt");
        }
        // An entry under a name was never in force; its settings may be meant.
        let before = own.or_else(|| names.first().and_then(|key| mapping.of_key(key))).cloned();
        let after = wanted(arguments).apply(before.as_ref());
        let mut plan = Self {
            name: name.clone(),
            account,
            profile: entry::profile(&after),
            edits: Vec::new(),
            in_force: own.is_some(),
            before,
            after,
            shared_too: Vec::new(),
            renamed: names.iter().map(|key| (*key).to_owned()).collect(),
            in_use,
        };
        plan.edit(mapping, person, &others);
        Ok(plan)
    }

    fn edit(&mut self, mapping: &MappingFile, person: &Person, others: &[&str]) {
        if !self.in_force || self.before.as_ref() != Some(&self.after) {
            self.edits.push((person.id.to_string(), Some(self.after.clone())));
        }
        self.edits.extend(self.renamed.iter().map(|key| (key.clone(), None)));
        let shared = Wanted { account: self.name.to_string(), shared: true, ..Wanted::default() };
        for key in others {
            let now = mapping.of_key(key);
            let then = shared.apply(now);
            if now != Some(&then) {
                self.shared_too.push((*key).to_owned());
                self.edits.push(((*key).to_owned(), Some(then)));
            }
        }
    }

    /// The person had no agent under this account.
    pub(super) fn is_new(&self) -> bool {
        !self.in_force
    }

    /// The agent is to see more than before.
    pub(super) fn widens(&self) -> bool {
        let before = self.before.as_ref().map(entry::profile);
        self.profile == Profile::Full && before != Some(Profile::Full)
    }

    /// What becomes of settings, before → after, and of other entries.
    pub(super) fn told(&self) -> Vec<String> {
        let before = self.before.clone().unwrap_or_else(|| self.name.as_str().into());
        let changes = entry::changes(&before, &self.after);
        let own = changes.iter().map(ToString::to_string);
        let others = self.shared_too.iter().map(|id| format!("shared: false → true, for {id} too"));
        let renamed = self.renamed.iter().map(|key| {
            format!("the entry under {}, which is no id, is replaced", output::escaped(key))
        });
        own.chain(others).chain(renamed).collect()
    }

    /// All that is about to be done; nothing, if all is so already.
    pub(super) fn steps(&self, known: Option<&Account>) -> Vec<String> {
        let mut steps = Vec::new();
        let home = known.map_or_else(|| account::home_of(&self.name), |a| a.home.clone());
        let home = home.display();
        if self.account == Found::Nobody {
            steps.push(format!("make the account {}: no shell, no password", self.name));
        } else if self.account == Found::Foreign && !self.in_use {
            steps.push(format!("adopt the account {}", self.name));
        }
        let there = known.is_some_and(|account| account.home.symlink_metadata().is_ok());
        if self.account != Found::Foreign && !there {
            steps.push(format!("make its home {home}, mode 0700"));
        }
        if self.is_new() {
            steps.push(format!("make {home}/workspace, as {}", self.name));
            steps.push(format!("write the entry: {}", self.after));
        }
        steps.extend(self.told());
        steps
    }
}

fn refuse_second_account(
    mapping: &MappingFile,
    person: &Person,
    name: &AccountName,
) -> anyhow::Result<()> {
    let other = mapping.entry(person.id).and_then(account_of);
    match other.filter(|other| *other != name.as_str()) {
        Some(other) => bail!(
            "{person} is mapped to {} already, and one person has one account; first: gaggle user remove {}",
            output::escaped(other),
            person.id
        ),
        None => Ok(()),
    }
}

fn wanted(arguments: &AddArguments) -> Wanted {
    let limit = |key: &'static str, asked: &Option<Limit>| Some((key, asked.clone()?));
    let limits = [
        limit("memory_max", &arguments.memory_max),
        limit("pids_max", &arguments.pids_max),
        limit("cpu_max", &arguments.cpu_max),
    ];
    Wanted {
        account: arguments.account.to_string(),
        profile: arguments.profile.map(Profile::from),
        shared: arguments.shared,
        limits: limits.into_iter().flatten().collect(),
    }
}

/// Prints the steps of a dry run.
pub(super) fn show(steps: &[String]) {
    if steps.is_empty() {
        output::line("there is nothing to do");
    }
    for step in steps {
        output::line(&format!("would: {step}"));
    }
    if !steps.is_empty() {
        output::line("would: have the running supervisor read the mapping, and try one start");
        output::line("nothing was changed");
    }
}
