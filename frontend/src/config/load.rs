//! From what was written to the settings in force.
//!
//! Trust: everything is looked at before anything is refused, so that an admin
//! mends a file once.

use std::path::Path;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use gaggle_ipc::ids::is_username;
use gaggle_ipc::session::GooseMode;

use super::problems::Findings;
use super::raw::{Found, Raw, Refusal};
use super::settings::{Settings, read};
use super::{
    ApprovedUser, Config, ConfigError, Context, ContextFrom, DirectRule, DmConversation,
    Environment, Mattermost, Mcp, MentionRule, Rules, TraceMode, address, choices, files,
    instructions, keys, lists, proxy, token, tools, variables,
};
use crate::render::Hosts;
use crate::render::defuse::LinkPolicy;

/// Longer waits are mistakes.
const DAY: Duration = Duration::from_secs(86_400);
const MAPPING_FILE: &str = "user_mapping.json";

impl Config {
    /// Reads `gaggle.toml` and `gaggle.env` in `folder` (either may be missing)
    /// and the variables in `environment`, which go before both.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(folder: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let mut findings = Findings::default();
        let f = &mut findings;
        let s = Settings::read(folder, environment, f);
        let mattermost = mattermost(&s, environment, f);
        let chat = Chat::read(&s, f);
        let goose = Goose::read(&s, f);
        let tools = tools::read_policy(&s, goose.mode, f);
        let access = lists::access(&s, f);
        let instructions = instructions::instructions(&s, f);
        let mode = goose.mode.unwrap_or(tools::DEFAULT_MODE);
        let choices = choices::read_choices(&s, mode, &tools, f);
        let mcp = mcp(&s, f);
        let files = files::read_rules(&s, f);
        let websocket = read(s.key(keys::WEBSOCKET), true, f, Raw::bool);
        let debug = read(s.either(variables::DEBUG, keys::DEBUG), false, f, Raw::bool);
        mapping(&s, f);
        match mattermost {
            Some(mattermost) if findings.problems.is_empty() => Ok(Self {
                mattermost,
                approved: chat.approved,
                allowed_bots: chat.allowed_bots,
                access,
                instructions,
                rules: chat.rules,
                answer_within: chat.answer_within,
                answer_edited: chat.answer_edited,
                trace: chat.trace,
                links: chat.links,
                context: chat.context,
                websocket,
                poll_interval: chat.poll_interval,
                max_sessions: chat.max_sessions,
                rpc_timeout: goose.rpc_timeout,
                mode,
                tools,
                choices,
                dm_conversation: chat.dm_conversation,
                files,
                goose_idle: goose.idle,
                goose_spare: goose.spare,
                worker_idle: goose.worker_idle,
                mcp,
                debug,
                notices: findings.notices,
            }),
            _ => Err(ConfigError { problems: findings.problems }),
        }
    }
}

fn mattermost(s: &Settings, environment: &Environment, f: &mut Findings) -> Option<Mattermost> {
    let url = address::read_address(s, f);
    let token = token::read_token(s, environment, f);
    let ca_file = read(s.key(keys::CA_FILE), None, f, |raw| Ok(Some(s.path(&raw.text()?))));
    let proxy = proxy::read_proxy(environment, f);
    Some(Mattermost { url: url?, token: token?, ca_file, proxy })
}

/// What `[chat]` is about.
struct Chat {
    approved: Vec<ApprovedUser>,
    allowed_bots: Vec<MattermostId>,
    rules: Rules,
    answer_within: Duration,
    answer_edited: bool,
    trace: TraceMode,
    links: LinkPolicy,
    context: Context,
    poll_interval: Duration,
    max_sessions: usize,
    dm_conversation: DmConversation,
}

