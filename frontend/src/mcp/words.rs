//! What other people wrote, as it reaches an agent.
//!
//! Trust: none in the words. Each line of them begins with `> `, whatever some reader
//! takes for the end of a line, and signs that are not seen are taken out: nothing in
//! it can look like ours, or hide.

use std::time::{Duration, SystemTime};

/// Longest text of one post among others, in bytes.
pub(super) const IN_A_LIST: usize = 4 * 1024;
/// Longest text of a post that was asked for by itself, in bytes: the longest there is.
pub(super) const ALONE: usize = 80 * 1024;

/// `text` in quoted lines, in `limit` bytes of it at most.
pub(super) fn quote(text: &str, limit: usize) -> String {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (kept, left) = text.split_at(end);
    let clean = crate::context::clean(kept);
    let lines: Vec<_> = clean.split('\n').map(|line| format!("> {line}")).collect();
    let mut quoted = lines.join("\n");
    if !left.is_empty() {
        quoted.push_str(&format!("\n[{} more bytes are left out; read_post has all.]", left.len()));
    }
    quoted
}

/// A short text of somebody's, such as a name, in one line of at most 200 characters.
pub(super) fn line(text: &str) -> String {
    let clean = crate::context::clean(text);
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// Milliseconds since 1970 as `2026-12-01T02:03:04Z`.
pub(super) fn time(milliseconds: i64) -> String {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    time::OffsetDateTime::from(SystemTime::UNIX_EPOCH + since)
        .replace_millisecond(0)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_quotation_is_anything_but_quoted() {
        for text in ["a\nb", "a\r\nb", "a\rb", "a\u{2028}b", "a\u{85}b", "", "> a", "\n\n"] {
            let quoted = quote(text, IN_A_LIST);
            assert!(quoted.lines().all(|line| line.starts_with("> ")), "{quoted:?}");
            assert!(!quoted.contains(['\r', '\u{2028}', '\u{85}']), "{quoted:?}");
        }
        assert!(!quote("a\u{202e}b", IN_A_LIST).contains('\u{202e}'));
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        let quoted = quote(&"é".repeat(100), 11);
        assert_eq!(quoted, "> ééééé\n[190 more bytes are left out; read_post has all.]");
    }

    #[test]
    fn times_are_read_by_anybody() {
        assert_eq!(time(1_796_094_893_019), "2026-12-01T03:14:53Z");
        assert_eq!(time(-5), "1970-01-01T00:00:00Z");
    }
}
