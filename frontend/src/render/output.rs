//! The end of a tool's output, as a block of code.
//!
//! Trust: the output is the agent's, and may be anybody's. It stands in a block
//! that it cannot end.

use crate::markdown::{reorders, tick_rows};

/// Most lines of it.
const LINES: usize = 12;
/// Most characters.
const CHARACTERS: usize = 900;

/// The last lines of `output`; `None` if there are none. A unified diff is marked
/// as one, so that clients show it in colours.
pub(super) fn block(output: &str) -> Option<String> {
    let text: String = output
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control() && !reorders(*c))
        .collect::<String>()
        .trim_end()
        .to_owned();
    if text.trim().is_empty() {
        return None;
    }
    let tail = tail(&text);
    let cut = if tail.len() < text.len() { "…\n" } else { "" };
    let longest = tick_rows(tail).last().copied().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let kind = if is_diff(&text) { "diff" } else { "" };
    Some(format!("{fence}{kind}\n{cut}{tail}\n{fence}"))
}

/// Whole lines from the end, but for a last one that is too long itself.
fn tail(text: &str) -> &str {
    let mut start = text.len();
    for (at, _) in text.rmatch_indices('\n').map(|(at, end)| (at + 1, end)).chain([(0, "")]) {
        let Some(lines) = text.get(at..) else { break };
        if lines.lines().count() > LINES || lines.chars().count() > CHARACTERS {
            break;
        }
        start = at;
    }
    if start < text.len() {
        return text.get(start..).unwrap_or_default();
    }
    let skipped = text.chars().count().saturating_sub(CHARACTERS);
    text.char_indices().nth(skipped).and_then(|(at, _)| text.get(at..)).unwrap_or_default()
}

/// It has a hunk's head and lines that change something.
fn is_diff(text: &str) -> bool {
    let is_head =
        |line: &str| line.starts_with("@@ -") && line.get(4..).is_some_and(|l| l.contains(" @@"));
    let mut lines = text.lines().skip_while(|line| !is_head(line)).skip(1);
    lines.any(|line| line.starts_with(['+', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_whole() {
        let output = (0..100).map(|n| format!("line {n}\n")).collect::<String>();
        let block = block(&output).unwrap();
        assert!(block.starts_with("```\n…\nline 88\n") && block.ends_with("\nline 99\n```"));
        assert_eq!(super::block("one\ntwo\n"), Some("```\none\ntwo\n```".to_owned()));
        assert_eq!(super::block(" \n\n"), None);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let block = block(&format!("first\n{}END", "é".repeat(5000))).unwrap();
        assert!(block.chars().count() < CHARACTERS + 20 && block.ends_with("éEND\n```"));
    }

    #[test]
    fn output_cannot_leave_its_block() {
        let block = block("a\n```\n@all\n````\n\u{1b}[31m\u{202e}red").unwrap();
        assert_eq!(block, "`````\na\n```\n@all\n````\n[31mred\n`````");
    }

    #[test]
    fn a_diff_is_shown_as_one() {
        let diff = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn main\n a\n-b\n+c\n";
        assert!(block(diff).unwrap().starts_with("```diff\n--- a/x\n"));
        for text in ["- a list\n+ of things", "@@ -1 no head", "@@ -1 +1 @@\n same"] {
            assert!(block(text).unwrap().starts_with("```\n"), "{text}");
        }
    }
}
