//! The commands people type: one table, from which they are read, explained
//! and documented.
//!
//! Trust: the text is anybody's; whether its author may ask at all is decided
//! in [`gate`](crate::gate).

mod arguments;
mod help;
mod table;

use gaggle_ipc::ModelName;
use gaggle_ipc::session::GooseMode;

pub use arguments::{Since, Unit};
pub use help::{help, misused, of_one, unknown};
pub use table::{COMMANDS, Entry, Group};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// End the caller's turn.
    Stop,
    /// Let Goose do what it asks for; which, if it was named.
    Approve(Option<String>),
    /// Do not.
    Deny(Option<String>),
    /// Send a file of the caller's workspace.
    Get(String),
    /// Begin the conversation anew, with this prompt if there is one.
    New(Option<String>),
    /// List the caller's conversations.
    Sessions,
    /// Go on with that one of them here.
    Resume(u32),
    /// Sum the thread up.
    Summarize(Option<Since>),
    /// What runs and waits.
    Status,
    /// Show the mode, or choose it.
    Mode(Option<GooseMode>),
    /// Show the models, or choose one.
    Model(Option<ModelWish>),
    /// Show nothing between the first sign and the answer, or do again.
    Quiet(Option<bool>),
    /// What the agent may use.
    Tools,
    /// What was taken so far.
    Usage,
    /// What the bot can do, or what one command does.
    Help(Option<String>),
    /// Who the caller is to Gaggle.
    Whoami,
    /// A command of that name, with arguments that make no sense.
    Misused(&'static str),
    /// Looks like a command and is none: the word, without `!`.
    Unknown(String),
}

/// A model that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelWish {
    /// The one without a choice.
    Usual,
    /// This one.
    Named(ModelName),
}

/// Longest word that is shown back, in characters.
const MAX_WORD: usize = 30;

/// The command in `text`, from which a mention was stripped. Only a `!`
/// followed by letters is one, so that `!!`, `!3` and an image are text.
#[must_use]
pub fn parse(text: &str) -> Option<Command> {
    let rest = text.trim_start().strip_prefix('!')?;
    let word = rest.split_whitespace().next()?;
    let arguments = rest.strip_prefix(word)?.trim();
    let word = word.trim_end_matches(['.', '!', ',']);
    let letters = |c: char| c.is_ascii_alphabetic() || c == '-';
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || !word.chars().all(letters) {
        return None;
    }
    let word = word.to_ascii_lowercase();
    Some(match COMMANDS.iter().find(|entry| entry.name == word) {
        Some(entry) => entry.read(arguments).unwrap_or(Command::Misused(entry.name)),
        None => Command::Unknown(word.chars().take(MAX_WORD).collect()),
    })
}

#[cfg(test)]
mod tests;
