//! The configuration as an admin meets it: every variable, and what is said
//! when something is wrong.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod address;
mod examples;
mod token;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use gaggle_frontend::config::{
    Access, ApprovedUser, Config, DirectRule, Environment, Instructions, List, MentionRule, Reader,
    TraceMode, VARIABLES,
};
use gaggle_ipc::MattermostId;
use gaggle_ipc::session::GooseMode;
use secrecy::ExposeSecret;
use tempfile::TempDir;

const TOKEN: &str = "MATTERMOST_TOKEN=abc\n";
const BASE: &str = "MATTERMOST_URL=chat.example.com\nMATTERMOST_TOKEN=abc\n";

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o640)).unwrap();
}

/// A configuration folder.
struct Folder(TempDir);

impl Folder {
    fn new(toml: &str, env: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        write(&folder.path("gaggle.toml"), toml);
        write(&folder.path("gaggle.env"), env);
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<Config, Vec<String>> {
        self.load_in(&[])
    }

    fn load_in(&self, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment: Environment = environment.iter().copied().collect();
        Config::load(self.0.path(), &environment).map_err(|error| error.problems)
    }
}

fn env(text: &str) -> Config {
    Folder::new("", text).load().unwrap()
}

fn with(line: &str) -> Config {
    env(&format!("{BASE}{line}\n"))
}

fn toml(text: &str) -> Config {
    Folder::new(text, BASE).load().unwrap()
}

/// The only problem there is.
fn problem(toml: &str, env: &str) -> String {
    let problems = Folder::new(toml, env).load().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[test]
fn the_table_has_the_sixteen_variables() {
    let mut names: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    names.sort_unstable();
    let expected = [
        "APPROVED_USERS",
        "DEBUG",
        "GOOSE_THINKING_TRACE",
        "GOOSE_THINKING_TRACE_SIMPLIFIED",
        "MATTERMOST_PORT",
        "MATTERMOST_SCHEME",
        "MATTERMOST_TOKEN",
        "MATTERMOST_URL",
        "MAX_SESSIONS",
        "MCP_ENABLED",
        "MCP_HOST",
        "MCP_PORT",
        "POLL_INTERVAL",
        "REQUIRE_USER_MAPPING",
        "RPC_TIMEOUT",
        "USER_MAPPING_FILE",
    ];
    assert_eq!(names, expected);
}

#[test]
fn blank_variables_mean_the_defaults() {
    let blank: String = VARIABLES
        .iter()
        .filter(|variable| !BASE.contains(variable.name))
        .map(|variable| format!("{}=\n", variable.name))
        .collect();
    let config = with(&blank);
    assert_eq!(config.mattermost.url.as_str(), "https://chat.example.com/");
    assert_eq!(config.poll_interval, Duration::from_secs(1));
    assert_eq!(config.rpc_timeout, Duration::from_secs(600));
    assert_eq!(config.trace, TraceMode::Simplified);
    assert_eq!((config.max_sessions, config.debug), (100, false));
    assert_eq!(config.approved, []);
    assert_eq!((config.mcp.enabled, config.mcp.listener), (true, None));
    assert_eq!((config.mode, config.rules.direct), (GooseMode::Approve, DirectRule::Answer));
}

#[test]
fn the_four_trace_combinations() {
    for (trace, simplified, expected) in [
        ("true", "true", TraceMode::Simplified),
        ("true", "false", TraceMode::Full),
        ("false", "true", TraceMode::Off),
        ("false", "false", TraceMode::Off),
    ] {
        let lines =
            format!("GOOSE_THINKING_TRACE={trace}\nGOOSE_THINKING_TRACE_SIMPLIFIED={simplified}");
        assert_eq!(with(&lines).trace, expected, "{lines}");
    }
    let full = Folder::new("[chat]\ntrace = \"full\"\n", BASE);
    assert_eq!(full.load().unwrap().trace, TraceMode::Full);
    let hidden = full.load_in(&[("GOOSE_THINKING_TRACE", "no")]).unwrap();
    assert_eq!(hidden.trace, TraceMode::Off);
}

#[test]
fn numbers_and_switches_are_read_and_bounded() {
    assert_eq!(with("POLL_INTERVAL=0.5").poll_interval, Duration::from_millis(500));
    assert_eq!(with("RPC_TIMEOUT=30").rpc_timeout, Duration::from_secs(30));
    assert_eq!(with("MAX_SESSIONS=7").max_sessions, 7);
    assert!(with("DEBUG=True").debug);
    assert!(!with("MCP_ENABLED=false").mcp.enabled);
    let listener = with("MCP_HOST=127.0.0.1\nMCP_PORT=9000").mcp.listener;
    assert_eq!(listener, Some(("127.0.0.1".to_owned(), 9000)));
    for line in [
        "POLL_INTERVAL=0",
        "POLL_INTERVAL=soon",
        "RPC_TIMEOUT=-1",
        "MAX_SESSIONS=0",
        "MAX_SESSIONS=1.5",
        "DEBUG=maybe",
        "MCP_ENABLED=2",
        "MCP_PORT=0",
        "MCP_HOST=a b",
        "REQUIRE_USER_MAPPING=perhaps",
        "GOOSE_THINKING_TRACE=x",
        "APPROVED_USERS=al ice",
        "GOOSE_THINKING_TRACE_SIMPLIFIED=x",
    ] {
        let problem = problem("", &format!("{BASE}{line}\n"));
        let name = line.split('=').next().unwrap();
        assert!(problem.contains(name) && problem.contains("gaggle.env line 3"), "{problem}");
    }
}

#[test]
fn approved_users_are_ids_or_names() {
    let id = "zo3yx6gsxbf8ppuaojzhiaj1yw";
    let config = with(&format!("APPROVED_USERS= Alice, @bob.b ,,{id}"));
    let name = |name: &str| ApprovedUser::Username(name.to_owned());
    let by_id = ApprovedUser::Id(MattermostId::new(id).unwrap());
    assert_eq!(config.approved, [name("alice"), name("bob.b"), by_id]);
}

#[test]
fn what_the_supervisor_decides_is_a_notice_here() {
    let notice = |config: &Config, says: &str| config.notices.iter().any(|n| n.contains(says));
    assert!(notice(&with(""), "REQUIRE_USER_MAPPING is not set"));
    assert!(notice(&with("REQUIRE_USER_MAPPING=false"), "fallback_account"));
    assert!(!notice(&with("REQUIRE_USER_MAPPING=true"), "REQUIRE_USER_MAPPING"));
    assert!(notice(&with("USER_MAPPING_FILE=/srv/map.json"), "USER_MAPPING_FILE=/srv/map.json"));
    assert!(!notice(&with("USER_MAPPING_FILE=user_mapping.json"), "USER_MAPPING_FILE"));
    for line in ["MCP_ENABLED=true", "MCP_HOST=localhost", "MCP_PORT=8080"] {
        assert!(notice(&with(line), "not served yet"), "{line}");
    }
    assert!(notice(&with("GOOSE_MODEL=x"), "GOOSE_MODEL is unknown"));
    assert!(notice(&with("POL_INTERVAL=1"), "did you mean POLL_INTERVAL?"));
}

#[test]
fn every_variable_changes_or_says_something() {
    // What each variable may be set to beside its default.
    let other = |name: &str| match name {
        "MATTERMOST_URL" => "other.example.com",
        "MATTERMOST_TOKEN" => "other",
        "MATTERMOST_SCHEME" => "https",
        "MATTERMOST_PORT" | "MCP_PORT" => "444",
        "APPROVED_USERS" => "alice",
        "USER_MAPPING_FILE" => "/other.json",
        "POLL_INTERVAL" | "RPC_TIMEOUT" | "MAX_SESSIONS" => "7",
        "MCP_HOST" => "127.0.0.1",
        "DEBUG" => "true",
        _ => "false",
    };
    let folder = Folder::new("", BASE);
    let show = |config: Config| {
        let token = config.mattermost.token.expose_secret().to_owned();
        format!("{config:?} {token}")
    };
    let before = show(folder.load().unwrap());
    for variable in VARIABLES {
        let value = other(variable.name);
        let now = show(folder.load_in(&[(variable.name, value)]).unwrap());
        // https is the only scheme that goes with another machine.
        let same = variable.name == "MATTERMOST_SCHEME";
        assert_eq!(now == before, same, "{}", variable.name);
        assert!(!variable.meaning.is_empty());
    }
    let unserved = VARIABLES.iter().filter(|variable| variable.reader == Reader::NobodyYet);
    assert!(unserved.into_iter().all(|variable| variable.name.starts_with("MCP_")));
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_toml() {
    let folder = Folder::new("[chat]\nmax_sessions = 1\n", &format!("{BASE}MAX_SESSIONS=2\n"));
    assert_eq!(folder.load().unwrap().max_sessions, 2);
    assert_eq!(folder.load_in(&[("MAX_SESSIONS", "3")]).unwrap().max_sessions, 3);
    assert_eq!(toml("[chat]\nmax_sessions = 1\n").max_sessions, 1);
}

#[test]
fn a_choice_of_modes_is_never_looser_than_the_mode() {
    use GooseMode::{Approve, Auto, Chat, SmartApprove};
    for (lines, allowed) in [
        ("", vec![Approve, Chat]),
        ("[goose]\nmode = \"auto\"", vec![Auto, SmartApprove, Approve, Chat]),
        ("[goose]\nmode = \"approve\"", vec![Approve, Chat]),
        ("[goose]\nmode = \"auto\"\nmodes_allowed = [\"auto\"]", vec![Auto]),
        ("[goose]\nmode = \"auto\"\nmodes_allowed = [\"chat\"]", vec![Auto, Chat]),
        // There Goose itself decides what is asked, and no rule of the admin's.
        ("[goose]\nmode = \"auto\"\n[tools]\ndeny = [\"shell\"]", vec![Auto, Approve, Chat]),
    ] {
        assert_eq!(toml(&format!("{lines}\n")).choices.modes, allowed, "{lines}");
    }
    for (lines, refusal) in [
        (
            "mode = \"approve\"\nmodes_allowed = [\"auto\"]",
            "auto is looser than mode = \"approve\"",
        ),
        ("modes_allowed = [\"smart_approve\"]", "smart_approve is looser than"),
        (
            "mode = \"auto\"\nmodes_allowed = [\"smart_approve\"]\n[tools]\nask = [\"shell\"]",
            "would not hold",
        ),
        ("modes_allowed = [\"ask\"]", "write auto, approve"),
        ("models = [\"a b\"]", "\"a b\" is not a model's name"),
    ] {
        let told = problem(&format!("[goose]\n{lines}\n"), BASE);
        assert!(told.contains(refusal), "{told}");
    }
    let models = toml("[goose]\nmodels = [\"gpt-4o\", \"org/model:tag\"]\n").choices.models;
    assert_eq!(models.iter().map(|model| model.as_str()).next_back(), Some("org/model:tag"));
}

#[test]
fn rules_and_mode_come_from_toml() {
    let config = toml(
        "[goose]\nmode = \"smart_approve\"\nidle_seconds = 90\nworker_idle_seconds = 3600\n\
         [chat]\ndirect_messages = false\nfollow_thread = true\n\
         allowed_bots = [\"zo3yx6gsxbf8ppuaojzhiaj1yw\"]\n",
    );
    assert_eq!(config.mode, GooseMode::SmartApprove);
    assert_eq!(config.goose_idle, Duration::from_secs(90));
    assert_eq!(config.worker_idle, Duration::from_secs(3600));
    assert_eq!(config.rules.direct, DirectRule::Ignore);
    assert_eq!(config.rules.channel, MentionRule::ExceptInOwnThread);
    assert_eq!(config.allowed_bots.len(), 1);
}

#[test]
fn a_wrong_key_is_named_with_its_line_and_the_right_spelling() {
    for (text, says) in [
        ("[chat]\n\ntrase = \"off\"\n", "line 3: [chat] has no key trase; write trace"),
        ("[chatt]\n", "line 1: there is no section [chatt]; write [chat]"),
        ("url = \"x\"\n", "line 1: url belongs below [mattermost]"),
        ("[log]\nmode = \"auto\"\n", "line 2: mode belongs below [goose], not [log]"),
        ("[log]\nzzzzzzzzzz = 1\n", "line 2: [log] has no key zzzzzzzzzz; it has debug"),
        ("[chat]\ntrace = \"loud\"\n", "line 2: trace in [chat]: write \"off\""),
        ("[chat]\ntrace = 1\n", "line 2: trace in [chat]: write text in quotes"),
        ("[chat]\nallowed_bots = [\"bot\"]\n", "line 2: allowed_bots in [chat]: \"bot\" is no id"),
        ("[chat]\nmax_sessions = \"9\"\n", "line 2: max_sessions in [chat]: write a whole number"),
        ("[chat]\ntrace = \n", "line 2: this is no TOML"),
        ("[access]\nusers = \"some\"\n", "line 2: users in [access]: write \"all\", \"allow\""),
        ("[access]\nusers = true\n", "line 2: users in [access]: write text in quotes"),
        ("[access]\nteams = \"allow\"\n", "line 2: teams in [access]: \"allow\" without ids"),
        ("[access]\nteams = \"block\"\n", "line 2: teams in [access]: \"block\" without ids"),
        ("[access]\nteam_ids = [\"myteam\"]\nteams = \"allow\"\n", "\"myteam\" is no id"),
    ] {
        let problem = problem(text, BASE);
        assert!(problem.contains(says), "{problem}");
    }
}

#[test]
fn lists_of_access_count_only_with_a_level_that_reads_them() {
    let id = "4u738icxytb4f8spoou9mcp7fy";
    for level in ["", "channels = \"all\"\n", "channels = \"none\"\n"] {
        let problem = problem(&format!("[access]\n{level}channel_ids = [\"{id}\"]\n"), BASE);
        assert!(problem.contains("channel_ids in [access]: ids count with"), "{problem}");
    }
    let lists = |level: &str| {
        let text = format!("[access]\nchannels = \"{level}\"\nchannel_ids = [\"{id}\"]\n");
        toml(&text).access.channels
    };
    let ids = HashSet::from([MattermostId::new(id).unwrap()]);
    assert_eq!(lists("allow"), List::Only(ids.clone()));
    assert_eq!(lists("block"), List::Except(ids));
    assert_eq!(toml("[access]\nusers = \"none\"\n").access.users, List::Nothing);
    assert_eq!(toml("").access, Access::default());
}

#[test]
fn instructions_are_general_of_a_channel_and_of_a_person() {
    let (channel, person) = ("ryxgyn8gb3dxxg44dby9dghthr", "4u738icxytb4f8spoou9mcp7fy");
    let text = format!(
        "[instructions]\neveryone = \"be brief\"\n[instructions.channels]\n{channel} = \"\"\"\nthe shop\n\"\"\"\n\
         [instructions.people]\n{person} = \"in German\"\n"
    );
    let instructions = toml(&text).instructions;
    let id = |text: &str| MattermostId::new(text).unwrap();
    let of = |channel, user: &str| instructions.of(id(channel), id(user).into()).join("/");
    assert_eq!(of(channel, person), "be brief/the shop/in German");
    assert_eq!(of(person, channel), "be brief", "a channel's id is nobody's");
    assert_eq!(toml("").instructions, Instructions::default());
}

#[test]
fn wrong_instructions_are_named_with_their_lines() {
    let id = "ryxgyn8gb3dxxg44dby9dghthr";
    let long =
        format!("[instructions]\n[instructions.people]\n\n{id} = \"{}\"\n", "x".repeat(8193));
    for (text, says) in [
        ("[instruction]\n", "line 1: there is no section [instruction]; write [instructions]"),
        ("[instructions.chanels]\n", "line 1: [instructions] has no key chanels; write channels"),
        (
            "\n[instructions]\nchannels = \"x\"\n",
            "line 3: channels in [instructions]: write a section",
        ),
        (
            "[instructions.people]\nx = \"y\"\nalice = \"z\"\n",
            "line 2: [instructions.people]: \"x\" is no id",
        ),
        (
            &format!("[instructions.people]\n\n{id} = 1\n"),
            "line 3: [instructions.people]: write text",
        ),
        (&long, "line 4: [instructions.people]: 8193 bytes are too many"),
        ("[chat.trace]\nx = 1\n", "trace in [chat]: write text in quotes"),
    ] {
        let problems = Folder::new(text, BASE).load().unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(says)), "{problems:?} {says}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let folder = Folder::new(
        "[chat]\ntrase = 1\nmax_sessions = 0\n[goose]\nmode = \"yolo\"\n",
        "MATTERMOST_URL=ftp://x\nDEBUG=perhaps\nthis is nothing\n",
    );
    let problems = folder.load().unwrap_err();
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn without_any_file_the_two_missing_things_are_named() {
    let problems =
        Config::load(Path::new("/nonexistent"), &Environment::default()).unwrap_err().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("MATTERMOST_URL") && problems[1].contains("mattermost-token"));
}
