//! How late a question is come to: what was asked while nobody could answer.
//!
//! Trust: both times are the server's. Without one of them nothing is late: a
//! question answered late is better than one that is left.

use std::time::Duration;

/// From then on a person is told that the answer comes late.
const WORTH_A_WORD: Duration = Duration::from_secs(300);

/// How late it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lateness {
    /// As usual.
    InTime,
    /// Late enough to say so.
    Late(Duration),
    /// So late that it may not be wanted any more.
    TooLate(Duration),
}

impl Lateness {
    /// Of a post made at `create_at`, at the time `now`, where `limit` is the
    /// longest time after which it is still answered.
    pub(super) fn of(create_at: i64, now: Option<i64>, limit: Duration) -> Self {
        let age = now.and_then(|now| u64::try_from(now.saturating_sub(create_at)).ok());
        match age.filter(|_| create_at > 0).map(Duration::from_millis) {
            Some(age) if age > limit => Self::TooLate(age),
            Some(age) if age > WORTH_A_WORD => Self::Late(age),
            _ => Self::InTime,
        }
    }

    /// What stands above an answer that comes late.
    pub(super) fn note(self) -> Option<String> {
        match self {
            Self::Late(age) => {
                Some(format!("I could not answer when you wrote this, {} ago.", words(age)))
            }
            Self::InTime | Self::TooLate(_) => None,
        }
    }

    /// What is said instead of an answer.
    pub(super) fn refusal(self) -> Option<String> {
        match self {
            Self::TooLate(age) => Some(format!(
                "I could not answer when you wrote this, {} ago, and did not begin it now. If you still want it, please write it again.",
                words(age)
            )),
            Self::InTime | Self::Late(_) => None,
        }
    }
}

fn words(age: Duration) -> String {
    let of = |count: u64, unit: &str| match count {
        1 => format!("1 {unit}"),
        count => format!("{count} {unit}s"),
    };
    // The server tells its time to the second.
    match (age.as_secs() + 30) / 60 {
        minutes @ 0..60 => of(minutes, "minute"),
        minutes @ 60..2_880 => of(minutes / 60, "hour"),
        minutes => of(minutes / 1_440, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn late_is_said_and_too_late_is_not_begun() {
        let at = 1_795_197_762_766;
        for (minutes, note, refusal) in [
            (0, None, None),
            (5, None, None),
            (6, Some("6 minutes"), None),
            (61, Some("1 hour"), None),
            (1440, Some("24 hours"), None),
            (1441, None, Some("24 hours")),
            (100_000, None, Some("69 days")),
        ] {
            let late = Lateness::of(at, Some(at + minutes * 60_000), DAY);
            let has = |said: Option<String>, part: Option<&str>| match (said, part) {
                (Some(said), Some(part)) => said.contains(part),
                (said, part) => said.is_none() && part.is_none(),
            };
            assert!(has(late.note(), note), "{minutes}: {late:?}");
            assert!(has(late.refusal(), refusal), "{minutes}: {late:?}");
        }
    }

    #[test]
    fn in_doubt_a_question_is_answered() {
        let at = 1_795_197_762_766;
        // No date, a clock that went back, a post without a time.
        for (create_at, now) in [(at, None), (at, Some(at - 1)), (at, Some(0)), (0, Some(at))] {
            assert_eq!(Lateness::of(create_at, now, DAY), Lateness::InTime);
        }
    }
}
