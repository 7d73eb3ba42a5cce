//! `gaggle user show`: all that is known of somebody.
//!
//! Trust: root's own files, by the supervisor's rules, and the supervisor for
//! what runs.

use std::process::{Command, ExitCode};

use anyhow::bail;
use gaggle_ipc::MattermostUserId;
use gaggle_ipc::admin::{Entry, Worker};
use gaggle_ipc::launch::Profile;
use gaggle_policy::account;
use gaggle_policy::configuration::{Person, Snapshot};
use serde_json::{Value, json};

use super::arguments::ShowArguments;
use super::who::Mapped;
use super::{entries, person, require_root};
use crate::account::{Found, find};
use crate::output::{self, escaped, span, verdict};
use crate::status::{self, Report};
use crate::{Places, audit};

/// So many decisions are shown.
const DECISIONS: usize = 5;

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(super) fn run(places: &Places, arguments: &ShowArguments) -> anyhow::Result<ExitCode> {
    require_root("looking into people's entries")?;
    let snapshot = Snapshot::load(&places.config_dir).map_err(|why| anyhow::anyhow!("{why}"))?;
    let people = meant(places, &snapshot, &arguments.who)?;
    let report = status::ask(places)?;
    let mut all = Vec::new();
    for entry in &people {
        let key = entry.key.as_str();
        let problem = entry.problem.as_ref().map(|problem| problem.as_str());
        let user = MattermostUserId::new(key).ok();
        let person = user.and_then(|user| snapshot.person(user).ok());
        let known = Known {
            key,
            account: entry.account.as_str(),
            problem,
            person,
            report: report.as_ref(),
        };
        if arguments.json {
            all.push(known.json());
        } else {
            known.show();
        }
    }
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&all)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// The entries that are asked for.
fn meant(places: &Places, snapshot: &Snapshot, who: &Mapped) -> anyhow::Result<Vec<Entry>> {
    let mut people = entries(snapshot);
    let (word, next) = match who {
        Mapped::Account(name) => {
            people.retain(|entry| entry.account.as_str() == name.as_str());
            (name.to_string(), name.to_string())
        }
        Mapped::Person(person) => {
            let person = person::known(places, person)?;
            people.retain(|entry| entry.key.as_str() == person.id.as_str());
            (person.to_string(), "ACCOUNT".to_owned())
        }
    };
    if people.is_empty() {
        let left = match who {
            Mapped::Account(name) if find(name)? == Found::Made => format!(
                "; its account is there, to delete it: gaggle user remove {name} --delete-account --delete-home"
            ),
            _ => String::new(),
        };
        bail!(
            "{word} is not in the mapping; see: gaggle user list, or: gaggle user add {next} --mattermost @NAME{left}"
        );
    }
    Ok(people)
}

/// One entry with all around it.
struct Known<'a> {
    key: &'a str,
    account: &'a str,
    problem: Option<&'a str>,
    person: Option<&'a Person>,
    report: Option<&'a Report>,
}

