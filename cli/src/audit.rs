//! `gaggle audit`: the privileged decisions, from the journal.
//!
//! Trust: only records that the journal itself marks as sent by uid 0; anybody
//! can write a record that merely looks like ours.

mod record;
mod since;
mod stream;

use std::io::{self, Write as _};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use gaggle_ipc::{AccountName, MattermostUserId};
use nix::unistd::geteuid;

use crate::output;
use record::Record;
use since::Since;
use stream::End;

/// Nothing matched.
const EXIT_NONE: u8 = 4;

const EXAMPLES: &str = "\
Examples:
  gaggle audit --since 1h
      everything of the last hour
  gaggle audit --account alice --since yesterday
      what was decided about the account alice since yesterday, 00:00
  gaggle audit --user 4u738icxytb4f8spoou9mcp7fy --since \"2026-11-20 14:00\"
      what was decided about one person; !whoami tells people their id
  gaggle audit --follow
      the last ten, then each as it is made, until Ctrl-C
  gaggle audit --json --since today | jq 'select(.event == \"start_refused\")'
      for programs: one object a line

Exit status: 0 something was found, 1 failed, 2 wrong usage, 4 nothing was
found. With --follow 0, also when nothing came.

docs/audit.md explains the events and their fields.";

/// Arguments of `gaggle audit`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "See --help for examples.")]
pub(crate) struct AuditArguments {
    /// Only decisions about this Mattermost id
    #[arg(long, value_name = "ID", value_parser = MattermostUserId::new)]
    user: Option<MattermostUserId>,
    /// Only decisions about this Linux account
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountName::new)]
    account: Option<AccountName>,
    /// Only decisions since then: 1h, "2 hours ago", today, yesterday, 2026-01-31,
    /// "2026-01-31 14:00", and what else journalctl(1) takes
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = Since::parse)]
    since: Option<Since>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Go on printing as decisions are made
    #[arg(short, long)]
    follow: bool,
}

/// Prints what matches.
///
/// # Errors
/// If the journal cannot be read.
pub(crate) fn run(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    let mut found = false;
    let ended = stream::lines(journalctl(arguments), |line| {
        let Some(record) = Record::parse(line) else { return Ok(()) };
        found = true;
        let text = if arguments.json { record.json().to_string() } else { record.text() };
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        // Whoever follows wants to see it now.
        out.flush()
    });
    match ended.context("journalctl: is systemd installed?")? {
        End::Interrupted | End::ReaderGone => Ok(ExitCode::SUCCESS),
        End::Failed(said) => match &arguments.since {
            Some(since) if said.contains("timestamp") => {
                output::error(&since.refusal());
                Ok(ExitCode::from(2))
            }
            _ => bail!("journalctl: {}", output::escaped(said.trim())),
        },
        End::Done if found || arguments.follow => Ok(ExitCode::SUCCESS),
        End::Done => {
            output::notice(&nothing_found());
            Ok(ExitCode::from(EXIT_NONE))
        }
    }
}

/// The last decisions about a person, oldest first; none where the journal
/// cannot be read.
pub(crate) fn last(user: MattermostUserId, most: usize) -> Vec<String> {
    let arguments =
        AuditArguments { user: Some(user), account: None, since: None, json: false, follow: false };
    let mut command = journalctl(&arguments);
    command.arg(format!("--lines={most}"));
    let mut found = Vec::new();
    let _ = stream::lines(command, |line| {
        found.extend(Record::parse(line).map(|record| record.text()));
        Ok(())
    });
    found
}

fn nothing_found() -> String {
    if geteuid().is_root() {
        "the journal has no such decision; without --since it is searched as far as it reaches"
    } else {
        "no decision is to be seen; root and the group systemd-journal see them: use sudo"
    }
    .to_owned()
}

fn journalctl(arguments: &AuditArguments) -> Command {
    let mut command = Command::new("journalctl");
    // Without --all it leaves long fields out.
    command.args(["--quiet", "--no-pager", "--all", "--output=json"]);
    if let Some(since) = &arguments.since {
        command.arg(format!("--since={}", since.for_journalctl()));
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
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        audit: AuditArguments,
    }

    fn words(arguments: &[&str]) -> Vec<String> {
        let line = Line::try_parse_from([&["audit"], arguments].concat()).unwrap();
        let command = journalctl(&line.audit);
        command.get_args().map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn matches_are_ours_and_a_time_cannot_become_an_option() {
        let words = words(&["--account", "alice", "--since", "--vacuum-size=1"]);
        for expected in ["_UID=0", "GAGGLE_ACCOUNT=alice", "--since=--vacuum-size=1"] {
            assert!(words.iter().any(|word| word == expected), "{words:?}");
        }
        assert!(!words.iter().any(|word| word == "--follow" || word.starts_with("GAGGLE_USER")));
    }

    #[test]
    fn each_option_reaches_the_journal() {
        let id = "4u738icxytb4f8spoou9mcp7fy";
        let words = words(&["--user", id, "--since", "1h", "--follow", "--json"]);
        for expected in [&format!("GAGGLE_USER={id}"), "--since=-1h", "--follow"] {
            assert!(words.iter().any(|word| word == expected), "{words:?}");
        }
    }

    #[test]
    fn what_is_no_id_and_no_account_is_refused_before_the_journal_is_asked() {
        for wrong in [["--user", "alice"], ["--account", "Alice"], ["--since", ""]] {
            let error = Line::try_parse_from([&["audit"], &wrong[..]].concat()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
    }
}
