//! One decision: from the journal's JSON to what is shown.
//!
//! Trust: the journal, for who sent a record; what a field says is escaped
//! before it reaches a terminal, since a worker's own lines are among them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::output;

/// Fields whose values are numbers in JSON.
const NUMBERS: &[&str] =
    &["errno", "landlock_abi", "landlock_floor", "pid", "probe", "refused", "uid", "usable"];
/// Fields that come first in text.
const FIRST: &[&str] = &["account", "user", "worker", "reason", "step"];

/// A decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Microseconds since 1970.
    at: i64,
    event: String,
    urgency: Urgency,
    /// By their names without `GAGGLE_`, in lower case.
    fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Error,
    Warning,
    Ordinary,
}

impl Record {
    /// Reads one line of `journalctl --output=json`; `None` for what is no
    /// decision of root's.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let all: Map<String, Value> = serde_json::from_slice(line).ok()?;
        // The journal was asked for these alone; it costs nothing to look.
        if text(all.get("_UID")?)? != "0" {
            return None;
        }
        let mut fields: BTreeMap<String, String> = all
            .iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("GAGGLE_")?.to_ascii_lowercase();
                Some((name, text(value)?))
            })
            .collect();
        let urgency = match all.get("PRIORITY").and_then(text)?.as_str() {
            "0" | "1" | "2" | "3" => Urgency::Error,
            "4" => Urgency::Warning,
            _ => Urgency::Ordinary,
        };
        let at = text(all.get("__REALTIME_TIMESTAMP")?)?.parse().ok()?;
        Some(Self { at, event: fields.remove("event")?, urgency, fields })
    }

    /// As an object whose names stay: `time`, `event`, and the fields.
    pub(super) fn json(&self) -> Value {
        let mut all = Map::new();
        all.insert("time".to_owned(), json!(self.time(self.at)));
        all.insert("event".to_owned(), json!(self.event));
        for (name, value) in &self.fields {
            let number = NUMBERS.contains(&name.as_str()).then(|| value.parse::<i64>().ok());
            let value = number.flatten().map_or_else(|| json!(value), |number| json!(number));
            all.entry(name.clone()).or_insert(value);
        }
        Value::Object(all)
    }

    /// As a line for people.
    pub(super) fn text(&self) -> String {
        let event = format!("{:<21}", output::escaped(&self.event));
        let event = match self.urgency {
            Urgency::Error => output::verdict(false, &event),
            Urgency::Warning => output::unsettled(&event),
            Urgency::Ordinary => event,
        };
        let seconds = self.at - self.at.rem_euclid(1_000_000);
        let mut line = format!("{}  {event}", self.time(seconds));
        let first = FIRST.iter().filter_map(|name| self.fields.get_key_value(*name));
        let rest = self.fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
        for (name, value) in first.chain(rest) {
            let value = output::escaped(value);
            let quote = if value.contains(' ') { "\"" } else { "" };
            line += &format!(" {}={quote}{value}{quote}", output::escaped(name));
        }
        line.trim_end().to_owned()
    }

    fn time(&self, micros: i64) -> String {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000);
        at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| micros.to_string())
    }
}

/// A field's text. The journal writes what is no UTF-8 as numbers, and a field
/// that stands in a record twice as a list: of those nothing is ours.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> =
                bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(change: &[(&str, Value)]) -> Vec<u8> {
        let mut record = json!({
            "__REALTIME_TIMESTAMP": "1795216502123456", "_UID": "0", "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "gaggle-supervisor", "GAGGLE_EVENT": "start_refused",
            "GAGGLE_USER": "4u738icxytb4f8spoou9mcp7fy", "GAGGLE_ACCOUNT": "alice",
            "GAGGLE_REASON": "launch_failed", "GAGGLE_STEP": "home_owner", "GAGGLE_ERRNO": "13",
            "MESSAGE": "gaggle: start_refused",
        });
        for (name, value) in change {
            record[*name] = value.clone();
        }
        record.to_string().into_bytes()
    }

    #[test]
    fn a_record_has_stable_names_and_numbers_are_numbers() {
        let record = Record::parse(&line(&[])).unwrap();
        let expected = json!({
            "time": "2026-11-20T23:15:02.123456Z", "event": "start_refused",
            "user": "4u738icxytb4f8spoou9mcp7fy", "account": "alice",
            "reason": "launch_failed", "step": "home_owner", "errno": 13,
        });
        assert_eq!(record.json(), expected);
        let text = record.text();
        assert!(text.starts_with("2026-11-20T23:15:02Z  "), "{text}");
        assert!(text.ends_with("account=alice user=4u738icxytb4f8spoou9mcp7fy reason=launch_failed step=home_owner errno=13"), "{text}");
    }

    #[test]
    fn what_root_did_not_send_or_is_no_decision_is_passed_over() {
        for change in [
            ("_UID", json!("1000")),
            ("_UID", json!(["0", "1000"])),
            ("_UID", Value::Null),
            ("GAGGLE_EVENT", Value::Null),
            ("__REALTIME_TIMESTAMP", json!("soon")),
        ] {
            assert_eq!(Record::parse(&line(std::slice::from_ref(&change))), None, "{change:?}");
        }
        assert_eq!(Record::parse(b"{"), None);
        assert_eq!(Record::parse(b"[]"), None);
    }

    #[test]
    fn what_a_worker_wrote_moves_no_cursor_and_forges_no_line() {
        let nasty = "x\u{1b}[2J\n2026-11-20T00:00:00Z  worker_started \u{202e}";
        let record = Record::parse(&line(&[("GAGGLE_UNATTESTED", json!(nasty))])).unwrap();
        let shown = record.text();
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown:?}");
        assert_eq!(record.json().to_string().lines().count(), 1);
        let bytes = json!([0x68, 0xff, 0x1b]);
        let record = Record::parse(&line(&[("GAGGLE_UNATTESTED", bytes)])).unwrap();
        assert!(record.text().contains("unattested=h"), "{}", record.text());
    }

    #[test]
    fn a_field_cannot_stand_in_for_the_time() {
        let record = Record::parse(&line(&[("GAGGLE_TIME", json!("never"))])).unwrap();
        assert_eq!(record.json()["time"], "2026-11-20T23:15:02.123456Z");
    }
}
