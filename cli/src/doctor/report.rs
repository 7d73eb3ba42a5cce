//! The report: tables for people, one JSON object for auditors.
//!
//! Trust: every text was escaped when it came in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gaggle_ipc::Text;
use nix::sys::utsname::uname;
use serde::Serialize;

use super::session::{Attack, Word};
use crate::output::{self, unsettled, verdict};

/// Longest detail of what held, in a table, in characters.
const SHOWN: usize = 90;

/// The whole report. Version 1; fields are only ever added.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: u32,
    /// When it was finished, seconds since 1970.
    time_unix: u64,
    host: String,
    kernel: String,
    landlock_abi: u8,
    supervisor_version: String,
    /// Everybody who was asked for.
    pub(super) people: Vec<PersonReport>,
    /// Nothing is open, and everybody was probed to the end.
    held: bool,
}

/// What came of one person's sandbox.
#[derive(Debug, Serialize)]
pub(super) struct PersonReport {
    pub(super) user: String,
    pub(super) account: String,
    pub(super) profile: Option<String>,
    pub(super) shared: bool,
    pub(super) attacks: Vec<Attack>,
    /// Every attack was tried or named as untried.
    pub(super) complete: bool,
    /// Why it is not complete.
    pub(super) problem: Option<String>,
    /// What to do about that, where it is known.
    #[serde(skip)]
    pub(super) next: Option<String>,
    /// From the question to the worker's first word.
    #[serde(skip)]
    pub(super) first_answer: Option<Duration>,
}

impl Report {
    /// A report about nobody yet.
    pub(super) fn new(supervisor: &str, landlock_abi: u8) -> Self {
        let system = uname().ok();
        let word = |of: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            let word = system.as_ref().map(of).unwrap_or_default().to_string_lossy();
            output::escaped(Text::<256>::lossy(&word).as_str())
        };
        Self {
            version: 1,
            time_unix: 0,
            host: word(|system| system.nodename()),
            kernel: word(|system| system.release()),
            landlock_abi,
            supervisor_version: output::escaped(supervisor),
            people: Vec::new(),
            held: false,
        }
    }

    /// Closes it. Returns whether all held.
    pub(super) fn finish(&mut self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.time_unix = now.map_or(0, |since| since.as_secs());
        // Nobody probed is nothing proved.
        self.held = !self.people.is_empty() && self.people.iter().all(PersonReport::held);
        self.held
    }

    /// Prints the last lines of the report for people.
    pub(super) fn show_summary(&self) {
        let of = |word| self.people.iter().map(|person| person.count(word)).sum::<usize>();
        let not_probed = self.people.iter().filter(|person| !person.complete).count();
        output::line(&format!(
            "{} on {}, Linux {}, Landlock ABI {}: {} held, {} open, {} untried",
            counted(self.people.len()),
            self.host,
            self.kernel,
            self.landlock_abi,
            of(Word::Held),
            of(Word::Open),
            of(Word::Untried),
        ));
        if not_probed > 0 {
            let words = format!("{not_probed} not probed to the end");
            output::line(&verdict(false, &words));
        }
        let words = if self.held { "the isolation held" } else { "the isolation did not hold" };
        output::line(&verdict(self.held, words));
    }
}

impl PersonReport {
    fn count(&self, word: Word) -> usize {
        self.attacks.iter().filter(|attack| attack.outcome == word).count()
    }

    fn held(&self) -> bool {
        self.complete && self.count(Word::Open) == 0
    }

    /// Prints in a line whether the person can be served, and what to do if not.
    pub(super) fn show_brief(&self) {
        let (name, tried) = (&self.account, self.count(Word::Held) + self.count(Word::Open));
        if let Some(problem) = &self.problem {
            output::line(&verdict(false, &format!("{name} cannot be served: {problem}")));
            let audit = || format!("gaggle audit --account {name} --since 5min");
            output::line(&format!("  next: {}", self.next.clone().unwrap_or_else(audit)));
        } else if self.held() {
            let first = self.first_answer.unwrap_or_default().as_secs_f64();
            let how = format!("{tried} defences tried, all held, first answer in {first:.1} s");
            output::line(&format!("{}: {how}", verdict(true, &format!("{name} can be served"))));
        } else {
            let open: Vec<_> = self.attacks.iter().filter(|a| a.outcome == Word::Open).collect();
            let how = format!("{} of {tried} defences do not hold", open.len());
            output::line(&verdict(false, &format!("{name} can be served, but {how}:")));
            for attack in open {
                output::line(&format!("  {}: {}", attack.name, attack.detail));
            }
            output::line(&format!("  next: gaggle doctor isolation --account {name}"));
        }
    }

    /// Prints the person's table.
    pub(super) fn show(&self) {
        let profile = self.profile.as_deref().unwrap_or("-");
        let shared = if self.shared { ", shared with others" } else { "" };
        output::line(&format!("{} ({}), profile {profile}{shared}", self.account, self.user));
        if !self.attacks.is_empty() {
            let rows = self.attacks.iter().map(row).collect();
            output::line(&output::table(&["ATTACK", "OUTCOME", "DETAIL"], rows));
        }
        if let Some(problem) = &self.problem {
            output::line(&verdict(false, &format!("not probed to the end: {problem}")));
        }
        output::line("");
    }
}

fn counted(people: usize) -> String {
    if people == 1 { "1 person".to_owned() } else { format!("{people} people") }
}

fn row(attack: &Attack) -> Vec<String> {
    let outcome = match attack.outcome {
        Word::Held => verdict(true, "held"),
        Word::Open => verdict(false, "open"),
        Word::Untried => unsettled("untried"),
    };
    let whole = attack.outcome == Word::Open || attack.detail.chars().count() <= SHOWN;
    let detail = if whole {
        attack.detail.clone()
    } else {
        attack.detail.chars().take(SHOWN).chain(['…']).collect()
    };
    vec![attack.name.clone(), outcome, detail]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(outcomes: &[Word], complete: bool) -> PersonReport {
        let attack = |(at, outcome): (usize, &Word)| Attack {
            name: format!("attack_{at}"),
            outcome: *outcome,
            detail: String::new(),
        };
        PersonReport {
            user: "u".to_owned(),
            account: "alice".to_owned(),
            profile: None,
            shared: false,
            attacks: outcomes.iter().enumerate().map(attack).collect(),
            complete,
            problem: None,
            next: None,
            first_answer: None,
        }
    }

    #[test]
    fn all_held_means_everybody_to_the_end_and_nothing_open() {
        use Word::{Held, Open, Untried};
        for (people, held) in [
            (vec![person(&[Held, Untried], true)], true),
            (vec![person(&[Held], true), person(&[Held, Open], true)], false),
            (vec![person(&[Held], true), person(&[Held], false)], false),
            (vec![person(&[], false)], false),
            (vec![], false),
        ] {
            let mut report = Report::new("1", 7);
            report.people = people;
            assert_eq!(report.finish(), held, "{report:?}");
            let json = serde_json::to_value(&report).unwrap();
            assert_eq!((&json["version"], &json["held"]), (&1.into(), &held.into()));
        }
    }
}
