//! The keys of `gaggle.toml`: one table, from which they are checked and
//! documented.

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What holds without it, as it would be written.
    pub default: &'static str,
}

macro_rules! keys {
    ($($section:ident { $($constant:ident = $name:literal, $default:literal, $meaning:literal;)* })*) => {
        $($(pub(super) const $constant: Key = Key {
            section: stringify!($section),
            name: $name,
            meaning: $meaning,
            default: $default,
        };)*)*
        /// All of them, in the order in which an example shows them.
        pub const KEYS: &[Key] = &[$($($constant,)*)*];
    };
}

keys! {
    mattermost {
        URL = "url", "", "address of the Mattermost server: a host or a full URL";
        TOKEN_FILE = "token_file", "", "file with the bot's token, unreadable for others; systemd's LoadCredential goes before it";
        CA_FILE = "ca_file", "", "PEM file with CAs to trust beside the system's";
        ALLOW_PLAINTEXT = "allow_plaintext", "false", "http to another machine, which anyone on the way can read and change";
        WEBSOCKET = "websocket", "true", "hear of posts at once; without, or where a proxy lets none through, they are looked for at each poll interval";
    }
    goose {
        MODE = "mode", "\"approve\"", "whether a tool that [tools] does not name runs: auto (yes), approve (after a question), smart_approve (after a question, unless Goose takes it for reading) or chat (no tools)";
        MODES_ALLOWED = "modes_allowed", "[]", "the modes that people may choose for a conversation with !mode, none looser than mode; empty: mode and all that are stricter";
        MODELS = "models", "[]", "the models that people may choose for a conversation with !model; empty: none";
        VISION = "vision", "true", "images that people send go to the model, if Goose can pass them on";
        IDLE = "idle_seconds", "600", "a Goose without a turn for so long is stopped; its conversation goes on with the next message";
        SPARE = "spare", "false", "after a conversation began, a Goose is started ahead for the person's next one, which then answers sooner; it takes some 75 MB until idle_seconds later";
        WORKER_IDLE = "worker_idle_seconds", "1800", "a person's worker without a turn for so long is ended; the next message starts it again";
        RPC_TIMEOUT = "rpc_timeout_seconds", "600", "a turn in which Goose says nothing for so long is ended";
    }
    chat {
        TRACE = "trace", "\"simplified\"", "how much of the work is shown: off, simplified (one line) or full (attachments)";
        APPROVED_USERS = "approved_users", "[]", "ids or names of those who may use the bot; empty: everyone in the user mapping";
        ALLOWED_BOTS = "allowed_bots", "[]", "ids of bots that are answered like people";
        MAX_SESSIONS = "max_sessions", "100", "conversations kept live; older ones are taken up again when they go on";
        DIRECT_MESSAGES = "direct_messages", "true", "answer direct messages";
        FOLLOW_THREAD = "follow_thread", "false", "in channels, a person may go on in the bot's answer to them without a mention";
        ANSWER_WITHIN = "answer_within_hours", "24.0", "what was written while the bot was away is answered when it is back, unless it is older than this";
        ANSWER_EDITED = "answer_edited", "false", "a post that mentions the bot only since it was edited is answered. Mattermost does not say who edited it: where admins may edit others' posts, they can ask in their names";
        ALLOW_UNSAFE_LINKS = "allow_unsafe_links", "false", "links in answers may be followed wherever they lead; otherwise their addresses are only shown";
        LINK_HOSTS = "link_hosts", "[]", "hosts to which links may be followed all the same; *.example.com for all below example.com";
        CONTEXT_TOKENS = "context_tokens", "4000", "of what else was written in a thread, so much goes along with a prompt, a token counted as four bytes; 0 for nothing";
        CONTEXT_FROM = "context_from", "\"everyone\"", "whose posts those are: everyone, or allowed (people who may use the bot)";
        DM_CONVERSATION = "dm_conversation", "\"thread\"", "what is one conversation in a direct message: thread, or continuous (all that is not in a thread)";
        POLL_INTERVAL = "poll_interval_seconds", "1.0", "pause between two looks for new posts while no WebSocket tells of them";
    }
    access {
        CHANNELS = "channels", "\"all\"", "channels and group messages in which people may ask: all, allow (channel_ids alone), block (all others) or none";
        CHANNEL_IDS = "channel_ids", "[]", "ids for channels";
        TEAMS = "teams", "\"all\"", "teams likewise; in direct and group messages those that the person is in";
        TEAM_IDS = "team_ids", "[]", "ids for teams";
        USERS = "users", "\"all\"", "people likewise; they have to be in the user mapping too";
        USER_IDS = "user_ids", "[]", "ids for users";
    }
    instructions {
        EVERYONE = "everyone", "\"\"", "what every agent is told before the first message of a conversation";
        OF_CHANNELS = "channels", "{}", "what agents are told in a channel, in a table of channel ids";
        OF_PEOPLE = "people", "{}", "what a person's agent is told, in a table of user ids";
    }
    tools {
        TOOLS_ENABLED = "enabled", "true", "without tools the agent only talks";
        TOOLS_IN_CHANNELS = "in_channels", "\"ask\"", "where others read along: off (no tools), ask (each after a question to the person) or policy (as in direct messages). Where mode is set, policy is the default";
        TOOLS_DENY = "deny", "[]", "tools that never run. Tools go by Goose's names, like shell; \"mattermost__*\" is all that begin so, \"*\" all; the rule that names a tool best holds";
        TOOLS_ASK = "ask", "[]", "tools that run after a question";
        TOOLS_ALLOW_IN_DM = "allow_in_dm", "[]", "tools that run unasked in direct messages, and after a question elsewhere";
        TOOLS_ALLOW = "allow", "[\"tree\", \"analyze\", \"read_image\", \"load_skill\"]", "tools that run unasked. Where mode is set, none is the default";
        TOOLS_MAX_FAILURES = "max_failures", "3", "a turn in which so many calls failed in a row runs no more: the agent is to say what is wrong and to ask; 0 for no limit";
    }
    files {
        FILES_RECEIVE = "receive", "true", "what people attach is stored in their agents' workspaces";
        FILES_SEND = "send", "true", "what agents put into their outbox is sent, and people fetch files with !get";
        FILES_MAX_COUNT = "max_count", "10", "most files of one post, in either direction; 1 to 10";
        FILES_MAX_SIZE = "max_size_mib", "50", "largest file, in MiB";
        FILES_MAX_TOTAL = "max_total_mib", "100", "all files of one post together, in MiB";
        FILES_INLINE_TEXT = "inline_text_kib", "16", "a text file up to this size also stands in the prompt, in KiB; 0: none does";
        FILES_MAX_IMAGE = "max_image_mib", "4", "an image up to this size goes to the model, in MiB; a larger one is a file only";
    }
    log {
        DEBUG = "debug", "false", "log methods, ids and sizes too; never what people write";
    }
}