impl Chat {
    fn read(s: &Settings, f: &mut Findings) -> Self {
        let approved = s.either(variables::APPROVED_USERS, keys::APPROVED_USERS);
        let poll = s.either(variables::POLL_INTERVAL, keys::POLL_INTERVAL);
        let most = s.either(variables::MAX_SESSIONS, keys::MAX_SESSIONS);
        let most = read(most, 100, f, |raw| raw.count(1, 100_000));
        Self {
            approved: read(approved, Vec::new(), f, approved_users),
            allowed_bots: read(s.key(keys::ALLOWED_BOTS), Vec::new(), f, lists::read_ids),
            rules: rules(s, f),
            answer_within: read(s.key(keys::ANSWER_WITHIN), DAY, f, |raw| {
                raw.hours(0.1, 24.0 * 365.0)
            }),
            answer_edited: read(s.key(keys::ANSWER_EDITED), false, f, Raw::bool),
            trace: trace(s, f),
            links: links(s, f),
            context: context(s, f),
            poll_interval: read(poll, Duration::from_secs(1), f, |raw| raw.seconds(0.1, 300.0)),
            max_sessions: usize::try_from(most).unwrap_or(usize::MAX),
            dm_conversation: read(
                s.key(keys::DM_CONVERSATION),
                DmConversation::default(),
                f,
                |raw| match raw.text()?.as_str() {
                    "thread" => Ok(DmConversation::Thread),
                    "continuous" => Ok(DmConversation::Continuous),
                    _ => Err("write \"thread\" or \"continuous\"".to_owned()),
                },
            ),
        }
    }
}

/// What `[goose]` is about.
struct Goose {
    /// `None` if nothing was said about it.
    mode: Option<GooseMode>,
    rpc_timeout: Duration,
    idle: Duration,
    spare: bool,
    worker_idle: Duration,
}

impl Goose {
    fn read(s: &Settings, f: &mut Findings) -> Self {
        let rpc = s.either(variables::RPC_TIMEOUT, keys::RPC_TIMEOUT);
        let default = Duration::from_secs(600);
        Self {
            mode: read(s.key(keys::MODE), None, f, |raw| {
                GooseMode::parse(&raw.text()?)
                    .map(Some)
                    .ok_or_else(|| "write auto, approve, smart_approve or chat".to_owned())
            }),
            rpc_timeout: read(rpc, default, f, |raw| raw.seconds(1.0, DAY.as_secs_f64())),
            idle: read(s.key(keys::IDLE), default, f, |raw| raw.seconds(1.0, DAY.as_secs_f64())),
            spare: read(s.key(keys::SPARE), false, f, Raw::bool),
            worker_idle: read(s.key(keys::WORKER_IDLE), 3 * default, f, |raw| {
                raw.seconds(1.0, DAY.as_secs_f64())
            }),
        }
    }
}

fn approved_users(raw: &Raw) -> Result<Vec<ApprovedUser>, Refusal> {
    raw.list()?.iter().map(|word| approved_user(word)).collect()
}

fn approved_user(word: &str) -> Result<ApprovedUser, Refusal> {
    let name = word.strip_prefix('@').unwrap_or(word).to_lowercase();
    // An id is also a possible name; nobody may come in by renaming themselves
    // to somebody's id.
    if let Ok(id) = MattermostId::new(&name) {
        return Ok(ApprovedUser::Id(id));
    }
    if !is_username(&name) {
        return Err(format!("{word:?} is neither an id nor a name like alice"));
    }
    Ok(ApprovedUser::Username(name))
}

fn rules(s: &Settings, f: &mut Findings) -> Rules {
    let direct = read(s.key(keys::DIRECT_MESSAGES), true, f, Raw::bool);
    let follow = read(s.key(keys::FOLLOW_THREAD), false, f, Raw::bool);
    let mention = if follow { MentionRule::ExceptInOwnThread } else { MentionRule::Always };
    Rules {
        direct: if direct { DirectRule::Answer } else { DirectRule::Ignore },
        group: mention,
        channel: mention,
    }
}

fn trace(s: &Settings, f: &mut Findings) -> TraceMode {
    let written =
        read(s.key(keys::TRACE), TraceMode::default(), f, |raw| match raw.text()?.as_str() {
            "off" => Ok(TraceMode::Off),
            "full" => Ok(TraceMode::Full),
            "simplified" => Ok(TraceMode::Simplified),
            _ => Err("write \"off\", \"simplified\" or \"full\"".to_owned()),
        });
    let shown = s.variable(variables::GOOSE_THINKING_TRACE);
    let shown = read(shown, written != TraceMode::Off, f, Raw::bool);
    let simplified = s.variable(variables::GOOSE_THINKING_TRACE_SIMPLIFIED);
    let simplified = read(simplified, written != TraceMode::Full, f, Raw::bool);
    match (shown, simplified) {
        (false, _) => TraceMode::Off,
        (true, false) => TraceMode::Full,
        (true, true) => TraceMode::Simplified,
    }
}

