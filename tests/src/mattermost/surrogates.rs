//! JSON the way Go reads it: an escaped surrogate without its other half is
//! not an error but U+FFFD.
//!
//! Trust: none; what is not JSON stays an error.

use serde_json::Value;

/// Parses a body.
pub(super) fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().or_else(|| {
        let text = std::str::from_utf8(body).ok()?;
        serde_json::from_str(&replace_lone(text)).ok()
    })
}

fn unit_of(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

fn replace_lone(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let low_follows = || {
            let low = escape.get(6..).and_then(unit_of);
            low.is_some_and(|unit| (0xdc00..0xe000).contains(&unit))
        };
        let length = match unit_of(escape) {
            Some(0xd800..0xdc00) if low_follows() => 12,
            Some(0xd800..0xe000) => {
                out.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            _ => escape.char_indices().nth(2).map_or(escape.len(), |(at, _)| at),
        };
        let (escape, after) = escape.split_at(length.min(escape.len()));
        out.push_str(escape);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lone_halves_are_replaced_and_pairs_and_backslashes_kept() {
        let read = |text: &str| parse(text.as_bytes()).and_then(|v| v.as_str().map(str::to_owned));
        assert_eq!(read(r#""a\ud800b""#).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(read(r#""\udc00""#).as_deref(), Some("\u{fffd}"));
        assert_eq!(read(r#""\ud83d\ude00 \ud800""#).as_deref(), Some("\u{1f600} \u{fffd}"));
        assert_eq!(read(r#""\\ud800 \ud800""#).as_deref(), Some("\\ud800 \u{fffd}"));
        assert_eq!(read(r#""\ud8"#), None);
    }
}
