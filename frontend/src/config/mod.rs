//! Everything an admin can say to the frontend.
//!
//! Trust: the files are the admin's. They are parsed once; what is unknown,
//! contradictory or unsafe is refused with file, line and what to write instead,
//! all of it in one go.

mod access;
mod address;
mod choices;
mod dotenv;
mod environment;
mod files;
mod instructions;
mod keys;
mod lists;
mod load;
mod own;
mod problems;
mod proxy;
mod raw;
mod settings;
mod token;
mod toml_file;
mod tools;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use gaggle_ipc::session::{GooseMode, Settings};
use reqwest::Url;
use secrecy::SecretString;

use crate::policy::Policy;
use crate::render::defuse::LinkPolicy;

pub use choices::Choices;
pub use environment::Environment;
pub use files::FileRules;
pub use instructions::Instructions;
pub use keys::{KEYS, Key};
pub use lists::{Access, List};
pub use problems::ConfigError;
pub use variables::{Reader, VARIABLES, Variable};

/// The settings file in the configuration folder.
pub const TOML_FILE: &str = "gaggle.toml";
/// The file of variables in the configuration folder.
pub const ENV_FILE: &str = "gaggle.env";

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach Mattermost.
    pub mattermost: Mattermost,
    /// Who may use the bot; empty = everyone whom root has in its mapping.
    pub approved: Vec<ApprovedUser>,
    /// Bots that are answered like people.
    pub allowed_bots: Vec<MattermostId>,
    /// Channels, teams and people that it works for.
    pub access: Access,
    /// Where the bot answers, and to what.
    pub rules: Rules,
    /// What is older is not answered any more.
    pub answer_within: Duration,
    /// A post that is for the bot only since it was edited is answered.
    pub answer_edited: bool,
    /// How much of the agent's doing is shown.
    pub trace: TraceMode,
    /// Which links of its answers may be followed.
    pub links: LinkPolicy,
    /// What of a thread goes along with a prompt.
    pub context: Context,
    /// What the admin tells agents.
    pub instructions: Instructions,
    /// Hear of posts over a WebSocket too.
    pub websocket: bool,
    /// Pause between two looks at Mattermost.
    pub poll_interval: Duration,
    /// A turn in which Goose says nothing for so long is ended.
    pub rpc_timeout: Duration,
    /// Threads kept live.
    pub max_sessions: usize,
    /// Whether a tool that no rule names runs.
    pub mode: GooseMode,
    /// The rules for tools.
    pub tools: Policy,
    /// What people may choose of Goose.
    pub choices: Choices,
    /// What is one conversation in a direct message.
    pub dm_conversation: DmConversation,
    /// The rules for files.
    pub files: FileRules,
    /// A Goose without a turn for so long is stopped.
    pub goose_idle: Duration,
    /// One is started ahead for the next conversation.
    pub goose_spare: bool,
    /// A person's worker without a turn for so long is ended.
    pub worker_idle: Duration,
    /// The tools that Goose gets from Mattermost.
    pub mcp: Mcp,
    /// Log methods, ids and sizes.
    pub debug: bool,
    /// What to log at start: what was assumed, ignored or should be changed.
    pub notices: Vec<String>,
}

impl Config {
    /// What every worker is told.
    #[must_use]
    pub fn worker_settings(&self) -> Settings {
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Settings {
            inactivity_ms: ms(self.rpc_timeout),
            idle_ms: ms(self.goose_idle),
            spare: self.goose_spare,
        }
    }
}

/// How to reach Mattermost.
#[derive(Debug, Clone)]
pub struct Mattermost {
    /// Its address; ends with `/`.
    pub url: Url,
    /// The bot's token.
    pub token: SecretString,
    /// A PEM file with CAs to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Proxies to go through.
    pub proxy: Proxy,
}

/// Proxies, as the usual variables name them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// `HTTP_PROXY`.
    pub http: Option<Url>,
    /// `HTTPS_PROXY`.
    pub https: Option<Url>,
    /// `NO_PROXY`: hosts to reach without one.
    pub none_for: Option<String>,
}

impl std::fmt::Debug for Proxy {
    // A proxy's address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("none_for", &self.none_for)
            .finish()
    }
}

/// One who may use the bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ApprovedUser {
    /// By the immutable id.
    Id(MattermostId),
    /// By name, in lower case; to be resolved to an id once, at start.
    Username(String),
}

/// How much of the agent's doing is shown while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TraceMode {
    /// Nothing.
    Off,
    /// Thoughts and tool calls, as attachments.
    Full,
    /// One line: `Thinking... [last action]`.
    #[default]
    Simplified,
}

/// What of a thread goes along with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// How much at most; 0 for nothing.
    pub tokens: u32,
    /// Whose posts.
    pub from: ContextFrom,
}

/// Whose posts go along with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextFrom {
    /// Everybody's.
    Everyone,
    /// Those of people who may use the bot.
    Allowed,
}

/// Where the bot answers, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Direct messages.
    pub direct: DirectRule,
    /// Group messages.
    pub group: MentionRule,
    /// Public and private channels.
    pub channel: MentionRule,
}

/// What becomes of direct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectRule {
    /// Every post is answered.
    Answer,
    /// None is.
    Ignore,
}

/// What is one conversation in a direct message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DmConversation {
    /// Each thread.
    #[default]
    Thread,
    /// All that is not in a thread, answered where it was asked.
    Continuous,
}

/// When a post has to mention the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MentionRule {
    /// Always.
    Always,
    /// Unless it continues a thread in which the bot answers this person.
    ExceptInOwnThread,
}

/// The tools that Goose gets from Mattermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mcp {
    /// Goose gets them.
    pub enabled: bool,
    /// Where outside clients are served, if anywhere: host and port.
    pub listener: Option<(String, u16)>,
}