fn links(s: &Settings, f: &mut Findings) -> LinkPolicy {
    let all = read(s.key(keys::ALLOW_UNSAFE_LINKS), false, f, Raw::bool);
    let hosts = read(s.key(keys::LINK_HOSTS), Vec::new(), f, link_hosts);
    match (all, hosts.is_empty()) {
        (false, true) => LinkPolicy::Plain,
        (false, false) => LinkPolicy::Hosts(Hosts::new(hosts)),
        (true, true) => LinkPolicy::Links,
        (true, false) => {
            if let Some(found) = s.key(keys::LINK_HOSTS) {
                let sentence = "hosts count only without allow_unsafe_links";
                f.problem(&found.place, format!("{}: {sentence}", found.name));
            }
            LinkPolicy::Plain
        }
    }
}

fn link_hosts(raw: &Raw) -> Result<Vec<String>, Refusal> {
    let host = |word: &String| {
        let host = word.to_ascii_lowercase();
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let of_host = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let fits = !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(of_host);
        (fits && name.len() < 254)
            .then_some(host)
            .ok_or_else(|| format!("{word:?} is no host; write docs.example.com or *.example.com"))
    };
    raw.list()?.iter().map(host).collect()
}

fn context(s: &Settings, f: &mut Findings) -> Context {
    Context {
        tokens: read(s.key(keys::CONTEXT_TOKENS), 4000, f, |raw| raw.count(0, 50_000)),
        from: read(s.key(keys::CONTEXT_FROM), ContextFrom::Everyone, f, |raw| {
            match raw.text()?.as_str() {
                "everyone" => Ok(ContextFrom::Everyone),
                "allowed" => Ok(ContextFrom::Allowed),
                _ => Err("write \"everyone\" or \"allowed\"".to_owned()),
            }
        }),
    }
}

fn mcp(s: &Settings, f: &mut Findings) -> Mcp {
    let enabled = s.variable(variables::MCP_ENABLED);
    let host = s.variable(variables::MCP_HOST);
    let port = s.variable(variables::MCP_PORT);
    for found in [enabled, host, port].into_iter().flatten() {
        f.notice(&found.place, format!("{} is not served yet", found.name));
    }
    let enabled = read(enabled, true, f, Raw::bool);
    let listens = host.is_some() || port.is_some();
    let host = read(host, "localhost".to_owned(), f, |raw| {
        let host = raw.text()?;
        let spelled = reqwest::Url::parse(&format!("http://{host}/"));
        let same = |url: reqwest::Url| url.host_str() == Some(&host.to_ascii_lowercase());
        if spelled.is_ok_and(same) {
            Ok(host)
        } else {
            Err("write a host name or an address, like localhost or [::1]".to_owned())
        }
    });
    let port = read(port, 8080, f, |raw| raw.count(1, u32::from(u16::MAX)));
    let port = u16::try_from(port).unwrap_or(8080);
    Mcp { enabled, listener: listens.then_some((host, port)) }
}

/// The user mapping is the supervisor's, in a file of root's that this process
/// does not read: here it is only told what its variables no longer do.
fn mapping(s: &Settings, f: &mut Findings) {
    match s.variable(variables::REQUIRE_USER_MAPPING) {
        None => f.notices.push(
            "REQUIRE_USER_MAPPING is not set: only people in the user mapping are served"
                .to_owned(),
        ),
        Some(found) => {
            if !read(Some(found), true, f, Raw::bool) {
                f.notice(&found.place, "REQUIRE_USER_MAPPING=false is for the supervisor to allow: it serves people without an entry only if supervisor.toml names a fallback_account");
            }
        }
    }
    if let Some(found) = s.variable(variables::USER_MAPPING_FILE) {
        warn_of_another_mapping(s, found, f);
    }
}

fn warn_of_another_mapping(s: &Settings, found: &Found, f: &mut Findings) {
    let read_by_root = s.path(MAPPING_FILE);
    let named = found.raw.text().unwrap_or_default();
    if s.path(&named) != read_by_root {
        f.notice(
            &found.place,
            format!(
                "USER_MAPPING_FILE={named} is not read: the supervisor reads {}",
                read_by_root.display()
            ),
        );
    }
}
