//! Shows addresses without making them links.
//!
//! Trust: the text is the agent's. An image is fetched by every reader's client
//! and a link's preview by the server, each with whatever the address carries;
//! so addresses become code, and so do images. Stray backticks of the text must
//! not pair with those that are put in.

use std::collections::BTreeSet;
use std::ops::Range;

use super::code::{ends_with_address, has_tag, sure};
use super::defuse::{BREAK, LinkPolicy};
use crate::markdown::{Link, code_span_unlike, outline};

/// A stretch of the source and what takes its place.
struct Edit {
    at: Range<usize>,
    with: Replacement,
}

enum Replacement {
    /// The source itself: code, or what the policy allows.
    Same,
    /// The source, broken up: code that not every reader takes for code.
    Broken,
    Text(&'static str),
    /// This, as code.
    Code(String),
    /// This as code, in parentheses, unless it is empty.
    Address(String),
}

/// `text` in which no client follows or fetches what `policy` does not allow.
pub(super) fn links(text: &str, policy: &LinkPolicy) -> String {
    let outline = outline(text);
    let sure = sure(text, &outline);
    let fenced =
        |code: &Range<usize>| outline.fences.binary_search_by_key(&code.start, |f| f.start).is_ok();
    let mut edits: Vec<Edit> = outline
        .code
        .iter()
        .map(|code| {
            // Some clients take emphasis before code spans, which cuts them open.
            let image = !fenced(code) && text.get(code.clone()).is_some_and(|c| c.contains("!["));
            let same = sure.contains(code.start) && !image;
            let with = if same { Replacement::Same } else { Replacement::Broken };
            Edit { at: code.clone(), with }
        })
        .collect();
    for link in outline.links {
        edit_link(text, link, policy, &mut edits);
    }
    edits.sort_by_key(|edit| edit.at.start);
    let mut writer = Writer {
        out: String::with_capacity(text.len() + text.len() / 8),
        stray: stray_ticks(text, &sure.code).union(&sure.taken).copied().collect(),
        policy,
        tag: false,
        scanned: 0,
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
        rows.extend(super::code::rows(text.get(done..code.start).unwrap_or_default()));
        done = done.max(code.end);
    }
    rows.extend(super::code::rows(text.get(done..).unwrap_or_default()));
    rows
}

fn edit_link(text: &str, link: Link, policy: &LinkPolicy, edits: &mut Vec<Edit>) {
    let mut edit = |at: Range<usize>, with| edits.push(Edit { at, with });
    if link.image {
        let source = text.get(link.whole.clone()).unwrap_or_default();
        edit(link.whole, Replacement::Code(source.replace("![", &format!("!{BREAK}["))));
    } else if policy.allows_all() || (policy.allows(&link.url) && is_whole(text, &link)) {
        // Its tail is kept from being read as a bare address.
        edit(link.text.end..link.whole.end, Replacement::Same);
    } else if link.bare {
        edit(link.whole, Replacement::Code(link.url));
    } else {
        edit(link.whole.start..link.text.start, Replacement::Text(""));
        edit(link.text.end..link.whole.end, Replacement::Address(link.url));
    }
}

/// The link has its address with it: one that stands elsewhere is broken up there.
fn is_whole(text: &str, link: &Link) -> bool {
    let tail = text.get(link.text.end..link.whole.end).unwrap_or_default();
    link.bare || (tail.starts_with("](") && tail.ends_with(')'))
}

/// Writes the defused text.
struct Writer<'a> {
    out: String,
    stray: BTreeSet<usize>,
    policy: &'a LinkPolicy,
    /// The paragraph may hold a tag, as far as was looked.
    tag: bool,
    scanned: usize,
}

