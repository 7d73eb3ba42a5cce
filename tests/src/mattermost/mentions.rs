//! Whom a text mentions, by the server's own rules: words outside code that
//! are `@name`, possibly followed by punctuation.
//!
//! Trust: none in the text; it can mention only members of its channel.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::ids::Id;

/// What may be mentioned, with its `@`, in lower case: whom that means.
pub(super) type Keywords = BTreeMap<String, Vec<Id>>;

/// What a text mentions.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) users: BTreeSet<Id>,
    /// Names after an `@` that are nobody's here, without the `@`.
    pub(super) others: BTreeSet<String>,
}

/// Collects the mentions of a Markdown text.
pub(super) fn find(markdown: &str, keywords: &Keywords, found: &mut Mentions) {
    let (mut text, mut in_code) = (String::new(), false);
    for event in Parser::new_ext(markdown, Options::empty()) {
        match event {
            Event::Text(part) | Event::Html(part) | Event::InlineHtml(part) if !in_code => {
                text.push_str(&part);
                continue;
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            _ => {}
        }
        scan(&std::mem::take(&mut text), keywords, found);
    }
    scan(&text, keywords, found);
}

fn is_word(c: char) -> bool {
    ":.-_@".contains(c) || c.is_alphabetic() || c.is_numeric()
}

fn scan(text: &str, keywords: &Keywords, found: &mut Mentions) {
    let plain = text.split_whitespace().filter(|chunk| !chunk.contains("://"));
    for word in plain.flat_map(|chunk| chunk.split(|c| !is_word(c))) {
        let emoji = word.starts_with(':') && word.ends_with(':');
        if word.is_empty() || emoji {
            continue;
        }
        let word = word.trim_start_matches([':', '.', '-', '_']);
        if !look_up_trimmed(word, keywords, found) {
            look_up_parts(word, keywords, found);
        }
    }
}

fn look_up(word: &str, keywords: &Keywords, found: &mut Mentions) -> bool {
    let Some(users) = keywords.get(&word.to_lowercase()) else { return false };
    found.users.extend(users);
    true
}

/// The word itself, then without one trailing mark after the other.
fn look_up_trimmed(word: &str, keywords: &Keywords, found: &mut Mentions) -> bool {
    let mut rest = word;
    loop {
        if look_up(rest, keywords, found) {
            return true;
        }
        let Some(shorter) = rest.strip_suffix(['.', '-', ':', '_']) else { return false };
        rest = shorter;
    }
}

fn look_up_parts(word: &str, keywords: &Keywords, found: &mut Mentions) {
    let other = |name: &str, found: &mut Mentions| {
        if !matches!(name, "" | "here" | "channel" | "all") {
            found.others.insert(name.to_owned());
        }
    };
    if let Some(name) = word.strip_prefix('@') {
        other(name.strip_suffix(['.', '-', ':']).unwrap_or(name), found);
        return;
    }
    for part in word.split(['.', '-', ':']).filter(|part| *part != word) {
        if !look_up(part, keywords, found)
            && let Some(name) = part.strip_prefix('@')
        {
            other(name, found);
        }
    }
}
