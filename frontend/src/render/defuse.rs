//! Makes a text from outside harmless to those who read it.
//!
//! Trust: the text is the agent's, and whoever wrote what the agent read may
//! have had a hand in it. Left alone it could notify a whole channel, or carry
//! data away in the address of an image that every reader's client fetches.
//! Mattermost's server and clients read Markdown each in their own way, so
//! whatever one of them could take for a mention or a link is broken up, even
//! where this reader sees none. Code stays as it is where all of them see code.

use super::code::sure;
use super::hosts::Hosts;
use super::links::links;
use crate::markdown::outline;

/// What may stay clickable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkPolicy {
    /// Addresses are shown, and no client follows or fetches them.
    #[default]
    Plain,
    /// Links to these hosts as the agent wrote them.
    Hosts(Hosts),
    /// Links as the agent wrote them; images are still not fetched.
    Links,
}

impl LinkPolicy {
    /// A link to `address` may stay one.
    pub(super) fn allows(&self, address: &str) -> bool {
        match self {
            Self::Plain => false,
            Self::Hosts(hosts) => hosts.hold(address),
            Self::Links => true,
        }
    }

    /// Whatever looks like a link may stay one.
    pub(super) fn allows_all(&self) -> bool {
        *self == Self::Links
    }
}

/// Stands after a mention sign that must not call anybody.
pub(super) const BREAK: char = '\u{200b}';

/// `text` without mentions, links (as `policy` says), images and control
/// characters that could do harm. Doing it again changes nothing.
#[must_use]
pub fn defuse(text: &str, policy: &LinkPolicy) -> String {
    mentions(&links(&clean(text), policy))
}

/// Drops NUL, other control characters and overrides of the writing direction.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| match c {
            '\n' | '\t' => true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
            c => !c.is_control(),
        })
        .collect()
}

/// Puts a [`BREAK`] after every mention sign outside code that could call
/// somebody, however the sign is written.
fn mentions(text: &str) -> String {
    let code = sure(text, &outline(text));
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let sign = if code.contains(at) { None } else { sign_length(rest) };
        let Some(length) = sign else {
            out.push(c);
            before = c;
            continue;
        };
        skip_to = at + length;
        let next = rest.get(length..).and_then(|after| after.chars().next());
        out.push('@');
        // Inside a word of plain letters (`me@example.org`) it calls nobody.
        let harmless = before.is_ascii_alphanumeric()
            || next.is_none_or(|next| next == BREAK || next.is_whitespace());
        if !harmless {
            out.push(BREAK);
        }
        before = '@';
    }
    out
}

/// Bytes of the mention sign that `text` begins with: itself or an entity.
fn sign_length(text: &str) -> Option<usize> {
    if text.starts_with('@') {
        return Some(1);
    }
    let body = text.strip_prefix('&')?;
    let end = body.bytes().take(12).position(|b| b == b';')?;
    let name = body.get(..end)?.to_ascii_lowercase();
    let sign = name == "commat"
        || name.strip_prefix("#x").is_some_and(|hex| u32::from_str_radix(hex, 16) == Ok(0x40))
        || name.strip_prefix('#').is_some_and(|number| number.parse() == Ok(64_u32));
    sign.then_some(end + 2)
}

