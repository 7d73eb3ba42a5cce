//! Shows addresses without making them links.
//!
//! Trust: the text is the agent's. An image is fetched by every reader's client
//! and a link's preview by the server, each with whatever the address carries;
//! so addresses become code, and so do images. Stray backticks of the text must
//! not pair with those that are put in.

use std::collections::BTreeSet;
use std::ops::Range;

use super::defuse::{BREAK, LinkPolicy};
use crate::markdown::{Link, code_span_unlike, outline, tick_rows};

/// A stretch of the source and what takes its place.
struct Edit {
    at: Range<usize>,
    with: Replacement,
}

enum Replacement {
    /// The source itself: code, or what the policy allows.
    Same,
    Text(&'static str),
    /// This, as code.
    Code(String),
    /// This as code, in parentheses, unless it is empty.
    Address(String),
}

/// `text` in which no client follows or fetches what `policy` does not allow.
pub(super) fn links(text: &str, policy: LinkPolicy) -> String {
    let outline = outline(text);
    let mut edits: Vec<Edit> = outline
        .code
        .iter()
        .map(|code| Edit { at: code.clone(), with: Replacement::Same })
        .collect();
    for link in outline.links {
        edit_link(text, link, policy, &mut edits);
    }
    edits.sort_by_key(|edit| edit.at.start);
    let mut writer = Writer {
        out: String::with_capacity(text.len() + text.len() / 8),
        stray: stray_ticks(text, &outline.code),
        policy,
    };
    let mut done = 0;
    for edit in edits {
        // A construct inside one that was replaced as a whole.
        if edit.at.start < done {
            continue;
        }
        writer.plain(text.get(done..edit.at.start).unwrap_or_default());
        writer.replace(text.get(edit.at.clone()).unwrap_or_default(), edit.with);
        done = edit.at.end;
    }
    writer.plain(text.get(done..).unwrap_or_default());
    writer.out
}

/// Rows of backticks that are no code here.
fn stray_ticks(text: &str, code: &[Range<usize>]) -> BTreeSet<usize> {
    let mut rows = BTreeSet::new();
    let mut done = 0;
    for code in code {
        rows.extend(tick_rows(text.get(done..code.start).unwrap_or_default()));
        done = done.max(code.end);
    }
    rows.extend(tick_rows(text.get(done..).unwrap_or_default()));
    rows
}

fn edit_link(text: &str, link: Link, policy: LinkPolicy, edits: &mut Vec<Edit>) {
    let mut edit = |at: Range<usize>, with| edits.push(Edit { at, with });
    if link.image {
        let source = text.get(link.whole.clone()).unwrap_or_default();
        edit(link.whole, Replacement::Code(source.to_owned()));
    } else if policy == LinkPolicy::Links {
        // Its tail is kept from being read as a bare address.
        edit(link.text.end..link.whole.end, Replacement::Same);
    } else if link.bare {
        edit(link.whole, Replacement::Code(link.url));
    } else {
        edit(link.whole.start..link.text.start, Replacement::Text(""));
        edit(link.text.end..link.whole.end, Replacement::Address(link.url));
    }
}

/// Writes the defused text.
struct Writer {
    out: String,
    stray: BTreeSet<usize>,
    policy: LinkPolicy,
}

impl Writer {
    fn replace(&mut self, source: &str, with: Replacement) {
        match with {
            Replacement::Same => self.text(source),
            Replacement::Text(text) => self.text(text),
            Replacement::Code(text) => self.code(&text),
            Replacement::Address(url) if url.trim().is_empty() => {}
            Replacement::Address(url) => {
                self.text(" (");
                self.code(&url);
                self.text(")");
            }
        }
    }

    fn text(&mut self, text: &str) {
        // Two rows of backticks must not become one.
        if self.out.ends_with('`') && text.starts_with('`') {
            self.out.push(BREAK);
        }
        self.out.push_str(text);
    }

    fn code(&mut self, text: &str) {
        // A bar would end a table's cell in the middle of the code.
        let span = code_span_unlike(&text.replace('|', "%7C"), &self.stray);
        if self.out.ends_with('\\') {
            self.out.push(BREAK);
        }
        self.text(&span);
    }

    /// Copies plain text; bare addresses become code, and what another reader
    /// might take for a link or an image is broken up.
    fn plain(&mut self, text: &str) {
        let mut rest = text;
        let mut word_start = true;
        let mut after_code = true;
        while let Some(c) = rest.chars().next() {
            if word_start
                && self.policy == LinkPolicy::Plain
                && let Some(length) = address_length(rest)
            {
                let (address, after) = rest.split_at(length);
                self.code(address);
                rest = after;
                (word_start, after_code) = (false, true);
                continue;
            }
            let (here, after) = rest.split_at(c.len_utf8());
            // Further on, a row of backticks in the source stays one.
            if after_code {
                self.text(here);
            } else {
                self.out.push(c);
            }
            after_code = false;
            let link = c == ']' && after.starts_with(['(', '[', ':']);
            let image = c == '!' && after.starts_with('[');
            if image || (link && self.policy == LinkPolicy::Plain) {
                self.out.push(BREAK);
            }
            word_start = !c.is_ascii_alphanumeric();
            rest = after;
        }
    }
}

/// Longest scheme that is looked for, in bytes.
const MAX_SCHEME: usize = 40;

/// Bytes of the address that `text` begins with: `scheme://…` or `www.…`.
fn address_length(text: &str) -> Option<usize> {
    let scheme = text
        .bytes()
        .take(MAX_SCHEME)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        .count();
    let full = scheme > 0 && text.get(scheme..).is_some_and(|tail| tail.starts_with("://"));
    let www = text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www."));
    let least = match (full, www) {
        (true, _) => scheme + "://".len(),
        (false, true) => "www.".len(),
        (false, false) => return None,
    };
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|'))
        .unwrap_or(text.len());
    let address = text
        .get(..end)
        .unwrap_or_default()
        .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_', '~']);
    (address.len() > least).then_some(address.len())
}
