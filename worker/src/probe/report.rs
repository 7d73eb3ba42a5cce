//! One line for each attack: name, outcome and detail, with tabs between.
//!
//! Trust: writing makes one line of whatever a path or a name holds; reading
//! refuses what is not such a line.

use gaggle_ipc::session::ProbeOutcome;

use super::attempt::{MAX_DETAIL, Outcome};

/// Longest line, in bytes.
pub(super) const MAX_LINE: usize = 1024;

/// The line for an attack.
pub(super) fn line(name: &str, outcome: &Outcome) -> String {
    format!("{name}\t{}", body(outcome))
}

/// Outcome and detail alone.
pub(super) fn body(outcome: &Outcome) -> String {
    let mut detail: String =
        outcome.detail.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    while detail.len() > MAX_DETAIL {
        detail.pop();
    }
    format!("{}\t{detail}", word(outcome.verdict))
}

/// Name and outcome of a line.
pub(super) fn parse(line: &str) -> Option<(&str, Outcome)> {
    let (name, body) = line.split_once('\t')?;
    Some((name, parse_body(body)?))
}

/// The outcome of a line without a name.
pub(super) fn parse_body(body: &str) -> Option<Outcome> {
    let (word, detail) = body.split_once('\t')?;
    let verdict = match word {
        "held" => ProbeOutcome::Held,
        "open" => ProbeOutcome::Open,
        "untried" => ProbeOutcome::Untried,
        _ => return None,
    };
    (detail.len() <= MAX_DETAIL && !detail.contains('\0'))
        .then(|| Outcome { verdict, detail: detail.to_owned() })
}

fn word(verdict: ProbeOutcome) -> &'static str {
    match verdict {
        ProbeOutcome::Held => "held",
        ProbeOutcome::Open => "open",
        ProbeOutcome::Untried => "untried",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for outcome in [Outcome::held("a"), Outcome::open("b: c"), Outcome::untried("")] {
            assert_eq!(parse(&line("name", &outcome)), Some(("name", outcome)));
        }
    }

    #[test]
    fn no_path_can_break_out_of_its_line() {
        let nasty = Outcome::held(format!("/x\nopen\t\u{1b}[2J{}", "ä".repeat(1000)));
        let line = line("name", &nasty);
        assert!(line.len() <= MAX_LINE && !line.contains(['\n', '\u{1b}']));
        assert_eq!(parse(&line).unwrap().1.verdict, ProbeOutcome::Held);
    }

    proptest::proptest! {
        #[test]
        fn whatever_an_agent_writes_is_a_line_of_its_own_or_nothing(
            line in "[a-z\t]{0,20}\t(held|open|untried|x)\t\\PC{0,600}",
        ) {
            if let Some((name, outcome)) = parse(&line) {
                proptest::prop_assert!(outcome.detail.len() <= MAX_DETAIL && !name.contains('\t'));
            }
        }
    }

    #[test]
    fn what_is_no_such_line_is_refused() {
        for bad in ["", "name", "name\theld", "name\tHELD\tx", "name\tfine\tx"] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
        assert!(parse(&format!("name\theld\t{}", "x".repeat(MAX_DETAIL + 1))).is_none());
    }
}