/// `text` in which no mention sign is left, for the rare piece that came out of
/// splitting over its limit. Never longer than `text`.
#[must_use]
pub fn without_signs(text: &str) -> String {
    text.replace('@', "＠")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        defuse(text, &LinkPolicy::Plain)
    }

    #[test]
    fn mentions_outside_code_call_nobody() {
        for name in ["channel", "all", "here", "ALL", "alice", "a.b-c_d"] {
            for (text, want) in [
                ("@N hi", "@\u{200b}N hi"),
                ("hi @N.", "hi @\u{200b}N."),
                ("**@N**", "**@\u{200b}N**"),
                ("\\@N", "\\@\u{200b}N"),
                ("ok.@N", "ok.@\u{200b}N"),
                ("é@N", "é@\u{200b}N"),
                ("@@N", "@\u{200b}@\u{200b}N"),
                ("&#64;N", "@\u{200b}N"),
                ("&#x0040;N", "@\u{200b}N"),
                ("&commat;N", "@\u{200b}N"),
                ("@[N](http://x)", "@\u{200b}N (`http://x`)"),
            ] {
                let (text, want) = (text.replace('N', name), want.replace('N', name));
                assert_eq!(plain(&text), want, "{text:?}");
            }
        }
    }

    #[test]
    fn code_and_mail_addresses_stay() {
        for text in [
            "`@channel`",
            "```\n@all https://x.y ![](z)\n```",
            "me@example.org",
            "a @ b",
            "5 > 3 & #64;",
            "`[c](d)` and `http://b`",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn no_client_fetches_or_follows_an_address() {
        for (text, want) in [
            ("![a](http://e.vil/?q=s)", "`!\u{200b}[a](http://e.vil/?q=s)`"),
            ("[docs](https://a.b)", "docs (`https://a.b`)"),
            ("see https://a.b/c.", "see `https://a.b/c`."),
            ("(www.a.b)", "(`www.a.b`)"),
            ("www2.a.b/?q", "`www2.a.b/?q`"),
            ("<https://a.b>", "`https://a.b`"),
            ("[![a](http://b)](http://c)", "`!\u{200b}[a](http://b)` (`http://c`)"),
            ("[a][r]\n\n[r]: http://b", "a (`http://b`)\n\n[r]\u{200b}: `http://b`"),
            ("![a](http://b c)", "!\u{200b}[a]\u{200b}(`http://b` c)"),
            ("[a](//b.c/d)", "a (`//b.c/d`)"),
            ("HTTPS://A.B", "`HTTPS://A.B`"),
            ("https://x![", "`https://x!\u{200b}[`"),
        ] {
            assert_eq!(plain(text), want, "{text:?}");
        }
    }

    #[test]
    fn with_links_allowed_images_still_are_not_fetched() {
        let text = "[docs](https://a.b) https://c.d ![e](http://f)";
        assert_eq!(
            defuse(text, &LinkPolicy::Links),
            "[docs](https://a.b) https://c.d `!\u{200b}[e](http://f)`"
        );
    }

    #[test]
    fn of_links_those_to_listed_hosts_stay() {
        let hosts = Hosts::new(vec!["a.b".to_owned()]);
        for (text, want) in [
            ("[docs](https://a.b/c) https://a.b/d.", "[docs](https://a.b/c) https://a.b/d."),
            ("<https://a.b> (https://a.b)", "<https://a.b> (https://a.b)"),
            ("[docs](https://e.vil) https://e.vil", "docs (`https://e.vil`) `https://e.vil`"),
            ("[a](https://a.b@e.vil)", "a (`https://a.b@e.vil`)"),
            ("[https://e.vil](https://a.b)", "[`https://e.vil`](https://a.b)"),
            ("[https://a.b](https://e.vil)", "https://a.b (`https://e.vil`)"),
            ("[a][r]\n\n[r]: https://a.b", "a (`https://a.b`)\n\n[r]\u{200b}: https://a.b"),
            ("![e](https://a.b/f)", "`!\u{200b}[e](https://a.b/f)`"),
            ("www.a.b", "`www.a.b`"),
            ("[a](https://a.b \"t\")", "[a](https://a.b \"t\")"),
        ] {
            let policy = LinkPolicy::Hosts(hosts.clone());
            let once = defuse(text, &policy);
            assert_eq!(once, want, "{text:?}");
            assert_eq!(defuse(&once, &policy), once, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_stored_or_lies_to_the_eye_is_dropped() {
        assert_eq!(plain("a\0b\u{1b}[31mc\u{202e}d\te\r\n"), "ab[31mcd\te\n");
    }

    proptest! {
        #[test]
        fn doing_it_again_changes_nothing_and_no_mention_survives(
            text in "([a@!`\\[\\]()<>&#;:/ \n.*_~]|@all|https://x|!\\[a\\]\\(b\\)|```\n){0,40}"
        ) {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once.clone());
            prop_assert!(crate::mentions::find(&once, "all").is_empty(), "{:?}", once);
            prop_assert!(outline(&once).links.iter().all(|link| !link.image), "{:?}", once);
        }
    }
}
