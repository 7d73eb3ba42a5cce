//! `!usage`: tokens and costs.
//!
//! Trust: sums of the author's own turns alone. What nobody reported is said to
//! be so and is no zero.

use super::{Inner, Typed};
use crate::markdown::code_span;
use crate::mattermost::ChannelKind;
use crate::state::{Context, StateError, Total};

impl Inner {
    pub(super) async fn usage(
        &self,
        typed: &Typed,
        kind: ChannelKind,
    ) -> Result<String, StateError> {
        let user = typed.key.user;
        let mut rows = Vec::new();
        if !typed.begins_thread() {
            let here = self.state.usage_of_conversation(user, typed.key.thread).await?;
            let (total, context) = here.unwrap_or_default();
            rows.push(row("this conversation", &total));
            rows.push(format!("| context | {} |", full(context)));
        }
        if kind == ChannelKind::Direct {
            rows.push(row("you, today (UTC)", &self.state.usage_of_person(user, 1).await?));
            rows.push(row("you, 30 days", &self.state.usage_of_person(user, 30).await?));
        }
        let table = match rows.is_empty() {
            true => String::new(),
            false => format!("| | |\n|---|---|\n{}", rows.join("\n")),
        };
        Ok(match kind {
            ChannelKind::Direct => table,
            _ if table.is_empty() => {
                "In a thread `!usage` shows what that conversation took, and in a direct message what all of yours took.".to_owned()
            }
            _ => format!("{table}\n\nWhat all your conversations took I show in a direct message."),
        })
    }
}

fn row(what: &str, total: &Total) -> String {
    format!("| {what} | {} |", sum(total))
}

fn sum(total: &Total) -> String {
    if total.turns == 0 {
        return "nothing yet".to_owned();
    }
    let turns = format!("{} turn{}", total.turns, if total.turns == 1 { "" } else { "s" });
    if total.turns == total.unreported {
        return format!("not reported, in {turns}");
    }
    let mut text =
        format!("{} tokens in, {} out, in {turns}", grouped(total.input), grouped(total.output));
    for (currency, nanos) in &total.costs {
        text.push_str(&format!(" · about {} {}", amount(*nanos), code_span(currency)));
    }
    if total.unreported > 0 {
        text.push_str(&format!(" · {} of them not reported", total.unreported));
    }
    text
}

fn full(context: Option<Context>) -> String {
    match context {
        Some(Context { used, size }) if size > 0 => format!(
            "{} % full: {} of {} tokens",
            used.saturating_mul(100) / size,
            grouped(used),
            grouped(size)
        ),
        _ => "not reported".to_owned(),
    }
}

/// Billionths as a number with two decimals, or more where it is small.
fn amount(nanos: u64) -> String {
    let decimals: u32 = match nanos {
        0..10_000_000 => 4,
        _ => 2,
    };
    let unit = 10_u64.pow(9 - decimals);
    let rounded = nanos.saturating_add(unit / 2) / unit;
    let scale = 10_u64.pow(decimals);
    let width = usize::try_from(decimals).unwrap_or(2);
    format!("{}.{:0width$}", grouped(rounded / scale), rounded % scale)
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_not_nothing() {
        let total = |turns, unreported| Total { turns, unreported, ..Total::default() };
        assert_eq!(sum(&total(0, 0)), "nothing yet");
        assert_eq!(sum(&total(1, 1)), "not reported, in 1 turn");
        let some = Total { input: 1_234_567, output: 20, ..total(3, 1) };
        assert_eq!(sum(&some), "1,234,567 tokens in, 20 out, in 3 turns · 1 of them not reported");
        assert_eq!(full(None), "not reported");
        let half = Context { used: 64_000, size: 128_000 };
        assert_eq!(full(Some(half)), "50 % full: 64,000 of 128,000 tokens");
    }

    #[test]
    fn small_amounts_are_seen() {
        for (nanos, shown) in [
            (0, "0.0000"),
            (2_700_000, "0.0027"),
            (9_999_999, "0.0100"),
            (12_345_678, "0.01"),
            (1_999_999_999, "2.00"),
            (1_234_000_000_000, "1,234.00"),
            (18_446_744_073_000_000_000, "18,446,744,073.00"),
        ] {
            assert_eq!(amount(nanos), shown);
        }
    }
}
