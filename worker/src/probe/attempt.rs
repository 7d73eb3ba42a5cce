//! What tries come to, and the one outcome that an attack makes of them.
//!
//! Trust: an error number is taken as a refusal only where it is one; what
//! cannot be told is named as untried, never as held.

use std::fmt::Display;
use std::io;

use gaggle_ipc::session::ProbeOutcome;
use nix::errno::Errno;

/// Longest detail, in bytes: with the line's frame it fits what a worker takes.
pub(super) const MAX_DETAIL: usize = 400;

/// What came of one attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Held, open or untried.
    pub(super) verdict: ProbeOutcome,
    /// How it was tried and what the kernel said; one line.
    pub(super) detail: String,
}

impl Outcome {
    /// The defence held.
    pub(super) fn held(detail: impl Into<String>) -> Self {
        Self { verdict: ProbeOutcome::Held, detail: detail.into() }
    }

    /// It is open there.
    pub(super) fn open(detail: impl Into<String>) -> Self {
        Self { verdict: ProbeOutcome::Open, detail: detail.into() }
    }

    /// There was nothing to try, or no way to tell.
    pub(super) fn untried(detail: impl Into<String>) -> Self {
        Self { verdict: ProbeOutcome::Untried, detail: detail.into() }
    }

    /// `held` or `open`.
    pub(super) fn held_if(held: bool, detail: impl Into<String>) -> Self {
        if held { Self::held(detail) } else { Self::open(detail) }
    }
}

/// What it means that something is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// Nothing was tried.
    ProvesNothing,
    /// It is kept out of sight: that is the defence.
    IsTheDefence,
}

/// The tries of one attack.
#[derive(Debug)]
pub(super) struct Tries {
    absence: Absence,
    open: Vec<String>,
    refused: Vec<(String, String)>,
    unclear: Vec<(String, String)>,
}

impl Tries {
    /// None yet.
    pub(super) fn new(absence: Absence) -> Self {
        Self { absence, open: Vec::new(), refused: Vec::new(), unclear: Vec::new() }
    }

    /// Adds one: `Ok` is a success of the attacker.
    pub(super) fn add<T>(&mut self, what: impl Display, result: Result<T, Errno>) {
        let what = what.to_string();
        let errno = match result {
            Ok(_) => return self.open.push(what),
            Err(errno) => errno,
        };
        let absent = matches!(errno, Errno::ENOENT | Errno::ENXIO | Errno::ENODEV);
        let refused = matches!(errno, Errno::EPERM | Errno::EACCES | Errno::EROFS)
            || (absent && self.absence == Absence::IsTheDefence);
        let list = if refused { &mut self.refused } else { &mut self.unclear };
        list.push((format!("{errno:?}"), what));
    }

    /// Adds one of the standard library's.
    pub(super) fn add_io<T>(&mut self, what: impl Display, result: io::Result<T>) {
        self.add(what, result.map_err(|error| to_errno(&error)));
    }

    /// What they come to: open if any got through, held if any was refused.
    pub(super) fn outcome(self) -> Outcome {
        if !self.open.is_empty() {
            Outcome::open(listed(&self.open))
        } else if !self.refused.is_empty() {
            Outcome::held(grouped(&self.refused))
        } else if self.unclear.is_empty() {
            Outcome::untried("nothing here to try it on")
        } else {
            Outcome::untried(grouped(&self.unclear))
        }
    }
}

/// One try that the kernel, once it has let the caller through, answers with
/// one of `through`.
pub(super) fn reaches<T>(result: Result<T, Errno>, through: &[Errno]) -> Result<(), Errno> {
    match result {
        Ok(_) => Ok(()),
        Err(errno) if through.contains(&errno) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The outcome of a single try.
pub(super) fn single<T>(what: &str, result: Result<T, Errno>) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add(what, result);
    tries.outcome()
}

/// The error number of a standard library error.
pub(super) fn to_errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// `EACCES: a, b; ENOENT: c`
fn grouped(tries: &[(String, String)]) -> String {
    let mut reasons: Vec<&str> = tries.iter().map(|(reason, _)| reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let group = |reason: &&str| {
        let of: Vec<String> =
            tries.iter().filter(|(r, _)| r == reason).map(|(_, what)| what.clone()).collect();
        format!("{reason}: {}", listed(&of))
    };
    reasons.iter().map(group).collect::<Vec<_>>().join("; ")
}

/// Names as far as they fit, and how many more there are.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if text.len() + name.len() > MAX_DETAIL / 2 {
            return format!(
                "{text}{}{} more",
                if at == 0 { "" } else { " and " },
                names.len() - at
            );
        }
        if at > 0 {
            text += ", ";
        }
        text += name;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(absence: Absence, results: &[Result<(), Errno>]) -> Outcome {
        let mut tries = Tries::new(absence);
        for (at, result) in results.iter().enumerate() {
            tries.add(format!("try {at}"), *result);
        }
        tries.outcome()
    }

    #[test]
    fn one_success_is_enough_to_be_open() {
        let outcome = tries(Absence::ProvesNothing, &[Err(Errno::EACCES), Ok(())]);
        assert_eq!(outcome, Outcome::open("try 1"));
    }

    #[test]
    fn what_is_not_there_proves_something_only_where_hiding_is_the_defence() {
        let gone = [Err(Errno::ENOENT)];
        assert_eq!(tries(Absence::ProvesNothing, &gone).verdict, ProbeOutcome::Untried);
        assert_eq!(tries(Absence::IsTheDefence, &gone).verdict, ProbeOutcome::Held);
    }

    #[test]
    fn an_answer_nobody_expects_is_no_refusal() {
        for odd in [Errno::EIO, Errno::ENOSYS, Errno::EMFILE, Errno::EINVAL] {
            assert_eq!(single("x", Err::<(), _>(odd)).verdict, ProbeOutcome::Untried, "{odd:?}");
        }
    }

    #[test]
    fn reasons_are_gathered_and_long_lists_cut() {
        let outcome = tries(
            Absence::ProvesNothing,
            &[Err(Errno::EPERM), Err(Errno::EACCES), Err(Errno::EPERM)],
        );
        assert_eq!(outcome.detail, "EACCES: try 1; EPERM: try 0, try 2");
        let many = tries(Absence::ProvesNothing, &[Err(Errno::EPERM); 300]);
        assert!(many.detail.len() <= MAX_DETAIL && many.detail.ends_with(" more"));
    }
}
