//! The table.
//!
//! Trust: nobody; what a row reads is anybody's text.

use super::{Command, MAX_WORD};

/// What commands are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// A turn that runs.
    Turn,
    /// The bot and the person.
    About,
}

impl Group {
    /// All, in the order in which they are shown.
    pub const ALL: &[Self] = &[Self::Turn, Self::About];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Turn => "While I work",
            Self::About => "About you and me",
        }
    }
}

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, without `!`.
    pub name: &'static str,
    /// Its arguments, as its usage shows them.
    pub arguments: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it does, in one line.
    pub brief: &'static str,
    /// How it is used, with what comes of it.
    pub example: &'static str,
    /// What people type who mean it.
    pub(super) also: &'static [&'static str],
    read: fn(&str) -> Option<Command>,
}

impl Entry {
    /// How it is written, like `!help [command]`.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("!{} {}", self.name, self.arguments).trim_end().to_owned()
    }

    /// The command with these arguments; `None` if they make no sense.
    pub(super) fn read(&self, arguments: &str) -> Option<Command> {
        (self.read)(arguments)
    }
}

/// All commands, in the order in which they are shown.
pub const COMMANDS: &[Entry] = &[
    Entry {
        name: "stop",
        arguments: "",
        group: Group::Turn,
        brief: "ends your running turn: in a thread the one there, elsewhere the one in this channel",
        example: "`!stop` keeps what was said and done until then; your next message is taken up as usual.",
        also: &["cancel", "abort", "halt", "kill", "quit", "exit"],
        // More words after it are politeness: it must never fail.
        read: |_| Some(Command::Stop),
    },
    Entry {
        name: "approve",
        arguments: "[NAME]",
        group: Group::Turn,
        brief: "lets Goose use the tool that it asks for, this once",
        example: "`!approve abcd` answers the question that shows that name, like 👍 under it; without a name it is the one in this thread.",
        also: &["allow", "yes", "ok"],
        read: |arguments| Some(Command::Approve(name(arguments))),
    },
    Entry {
        name: "deny",
        arguments: "[NAME]",
        group: Group::Turn,
        brief: "does not let Goose use it",
        example: "`!deny abcd` answers the question that shows that name, like 👎 under it.",
        also: &["reject", "refuse", "no"],
        read: |arguments| Some(Command::Deny(name(arguments))),
    },
    Entry {
        name: "whoami",
        arguments: "",
        group: Group::About,
        brief: "shows your Linux account, folders and settings",
        example: "`!whoami` also shows your Mattermost id, which your admin may want to know.",
        also: &["who", "me", "account", "id"],
        read: |arguments| bare(arguments, Command::Whoami),
    },
    Entry {
        name: "help",
        arguments: "[COMMAND]",
        group: Group::About,
        brief: "shows this, or how one command is used",
        example: "`!help stop` explains `!stop`.",
        also: &["commands", "usage", "man", "info"],
        read: help,
    },
];

/// A command that takes no arguments.
fn bare(arguments: &str, command: Command) -> Option<Command> {
    arguments.is_empty().then_some(command)
}

/// The first word, for a command that passes over the others.
fn name(arguments: &str) -> Option<String> {
    let word = arguments.split_whitespace().next()?;
    Some(word.to_ascii_lowercase().chars().take(MAX_WORD).collect())
}

fn help(arguments: &str) -> Option<Command> {
    let mut words = arguments.split_whitespace();
    let word = words.next().map(|word| word.trim_start_matches('!').to_ascii_lowercase());
    words.next().is_none().then_some(Command::Help(word))
}
