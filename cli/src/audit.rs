//! `gaggle audit`: the privileged decisions, from the journal.
//!
//! Trust: only records that the journal itself marks as sent by uid 0; anybody
//! can write a record that merely looks like ours.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::Args;
use gaggle_ipc::{AccountName, MattermostUserId};

/// Arguments of `gaggle audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Only decisions about this Mattermost id
    #[arg(long, value_name = "ID", value_parser = MattermostUserId::new)]
    user: Option<MattermostUserId>,
    /// Only decisions about this Linux account
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountName::new)]
    account: Option<AccountName>,
    /// Only decisions since then, as journalctl(1) takes it: "2 hours ago", today, 2026-01-31
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Go on printing as decisions are made
    #[arg(short, long)]
    follow: bool,
}

/// Becomes `journalctl` with the right matches.
///
/// # Errors
/// If there is no `journalctl`.
pub(crate) fn run(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    let error = journalctl(arguments).exec();
    Err(error).context("journalctl: is systemd installed?")
}

fn journalctl(arguments: &AuditArguments) -> Command {
    let mut command = Command::new("journalctl");
    command.args(["--no-hostname", "--quiet"]);
    let format = if arguments.json { "json" } else { "short-iso" };
    command.args(["--output", format]);
    if let Some(since) = &arguments.since {
        command.arg(format!("--since={since}"));
    }
    if arguments.follow {
        command.arg("--follow");
    }
    command.args(["_UID=0", "SYSLOG_IDENTIFIER=gaggle-supervisor"]);
    if let Some(user) = &arguments.user {
        command.arg(format!("GAGGLE_USER={user}"));
    }
    if let Some(account) = &arguments.account {
        command.arg(format!("GAGGLE_ACCOUNT={account}"));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_ours_and_a_time_cannot_become_an_option() {
        let command = journalctl(&AuditArguments {
            user: None,
            account: Some(AccountName::new("alice").unwrap()),
            since: Some("--vacuum-size=1".to_owned()),
            json: true,
            follow: false,
        });
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert!(words.contains(&"_UID=0") && words.contains(&"GAGGLE_ACCOUNT=alice"));
        assert!(words.contains(&"--since=--vacuum-size=1"));
    }
}
