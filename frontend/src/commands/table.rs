//! The table.
//!
//! Trust: nobody; what a row reads is anybody's text.

use super::Command;
use super::arguments::{bare, get, help, mode, model, name, new, quiet, resume, summarize};

/// What commands are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// A turn that runs.
    Turn,
    /// Conversations.
    Conversation,
    /// How the agent works.
    Manner,
    /// The bot and the person.
    About,
}

impl Group {
    /// All, in the order in which they are shown.
    pub const ALL: &[Self] = &[Self::Turn, Self::Conversation, Self::Manner, Self::About];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Turn => "While I work",
            Self::Conversation => "Conversations",
            Self::Manner => "How I work, in one conversation",
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
        name: "status",
        arguments: "",
        group: Group::Turn,
        brief: "shows what runs, what waits and what Goose asks: in a thread of that one, elsewhere of all that is yours",
        example: "`!status` also says how the thread is set, and whether I hear of messages at once.",
        also: &["ps", "running", "jobs", "ping"],
        read: |arguments| bare(arguments, Command::Status),
    },
    Entry {
        name: "new",
        arguments: "[TEXT]",
        group: Group::Conversation,
        brief: "begins anew: what was said before is not known to the agent any more",
        example: "`!new fix the tests` begins with that; `!new` alone with your next message here. `!resume` goes back.",
        also: &["clear", "reset", "restart", "forget", "begin"],
        read: new,
    },
    Entry {
        name: "sessions",
        arguments: "",
        group: Group::Conversation,
        brief: "lists your latest conversations, each with a number",
        example: "`!sessions` sends the list to you alone.",
        also: &["list", "history", "threads", "conversations", "ls"],
        read: |arguments| bare(arguments, Command::Sessions),
    },
    Entry {
        name: "resume",
        arguments: "N",
        group: Group::Conversation,
        brief: "goes on with an earlier conversation of yours in this thread",
        example: "`!resume 3` takes number 3 of `!sessions`; it then goes on here and no longer where it was.",
        also: &["continue", "load", "open", "switch"],
        read: resume,
    },
    Entry {
        name: "summarize",
        arguments: "[SINCE]",
        group: Group::Conversation,
        brief: "sums this thread up, or what was said in it of late",
        example: "`!summarize 2h` takes the last two hours; `30m`, `3d` and `1w` are times, too.",
        also: &["summary", "summarise", "tldr", "recap"],
        read: summarize,
    },
    Entry {
        name: "get",
        arguments: "PATH",
        group: Group::Conversation,
        brief: "sends a file of your workspace into this thread",
        example: "`!get reports/May.pdf` takes it from your workspace; a path may have spaces.",
        also: &["download", "fetch", "send", "file", "cat"],
        read: get,
    },
    Entry {
        name: "mode",
        arguments: "[MODE]",
        group: Group::Manner,
        brief: "shows whether tools run unasked, or chooses it: auto, smart_approve, approve or chat, as far as your admin allows",
        example: "`!mode chat` lets Goose use no tools in this conversation; `!mode` shows what may be chosen.",
        also: &["modes", "permissions"],
        read: mode,
    },
    Entry {
        name: "model",
        arguments: "[NAME]",
        group: Group::Manner,
        brief: "shows which model answers, or chooses it from your admin's list",
        example: "`!model default` goes back to the usual one.",
        also: &["models", "llm"],
        read: model,
    },
    Entry {
        name: "quiet",
        arguments: "[on/off]",
        group: Group::Manner,
        brief: "shows nothing between my first sign and the answer",
        example: "`!quiet on` in a thread of many; `!quiet off` shows my steps again.",
        also: &["silent", "mute", "verbose", "trace"],
        read: quiet,
    },
    Entry {
        name: "tools",
        arguments: "",
        group: Group::Manner,
        brief: "shows what the agent may use here, and what it has to ask for",
        example: "`!tools` in a channel and in a direct message may differ: your admin decides.",
        also: &["tool", "extensions", "policy"],
        read: |arguments| bare(arguments, Command::Tools),
    },
    Entry {
        name: "usage",
        arguments: "",
        group: Group::About,
        brief: "shows tokens and costs of this conversation, and yours of today and of 30 days",
        example: "`!usage` shows your own sums in a direct message only.",
        also: &["cost", "costs", "tokens", "spent", "context"],
        read: |arguments| bare(arguments, Command::Usage),
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
        also: &["commands", "man", "info"],
        read: help,
    },
];