impl Writer<'_> {
    fn replace(&mut self, source: &str, with: Replacement) {
        match with {
            Replacement::Same => self.text(source),
            Replacement::Broken => self.broken(source),
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
        // There a client may see no backticks.
        if self.in_tag() {
            return self.broken(text);
        }
        // A backtick of its own could pair with another one, and some clients
        // look for images before they look for code.
        let text = text.replace('|', "%7C").replace('`', "'");
        let text = text.replace("![", &format!("!{BREAK}["));
        let span = code_span_unlike(&text, &self.stray);
        if ends_with_address(&self.out) {
            self.out.push(' ');
        }
        if self.out.ends_with('\\') {
            self.out.push(BREAK);
        }
        self.text(&span);
    }

    /// What follows may stand in a tag.
    fn in_tag(&mut self) -> bool {
        let new = self.out.get(self.scanned..).unwrap_or_default();
        let paragraph = match new.rsplit_once("\n\n") {
            Some((_, paragraph)) => {
                self.tag = false;
                paragraph
            }
            None => new,
        };
        self.tag |= has_tag(paragraph);
        self.scanned = self.out.len();
        self.tag
    }

    /// Copies text so that it is no link, image or address in any reader, and
    /// still reads well as code.
    fn broken(&mut self, text: &str) {
        let mut first = true;
        for (at, c) in text.char_indices() {
            let after = text.get(at + c.len_utf8()..).unwrap_or_default();
            if first {
                self.text(text.get(at..at + c.len_utf8()).unwrap_or_default());
            } else {
                self.out.push(c);
            }
            first = false;
            let link = match c {
                ']' => after.starts_with(['(', '[', ':']),
                ':' => after.starts_with("//"),
                'w' | 'W' => is_www(text.get(..at).unwrap_or_default(), after),
                _ => false,
            };
            let image = c == '!' && after.starts_with('[');
            if image || (link && !self.policy.allows_all()) {
                self.out.push(BREAK);
            }
        }
    }

    /// Copies plain text; bare addresses become code, and what another reader
    /// might take for a link or an image is broken up.
    fn plain(&mut self, text: &str) {
        let mut rest = text;
        let mut word_start = true;
        let mut after_code = true;
        while let Some(c) = rest.chars().next() {
            if word_start
                && !self.policy.allows_all()
                && let Some(length) = address_length(rest)
            {
                let (address, after) = rest.split_at(length);
                if self.policy.allows(address) {
                    self.text(address);
                } else {
                    self.code(address);
                }
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
            if image || (link && !self.policy.allows_all()) {
                self.out.push(BREAK);
            }
            word_start = !c.is_ascii_alphanumeric();
            rest = after;
        }
    }
}

/// `before`, a `w` and `after` make `www.` or `www2.`: that is an address.
fn is_www(before: &str, after: &str) -> bool {
    let head = before.get(before.len().saturating_sub(2)..).unwrap_or_default();
    head.eq_ignore_ascii_case("ww") && www_digits(after).is_some()
}

/// How many digits, up to three, stand before the dot that `text` goes on with.
fn www_digits(text: &str) -> Option<usize> {
    let digits = text.bytes().take(4).take_while(u8::is_ascii_digit).count();
    (digits <= 3 && text.get(digits..)?.starts_with('.')).then_some(digits)
}

/// Longest scheme that is looked for, in bytes.
const MAX_SCHEME: usize = 40;

/// Bytes of the address that `text` begins with: `scheme://…`, `www.…` or
/// `www2.…`, which the server takes for one too.
fn address_length(text: &str) -> Option<usize> {
    let scheme = text
        .bytes()
        .take(MAX_SCHEME)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        .count();
    let full = scheme > 0 && text.get(scheme..).is_some_and(|tail| tail.starts_with("://"));
    let www = text
        .get(..3)
        .filter(|head| head.eq_ignore_ascii_case("www"))
        .and_then(|head| www_digits(text.get(head.len()..)?));
    let least = match (full, www) {
        (true, _) => scheme + "://".len(),
        (false, Some(digits)) => "www.".len() + digits,
        (false, None) => return None,
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
