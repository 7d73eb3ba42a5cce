//! Who a post calls by name, by the rules of Mattermost's server.
//!
//! Trust: the text is anybody's. A name counts where the server itself would
//! notify its owner: as a word of its own, in any case, outside code and
//! addresses. `@channel`, `@all` and `@here` call everybody and so nobody here.

use std::ops::Range;

use crate::markdown::outline;

/// The places in `text` where `@name` stands, mention sign included.
#[must_use]
pub fn find(text: &str, name: &str) -> Vec<Range<usize>> {
    let visible = visible(text);
    let mut found = Vec::new();
    for word in words(&visible) {
        if let Some(at) = mention_in(&visible, word, name) {
            found.push(at);
        }
    }
    found
}

/// `text` begins by calling somebody who is not `name`.
#[must_use]
pub fn begins_with_another(text: &str, name: &str) -> bool {
    let start = text.trim_start();
    let called: String = start
        .strip_prefix('@')
        .unwrap_or_default()
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .collect();
    let called = called.trim_end_matches(['.', '-', '_']);
    !called.is_empty() && !called.eq_ignore_ascii_case(name)
}

/// `text` without the mention that opens or closes it; one in the middle is
/// part of the sentence and stays.
#[must_use]
pub fn strip(text: &str, name: &str) -> String {
    let mut rest = text.trim();
    while let Some(at) = find(rest, name).first() {
        let before = rest.get(..at.start).unwrap_or_default();
        if !before.chars().all(|c| c.is_whitespace() || c == '*') {
            break;
        }
        let after = rest.get(at.end..).unwrap_or_default();
        rest = after
            .trim_start_matches(|c: char| before.contains('*') && c == '*')
            .trim_start_matches([',', ':'])
            .trim_start();
    }
    if let Some(at) = find(rest, name).last()
        && rest.get(at.end..).is_some_and(|after| after.trim().is_empty())
    {
        rest = rest.get(..at.start).unwrap_or_default();
    }
    rest.trim().to_owned()
}

/// `text` with code and the addresses of links blanked out, byte for byte.
fn visible(text: &str) -> String {
    let outline = outline(text);
    let mut bytes = text.as_bytes().to_vec();
    let mut blank = |range: Range<usize>| {
        if let Some(part) = bytes.get_mut(range) {
            part.fill(b' ');
        }
    };
    for code in outline.code {
        blank(code);
    }
    for link in outline.links {
        blank(link.text.end..link.whole.end);
        if link.bare {
            blank(link.text);
        }
    }
    for url in addresses(text) {
        blank(url);
    }
    // Whole constructs were blanked, so the rest still is UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Bare addresses: from a scheme to the next blank.
fn addresses(text: &str) -> Vec<Range<usize>> {
    text.match_indices("://")
        .map(|(at, _)| {
            let head = text.get(..at).unwrap_or_default();
            let scheme = head.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            let tail = text.get(at..).unwrap_or_default();
            let length = tail
                .find(|c: char| c.is_whitespace() || c == '<' || c == '>')
                .unwrap_or(tail.len());
            scheme.len()..at + length
        })
        .collect()
}

/// Runs of characters that can be part of a mention.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        let inside = c.is_alphanumeric() || matches!(c, ':' | '.' | '-' | '_' | '@');
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    words
}

fn mention_in(text: &str, word: Range<usize>, name: &str) -> Option<Range<usize>> {
    let whole = text.get(word.clone())?;
    // An emoji.
    if whole.starts_with(':') && whole.ends_with(':') {
        return None;
    }
    let kept = whole.trim_start_matches([':', '.', '-', '_']);
    let start = word.end - kept.len();
    let mut candidate = kept;
    loop {
        if is_mention(candidate, name) {
            return Some(start..start + candidate.len());
        }
        match candidate.strip_suffix([':', '.', '-', '_']) {
            Some(shorter) => candidate = shorter,
            None => break,
        }
    }
    if kept.starts_with('@') {
        return None;
    }
    let mut at = start;
    for part in kept.split(['.', '-', ':']) {
        if is_mention(part, name) {
            return Some(at..at + part.len());
        }
        at += part.len() + 1;
    }
    None
}

fn is_mention(word: &str, name: &str) -> bool {
    // Usernames are ASCII. Unequal lengths end it at once, so that a long word
    // that is tried at each of its ends costs no more than its length.
    word.strip_prefix('@').is_some_and(|called| called.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "goosebot";

    #[test]
    fn counts_where_the_server_notifies() {
        for text in [
            "@goosebot",
            "@GooseBot hi",
            "hi @goosebot.",
            "hi @goosebot, you",
            "@goosebot: hi",
            "(@goosebot)",
            "hi @goosebot!",
            "**@goosebot** hi",
            "~~@goosebot~~",
            "_@goosebot_",
            "> @goosebot hi",
            "# @goosebot",
            "| @goosebot | x |",
            "[@goosebot](http://u)",
            "![@goosebot](u)",
            "\\@goosebot",
            "<@goosebot>",
            "ok.@goosebot",
            "first line\n@goosebot second",
            "`code` @goosebot",
        ] {
            assert!(!find(text, NAME).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn does_not_count_elsewhere() {
        for text in [
            "goosebot",
            "`@goosebot`",
            "```\n@goosebot\n```",
            "~~~\n@goosebot\n~~~",
            "text\n\n    @goosebot\n",
            "hi@goosebot",
            "me@goosebot.com",
            "@goosebotX",
            "@goosebot-foo",
            "@goosebot_x",
            "@goosebot@x.y",
            "@goosebot2",
            "http://x/@goosebot",
            "[x](http://x/@goosebot)",
            "你@goosebot好",
            "@\u{200b}goosebot",
            "@channel @all @here",
            "@goose",
            ":@goosebot:",
        ] {
            assert!(find(text, NAME).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_name_may_hold_dots_and_dashes() {
        let found = find("hi @goose.bot-1. Now", "goose.bot-1");
        assert_eq!(found.first(), Some(&(3..15)));
        assert!(find("@goose.bot-12", "goose.bot-1").is_empty());
    }

    #[test]
    fn strips_the_mention_at_either_end_alone() {
        for (text, want) in [
            ("@goosebot list files", "list files"),
            ("  @GooseBot: list files ", "list files"),
            ("@goosebot, list", "list"),
            ("**@goosebot** list", "list"),
            ("list files @goosebot", "list files"),
            ("ask @goosebot about it", "ask @goosebot about it"),
            ("@goosebot who is @goosebot?", "who is @goosebot?"),
            ("@goosebot @goosebot hi", "hi"),
            ("@goosebot", ""),
            ("@goosebot\n```\nx @goosebot\n```", "```\nx @goosebot\n```"),
            ("no mention", "no mention"),
        ] {
            assert_eq!(strip(text, NAME), want, "{text:?}");
        }
    }

    #[test]
    fn knows_a_message_for_somebody_else() {
        assert!(begins_with_another("@bob look", NAME));
        assert!(!begins_with_another("@goosebot look", NAME));
        assert!(!begins_with_another("@GOOSEBOT. look", NAME));
        assert!(!begins_with_another("ask @bob", NAME));
        assert!(!begins_with_another("@ home", NAME));
    }
}
