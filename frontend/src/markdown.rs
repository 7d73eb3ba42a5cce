//! Where code, links and blocks stand in a Markdown text.
//!
//! Trust: the text is anybody's. Mattermost's server and its clients each have
//! a Markdown reader of their own; callers that defend something must stay safe
//! where those readers and this one disagree.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

/// A link or an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The whole construct, in bytes of the source.
    pub whole: Range<usize>,
    /// The text that is shown; empty if there is none.
    pub text: Range<usize>,
    /// Where it leads.
    pub url: String,
    /// It is an image, which clients fetch unasked.
    pub image: bool,
    /// The text is the address itself (`<https://…>`).
    pub bare: bool,
}

/// What [`outline`] found. All ranges are in bytes, sorted by their start.
#[derive(Debug, Default)]
pub struct Outline {
    /// Code spans and code blocks, with their backticks and fences.
    pub code: Vec<Range<usize>>,
    /// Code spans alone.
    pub spans: Vec<Range<usize>>,
    /// Fenced code blocks alone.
    pub fences: Vec<Range<usize>>,
    /// Links and images.
    pub links: Vec<Link>,
    /// Where the outermost blocks begin.
    pub blocks: Vec<usize>,
}

impl Outline {
    /// The byte at `at` belongs to code.
    #[must_use]
    pub fn in_code(&self, at: usize) -> bool {
        let after = self.code.partition_point(|code| code.start <= at);
        after.checked_sub(1).and_then(|last| self.code.get(last)).is_some_and(|code| at < code.end)
    }
}

/// Reads `text` once.
#[must_use]
pub fn outline(text: &str) -> Outline {
    let mut found = Outline::default();
    let mut open: Vec<Link> = Vec::new();
    let mut depth = 0_usize;
    let text = without_tags(text);
    for (event, range) in Parser::new_ext(&text, Options::empty()).into_offset_iter() {
        if depth == 0 && !matches!(event, Event::End(_)) {
            found.blocks.push(range.start);
        }
        // A link's shown text reaches from its first child to its last.
        if let Some(link) = open.last_mut()
            && range != link.whole
        {
            link.text.start = link.text.start.min(range.start);
            link.text.end = link.text.end.max(range.end);
        }
        match event {
            Event::Start(tag) => {
                depth += 1;
                note_start(&mut found, &mut open, tag, range);
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                if matches!(end, TagEnd::Link | TagEnd::Image)
                    && let Some(link) = open.pop()
                {
                    found.links.push(finished(link));
                }
            }
            Event::Code(_) => {
                found.spans.push(range.clone());
                found.code.push(range);
            }
            _ => {}
        }
    }
    found.code.sort_by_key(|range| range.start);
    found.links.sort_by_key(|link| link.whole.start);
    found
}

/// `text`, byte for byte as long, with nothing that reads as HTML: Mattermost
/// knows none, and what stands in it is Markdown there.
fn without_tags(text: &str) -> String {
    let scheme = |after: &str| {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        end.is_some_and(|end| end > 1 && after.get(end..).is_some_and(|t| t.starts_with(':')))
    };
    let mask = |(at, c): (usize, char)| match c {
        '<' if !text.get(at + 1..).is_some_and(scheme) => '$',
        c => c,
    };
    text.char_indices().map(mask).collect()
}

fn note_start(found: &mut Outline, open: &mut Vec<Link>, tag: Tag<'_>, range: Range<usize>) {
    let (image, kind, url) = match tag {
        Tag::CodeBlock(kind) => {
            if matches!(kind, CodeBlockKind::Fenced(_)) {
                found.fences.push(range.clone());
            }
            found.code.push(range);
            return;
        }
        Tag::Link { link_type, dest_url, .. } => (false, link_type, dest_url),
        Tag::Image { link_type, dest_url, .. } => (true, link_type, dest_url),
        _ => return,
    };
    open.push(Link {
        text: range.end..range.start,
        whole: range,
        url: url.into_string(),
        image,
        bare: matches!(kind, LinkType::Autolink | LinkType::Email),
    });
}

fn finished(mut link: Link) -> Link {
    if link.text.start > link.text.end {
        let inside = link.whole.start.saturating_add(1).min(link.whole.end);
        link.text = inside..inside;
    }
    link
}

/// `text` as one code span, whatever backticks it holds; line ends become blanks,
/// and what could hide or reorder the words around it is dropped.
#[must_use]
pub fn code_span(text: &str) -> String {
    code_span_unlike(text, &BTreeSet::new())
}

/// As [`code_span`], fenced by a row of backticks whose length is not `taken`:
/// a stray row of the same length before it would close what it opens.
#[must_use]
pub fn code_span_unlike(text: &str, taken: &BTreeSet<usize>) -> String {
    let line = text.replace(['\n', '\r', '\t'], " ");
    let line: String = line.chars().filter(|c| !c.is_control() && !reorders(*c)).collect();
    if line.trim().is_empty() {
        return String::new();
    }
    let inside = tick_rows(&line);
    let length =
        (1..).find(|length| !inside.contains(length) && !taken.contains(length)).unwrap_or(1);
    let ticks = "`".repeat(length);
    if line.starts_with('`') || line.ends_with('`') {
        format!("{ticks} {line} {ticks}")
    } else {
        format!("{ticks}{line}{ticks}")
    }
}

/// Overrides and isolates of the writing direction.
pub(crate) fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The lengths of the rows of backticks in `text`.
#[must_use]
pub fn tick_rows(text: &str) -> BTreeSet<usize> {
    text.split(|c| c != '`').map(str::len).filter(|length| *length > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_in_its_three_forms() {
        let text = "a `b` c\n\n```rust\nd\n```\n\n    e\n";
        let outline = outline(text);
        let code: Vec<_> = outline.code.iter().map(|r| text[r.clone()].trim()).collect();
        assert_eq!(code, ["`b`", "```rust\nd\n```", "e"]);
        assert!(outline.in_code(text.find('d').unwrap()));
        assert!(!outline.in_code(0));
        assert_eq!(outline.fences.len(), 1);
        assert_eq!(outline.blocks.len(), 3);
    }

    #[test]
    fn a_link_knows_its_text_and_its_address() {
        let text = "see [**the** docs](https://a.b/c \"t\") and ![](x) and <https://d.e>";
        let outline = outline(text);
        let shown: Vec<_> = outline
            .links
            .iter()
            .map(|l| (&text[l.text.clone()], l.url.as_str(), l.image, l.bare))
            .collect();
        assert_eq!(
            shown,
            [
                ("**the** docs", "https://a.b/c", false, false),
                ("", "x", true, false),
                ("https://d.e", "https://d.e", false, true),
            ]
        );
    }

    #[test]
    fn a_code_span_survives_backticks() {
        assert_eq!(code_span("a"), "`a`");
        assert_eq!(code_span("a`b"), "``a`b``");
        assert_eq!(code_span("`a"), "`` `a ``");
        assert_eq!(code_span("a\nb"), "`a b`");
        assert_eq!(code_span(" \n"), "");
        assert_eq!(code_span("rm \u{202e}x\u{2066}\x1b[2J"), "`rm x[2J`");
    }
}