impl Known<'_> {
    fn worker(&self) -> Option<&Worker> {
        self.report?.workers.iter().find(|worker| worker.user.as_str() == self.key)
    }

    fn made_by_us(&self) -> Option<bool> {
        match find(&self.person?.account.name).ok()? {
            Found::Made => Some(true),
            Found::Foreign => Some(false),
            Found::Nobody => None,
        }
    }

    fn decisions(&self) -> Vec<String> {
        let user = MattermostUserId::new(self.key).ok();
        user.map(|user| audit::last(user, DECISIONS)).unwrap_or_default()
    }

    fn json(&self) -> Value {
        let person = self.person;
        let limits = person.map(|person| &person.limits);
        json!({
            "mattermost_id": self.key,
            "account": self.account,
            "problem": self.problem,
            "uid": person.map(|person| person.account.uid),
            "home_folder": person.map(|person| &person.account.home),
            "made_by_gaggle": self.made_by_us(),
            "profile": person.map(|person| person.entry.profile.as_str()),
            "read": person.map(|person| &person.entry.read),
            "write": person.map(|person| &person.entry.write),
            "connect_ports": person.and_then(|person| person.entry.connect_ports.as_ref()),
            "groups": person.map(|person| &person.entry.groups),
            "shared": person.map(|person| person.entry.shared),
            "memory_max_bytes": limits.map(|limits| limits.memory_max),
            "pids_max": limits.map(|limits| limits.pids_max),
            "cpu_max_percent": limits.and_then(|limits| limits.cpu_max),
            "expires_unix_day": person.and_then(expiry_day),
            "expired": person.and_then(|person| account::is_expired(&person.account).ok()),
            "worker_pid": self.worker().map(|worker| worker.pid),
            "worker_started_unix": self.worker().map(|worker| worker.started),
            "decisions": self.decisions(),
        })
    }

    fn show(&self) {
        output::line(&escaped(self.account));
        row("Mattermost", &escaped(self.key));
        match self.problem {
            None => row("state", &verdict(true, "ready")),
            Some(problem) => {
                row("state", &verdict(false, &format!("refused: {}", escaped(problem))))
            }
        }
        if let Some(person) = self.person {
            self.show_account(person);
            show_limits(person);
        }
        row("worker", &self.worker_text());
        let mut name = "last decisions";
        for decision in self.decisions() {
            row(name, &decision);
            name = "";
        }
        output::line("");
    }

    fn show_account(&self, person: &Person) {
        let maker = match self.made_by_us() {
            Some(true) => ", made by gaggle user add",
            _ => ", adopted",
        };
        row("account", &format!("uid {}{maker}", person.account.uid));
        row("expires", &expiry_text(person));
        let home = person.account.home.display();
        let sees = match person.entry.profile {
            Profile::Workspace => format!("{home}/workspace (profile workspace)"),
            Profile::Full => format!("all of {home} (profile full)"),
        };
        row("works in", &escaped(&sees));
        for (name, paths) in [("may write", &person.entry.write), ("may read", &person.entry.read)]
        {
            for path in paths {
                row(name, &escaped(&path.display().to_string()));
            }
        }
        if person.entry.shared {
            row("shared", "several people may use this account");
        }
        let ports = person.entry.connect_ports.as_ref();
        let list =
            |ports: &Vec<u16>| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        row("TCP ports", &ports.map_or_else(|| "any".to_owned(), list));
        let groups = person.entry.groups.join(", ");
        row("groups", if groups.is_empty() { "none beside its own" } else { &groups });
    }

    fn worker_text(&self) -> String {
        match (self.report, self.worker()) {
            (None, _) => verdict(false, "the supervisor is not running"),
            (_, None) => "none; it is started with the next message".to_owned(),
            (_, Some(worker)) => {
                let age = span(status::now().saturating_sub(worker.started));
                format!("{} for {age}, pid {}", verdict(true, "running"), worker.pid)
            }
        }
    }
}

fn show_limits(person: &Person) {
    let limits = &person.limits;
    let cpu = limits.cpu_max.map_or_else(|| "all".to_owned(), |share| format!("{share} %"));
    let memory = limits.memory_max >> 20;
    row("limits", &format!("memory {memory} MiB, {} processes, processors {cpu}", limits.pids_max));
}

fn row(name: &str, text: &str) {
    output::line(&format!("  {name:<15} {text}"));
}

fn expiry_text(person: &Person) -> String {
    let expired = account::is_expired(&person.account);
    match (expired, expiry_day(person)) {
        (Ok(true), _) => verdict(false, "expired; to let it work again: chage -E -1 ACCOUNT"),
        (Ok(false), Some(day)) => format!("on {}", date(day)),
        (Ok(false), None) => "never".to_owned(),
        (Err(_), _) => verdict(false, "the name service does not say"),
    }
}

/// The day in the shadow file, counted from 1970; `None` is never.
fn expiry_day(person: &Person) -> Option<i64> {
    let mut getent = Command::new("/usr/bin/getent");
    getent.args(["shadow", "--", person.account.name.as_str()]).env_clear();
    let output = getent.output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    line.trim_end().split(':').nth(7)?.parse().ok().filter(|day| *day >= 0)
}

fn date(day: i64) -> String {
    let seconds = day.saturating_mul(86_400);
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| format!("day {day}"), |at| at.date().to_string())
}
