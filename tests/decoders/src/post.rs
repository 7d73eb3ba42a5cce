//! What people write, on its way to a prompt.
//!
//! Trust: none.

use crate::{commands, mentions};

const BOT: &str = "goose";

/// Mentions are found where the text has them, and what is stripped of its
/// mention is part of it.
pub(crate) fn check(text: &str) {
    for at in mentions::find(text, BOT) {
        let mention = text.get(at).unwrap_or_default();
        assert!(mention.to_ascii_lowercase().ends_with(BOT), "a mention of somebody else");
    }
    let _ = mentions::begins_with_another(text, BOT);
    let words = mentions::strip(text, BOT);
    assert!(text.contains(&words), "words that nobody wrote");
    if let Some(commands::Command::Unknown(word)) = commands::parse(&words) {
        let plain = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(plain, "a word that is not safe to be shown back");
    }
}
