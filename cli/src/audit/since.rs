//! The time after `--since`.
//!
//! Trust: the admin's; `journalctl` has the last word on it.

/// Longest text that is taken.
const LONGEST: usize = 100;
/// Units of a span, as systemd.time(7) names them.
const UNITS: &[&str] = &[
    "s", "sec", "second", "seconds", "m", "min", "minute", "minutes", "h", "hr", "hour", "hours",
    "d", "day", "days", "w", "week", "weeks", "M", "month", "months", "y", "year", "years",
];

/// A point in time, in the admin's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Since(String);

impl Since {
    /// Takes the text, unless nobody could read it as a time.
    ///
    /// # Errors
    /// A sentence with what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let plain = |c: char| c.is_ascii_graphic() || c == ' ';
        if text.is_empty() || text.len() > LONGEST || !text.chars().all(plain) {
            return Err(HOW.to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// As `journalctl` takes it: a span without a sign means the past.
    pub(super) fn for_journalctl(&self) -> String {
        if is_span(&self.0) { format!("-{}", self.0) } else { self.0.clone() }
    }

    /// The sentence for a text that `journalctl` does not understand.
    pub(super) fn refusal(&self) -> String {
        format!("--since {:?}: {HOW}", self.0)
    }
}

const HOW: &str =
    "write a time like 1h, \"2 hours ago\", today, yesterday, 2026-01-31 or \"2026-01-31 14:00\"";

/// Numbers, each with its unit: `1h`, `1h 30min`, `2 hours`.
fn is_span(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == rest.len() {
            return false;
        }
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        if !UNITS.contains(&unit) {
            return false;
        }
        rest = next.trim_start();
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_means_the_past_and_all_else_is_journalctls() {
        for (text, expected) in [
            ("1h", "-1h"),
            ("1h 30min", "-1h 30min"),
            ("1h30min", "-1h30min"),
            ("2 hours", "-2 hours"),
            (" 90 min ", "-90 min"),
            ("-1h", "-1h"),
            ("2 hours ago", "2 hours ago"),
            ("2026-11-20", "2026-11-20"),
            ("2026-11-20 14:00", "2026-11-20 14:00"),
            ("yesterday", "yesterday"),
            ("14:00", "14:00"),
            ("90", "90"),
            ("h", "h"),
        ] {
            assert_eq!(Since::parse(text).unwrap().for_journalctl(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_text_for_a_time_is_refused_with_examples() {
        for text in ["", "  ", "1h\n2h", "\u{1b}[2J", "gestern ö", &"1".repeat(LONGEST + 1)] {
            assert!(Since::parse(text).unwrap_err().contains("yesterday"), "{text:?}");
        }
    }
}
