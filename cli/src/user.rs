//! `gaggle user`: who gets an agent.
//!
//! Trust: root asks. The mapping is written last, when everything it promises
//! is true.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use gaggle_ipc::admin::{AdminReply, AdminRequest, Entry};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::text::Text;
use gaggle_ipc::{AccountName, MattermostUserId};
use gaggle_policy::configuration::Snapshot;
use nix::unistd::Uid;
use serde_json::{Value, json};

use crate::mapping_file::MappingFile;
use crate::{Places, account, admin_socket, output, status};

/// Subcommands of `gaggle user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Give a person an agent under a Linux account
    ///
    /// Makes a dedicated account without a shell, with a home of its own, and
    /// maps the Mattermost id to it. Can be run again: what is done stays done.
    Add(AddArguments),
    /// List the people and their accounts
    List(ListArguments),
}

/// Arguments of `gaggle user add`.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The Linux account, made unless it exists
    #[arg(value_parser = AccountName::new)]
    account: AccountName,
    /// The person's Mattermost id: 26 characters; the bot tells it on `!whoami`
    #[arg(long, value_name = "ID", value_parser = MattermostUserId::new)]
    mattermost: MattermostUserId,
    /// Use an account that exists already
    #[arg(long)]
    adopt: bool,
    /// What of the home the agent may touch
    #[arg(long, value_enum, default_value_t = Home::Workspace)]
    home: Home,
    /// Several people may be mapped to this account and see each other's files
    #[arg(long)]
    shared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Home {
    /// ~/workspace alone
    Workspace,
    /// The whole home, files that run at the next login included
    Full,
}

/// Arguments of `gaggle user list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn run(places: &Places, command: UserCommand) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Add(arguments) => add(places, &arguments),
        UserCommand::List(arguments) => list(places, &arguments),
    }
}

fn add(places: &Places, arguments: &AddArguments) -> anyhow::Result<ExitCode> {
    if !Uid::effective().is_root() {
        bail!("adding people needs root; use sudo");
    }
    let AddArguments { account: name, mattermost: user, .. } = arguments;
    let mapping = MappingFile::open(&places.config_dir)?;
    let others = mapping.others_on(name.as_str(), *user);
    if !others.is_empty() && !arguments.shared {
        bail!(
            "{name} is already the account of {}; give each person an account, or use --shared",
            others.join(", ")
        );
    }
    let mapped = mapping.entry(*user).map(account_of);
    if let Some(other) = mapped.as_deref().filter(|mapped| *mapped != name.as_str()) {
        bail!(
            "{user} is mapped to {other} already; remove that entry from user_mapping.json first"
        );
    }
    let made = !account::exists(name)?;
    if made {
        account::create(name)?;
    } else if !arguments.adopt && mapped.is_none() && others.is_empty() {
        bail!("the account {name} exists; to let the agent run as it, add --adopt");
    }
    let checked = account::check(name)?;
    account::make_folders(&checked)?;
    let entry = entry(arguments);
    if mapping.entry(*user) == Some(&entry) {
        output::line(&format!("{user} is mapped to {name} already; nothing to do"));
    } else {
        mapping.put(*user, entry)?;
        let what = if made { "made and mapped" } else { "mapped" };
        output::line(&format!("{name} (uid {}) {what} to {user}", checked.uid));
    }
    if arguments.home == Home::Full {
        output::notice(
            "with --home full the agent can change what runs at this account's next login",
        );
    }
    reload(places, *user)
}

fn account_of(entry: &Value) -> String {
    let account = entry.as_str().or_else(|| entry.get("account").and_then(Value::as_str));
    account.unwrap_or_default().to_owned()
}

fn entry(arguments: &AddArguments) -> Value {
    let account = arguments.account.as_str();
    match (arguments.home, arguments.shared) {
        (Home::Workspace, false) => json!(account),
        (Home::Full, false) => json!({ "account": account, "home": "full" }),
        (Home::Workspace, true) => json!({ "account": account, "shared": true }),
        (Home::Full, true) => json!({ "account": account, "home": "full", "shared": true }),
    }
}

/// Lets the running supervisor read the mapping, and tells if it minds.
fn reload(places: &Places, user: MattermostUserId) -> anyhow::Result<ExitCode> {
    let Some(replies) = admin_socket::ask(places, &AdminRequest::Reload)? else {
        output::notice("the supervisor is not running; the change counts from its next start");
        return Ok(ExitCode::SUCCESS);
    };
    for reply in replies {
        if let AdminReply::Reloaded { kept_previous: Some(why), .. } = reply {
            output::error(&format!("the supervisor goes on with the earlier configuration: {why}"));
            return Ok(ExitCode::from(3));
        }
    }
    let entries = status::ask(places)?.map(|report| report.entries).unwrap_or_default();
    let own = entries.iter().find(|entry| entry.key.as_str() == user.as_str());
    if let Some(problem) = own.and_then(|entry| entry.problem.as_ref()) {
        output::error(&format!("the supervisor refuses this entry: {problem}"));
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(places: &Places, arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let entries = match status::ask(places)? {
        Some(report) => report.entries,
        None => read_entries(places)?,
    };
    if arguments.json {
        let array: Vec<_> = entries.iter().map(status::entry_json).collect();
        output::line(&serde_json::to_string_pretty(&array)?);
        return Ok(ExitCode::SUCCESS);
    }
    if entries.is_empty() {
        output::line("nobody yet; add people with: gaggle user add ACCOUNT --mattermost ID");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = entries.iter().map(row).collect();
    output::line(&output::table(&["MATTERMOST ID", "ACCOUNT", "HOME", "STATE"], rows));
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &Entry) -> Vec<String> {
    let home = entry.profile.map_or("-", Profile::as_str).to_owned();
    let state = match &entry.problem {
        None => output::verdict(true, "ok"),
        Some(problem) => output::verdict(false, problem.as_str()),
    };
    vec![entry.key.to_string(), entry.account.to_string(), home, state]
}

/// Without a running supervisor, judged here by the same rules.
fn read_entries(places: &Places) -> anyhow::Result<Vec<Entry>> {
    let snapshot = Snapshot::load(&places.config_dir).map_err(|why| anyhow::anyhow!("{why}"))?;
    let good = snapshot.people.iter().map(|(user, person)| Entry {
        key: Text::lossy(user.as_str()),
        account: Text::lossy(person.account.name.as_str()),
        profile: Some(person.entry.profile),
        problem: None,
    });
    let bad = snapshot.bad.iter().map(|bad| Entry {
        key: Text::lossy(&bad.key),
        account: Text::lossy(&bad.account),
        profile: None,
        problem: Some(Text::lossy(&bad.problem)),
    });
    Ok(good.chain(bad).collect())
}
