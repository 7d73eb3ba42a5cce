//! What people are told of commands.
//!
//! Trust: a word that is shown back was anybody's and stands in a code span.

use super::{COMMANDS, Entry, Group};
use crate::markdown::code_span;

/// So much alike are a word and the command that it was meant for.
const ALIKE: f64 = 0.82;

/// The answer to `!help`.
#[must_use]
pub fn help(bot: &str) -> String {
    let mut text = format!(
        "I pass what you write to a Goose agent that works under **your own** Linux account.\n\n\
         - In a channel, mention me: `@{bot} list my files`. In a direct message, just write.\n\
         - Each thread is a conversation of its own. Go on in it by replying.\n\
         - A second message in a thread waits until the first is answered.\n"
    );
    for group in Group::ALL {
        text.push_str(&format!("\n**{}**\n\n", group.title()));
        for entry in COMMANDS.iter().filter(|entry| entry.group == *group) {
            text.push_str(&format!("- `{}` {}\n", entry.usage(), entry.brief));
        }
    }
    text.push_str(&format!("\nIn a channel they follow my name: `@{bot} !help`."));
    text
}

/// The answer to `!help NAME`.
#[must_use]
pub fn of_one(word: &str) -> String {
    match COMMANDS.iter().find(|entry| entry.name == word) {
        Some(entry) => {
            format!("`{}` {}.\n\n{}", entry.usage(), entry.brief, entry.example)
        }
        None => unknown(word),
    }
}

/// The answer to a command whose arguments make no sense.
#[must_use]
pub fn misused(name: &str) -> String {
    match COMMANDS.iter().find(|entry| entry.name == name) {
        Some(entry) => format!(
            "I do not understand that. It is written `{}`: {}.\n\n{}",
            entry.usage(),
            entry.brief,
            entry.example
        ),
        None => unknown(name),
    }
}

/// The answer to a command that does not exist.
#[must_use]
pub fn unknown(word: &str) -> String {
    let word: String = word.chars().take(super::MAX_WORD).collect();
    let hint = match meant(&word) {
        Some(entry) => format!(" Did you mean `!{}`? It {}.", entry.name, entry.brief),
        None => String::new(),
    };
    format!(
        "I know no command {}.{hint} `!help` shows all of them. If it was for the agent, begin with another character than `!`.",
        code_span(&format!("!{word}"))
    )
}

/// The command that somebody may have meant.
fn meant(word: &str) -> Option<&'static Entry> {
    let named = |entry: &&Entry| entry.also.contains(&word);
    if let Some(entry) = COMMANDS.iter().find(named) {
        return Some(entry);
    }
    let alike = |entry: &'static Entry| (strsim::jaro_winkler(word, entry.name), entry);
    let nearest = COMMANDS.iter().map(alike).max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, entry)| entry)
}
