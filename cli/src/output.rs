//! How things look: colours on terminals only, tables for people, JSON for
//! programs.
//!
//! Trust: what is shown was checked or escaped by the one who gave it.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table};
use owo_colors::{OwoColorize as _, Stream};

/// Prints a line; a closed pipe ends the output quietly.
pub(crate) fn line(text: &str) {
    // `gaggle status | head` is no error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints an error with a coloured word in front.
pub(crate) fn error(text: &str) {
    let word = "error:".if_supports_color(Stream::Stderr, |word| word.red()).to_string();
    let _ = writeln!(std::io::stderr(), "{word} {text}");
}

/// Prints something that needs attention but is no error.
pub(crate) fn notice(text: &str) {
    let word = "note:".if_supports_color(Stream::Stderr, |word| word.yellow()).to_string();
    let _ = writeln!(std::io::stderr(), "{word} {text}");
}

/// Prints what belongs to a question, where the question stands.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `good` or `bad` in a colour that says so.
pub(crate) fn verdict(good: bool, text: &str) -> String {
    if good {
        text.if_supports_color(Stream::Stdout, |text| text.green()).to_string()
    } else {
        text.if_supports_color(Stream::Stdout, |text| text.red()).to_string()
    }
}

/// `text` in the colour of what is neither good nor bad.
pub(crate) fn unsettled(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.yellow()).to_string()
}

/// `text` with everything spelled out that could move a cursor, reorder what
/// stands around it, or not be seen.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    let spelled = |c: char| if plain(c) { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(spelled).collect()
}

/// A table without borders that wraps to the terminal.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// `3 d`, `5 h`, `7 min` or `9 s`, for a span in seconds.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_or_hides_text_is_shown_as_it_is() {
        assert_eq!(escaped("EACCES: /home/bäcker (x)"), "EACCES: /home/bäcker (x)");
        for nasty in
            ['\u{1b}', '\n', '\r', '\u{202e}', '\u{2066}', '\u{200b}', '\u{9b}', '\u{fe0f}']
        {
            let shown = escaped(&format!("a{nasty}b"));
            assert!(shown.is_ascii() && shown.contains("\\u{"), "{shown}");
        }
    }

    #[test]
    fn spans_use_the_largest_whole_unit() {
        assert_eq!([0, 59, 60, 7200, 200_000].map(span), ["0 s", "59 s", "1 min", "2 h", "2 d"]);
    }
}
