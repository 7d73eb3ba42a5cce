//! The variables of `gaggle.env`: one table, from which they are looked up,
//! documented and checked to be complete.

/// Which process acts on a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reader {
    /// `gaggle-frontend`.
    Frontend,
    /// `gaggle-supervisor`, from its own files: here it is compared only.
    Supervisor,
    /// Checked here, and served by nobody yet.
    NobodyYet,
}

/// One variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who acts on it.
    pub reader: Reader,
    /// What it does.
    pub meaning: &'static str,
    /// What holds if it is missing or blank; empty if it has to be given.
    pub default: &'static str,
}

macro_rules! variables {
    ($($name:ident: $reader:ident, $default:literal, $meaning:literal;)*) => {
        $(pub(super) const $name: Variable = Variable {
            name: stringify!($name),
            reader: Reader::$reader,
            meaning: $meaning,
            default: $default,
        };)*
        /// All of them.
        pub const VARIABLES: &[Variable] = &[$($name,)*];
    };
}

variables! {
    MATTERMOST_URL: Frontend, "",
        "address of the Mattermost server: a host like chat.example.com, or a full URL";
    MATTERMOST_TOKEN: Frontend, "",
        "the bot's token; better kept out of this file, with LoadCredential=mattermost-token:FILE";
    MATTERMOST_SCHEME: Frontend, "https",
        "http or https; http to another machine needs allow_plaintext in gaggle.toml";
    MATTERMOST_PORT: Frontend, "443",
        "port of the server; without it 443 for https and 80 for http";
    APPROVED_USERS: Frontend, "",
        "names or ids of those who may use the bot, with commas; blank: everyone in the user mapping";
    USER_MAPPING_FILE: Supervisor, "user_mapping.json",
        "the supervisor reads the file of that name beside gaggle.env and no other; a difference is a warning";
    POLL_INTERVAL: Frontend, "1",
        "seconds between two looks for new posts while no WebSocket tells of them, fractions allowed";
    DEBUG: Frontend, "false",
        "log methods, ids and sizes too; never what people write";
    GOOSE_THINKING_TRACE: Frontend, "true",
        "show what the agent does while it works";
    GOOSE_THINKING_TRACE_SIMPLIFIED: Frontend, "true",
        "show it as one line, Thinking... [last action], instead of attachments";
    RPC_TIMEOUT: Frontend, "600",
        "seconds for which Goose may say nothing before its turn is ended";
    REQUIRE_USER_MAPPING: Supervisor, "true",
        "serve only people in the user mapping; false takes a fallback_account in supervisor.toml";
    MAX_SESSIONS: Frontend, "100",
        "conversations kept live; older ones are taken up again when they go on";
    MCP_ENABLED: NobodyYet, "true",
        "give Goose the tools that read and write Mattermost; opens no port";
    MCP_HOST: NobodyYet, "localhost",
        "where MCP clients from outside would be served";
    MCP_PORT: NobodyYet, "8080",
        "where MCP clients from outside would be served";
}
