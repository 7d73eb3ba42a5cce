//! `gaggle parts`: what `gaggle.service` and `systemctl reload` run. Watches the
//! services that Gaggle is made of, so that one name tells how all of them are.
//!
//! Trust: the service manager's word. The parts' own status lines are cut and
//! cleaned before they are passed on. Nothing is started or stopped here.

use std::collections::HashMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use sd_notify::NotifyState;

use crate::{Places, admin_socket, output};

/// The parts, by the names in the sentences about them.
const PARTS: [(&str, &str); 2] =
    [("supervisor", "gaggle-supervisor.service"), ("frontend", "gaggle-frontend.service")];
const PROPERTIES: &str = "Id,ActiveState,SubState,Result,ExecMainStatus,StatusText";
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest status line of a part that is passed on, in characters.
const MAX_TEXT: usize = 300;
/// Above these exit statuses the last status line may be of better times: the
/// part did not end by its own decision.
const LAST_DELIBERATE_EXIT: u8 = 78;

/// What the units of Gaggle ask for.
#[derive(Debug, Subcommand)]
pub(crate) enum PartsCommand {
    /// Tell the service manager how all parts are, until one fails for good
    Watch,
    /// Have the supervisor read its files again; fails if it keeps the old ones
    Reload,
}

/// Runs the command.
///
/// # Errors
/// `Reload`: the supervisor cannot be asked, or what it read is unusable.
pub(crate) fn run(places: &Places, command: &PartsCommand) -> anyhow::Result<ExitCode> {
    match command {
        PartsCommand::Watch => Ok(watch()),
        PartsCommand::Reload => reload(places),
    }
}

fn reload(places: &Places) -> anyhow::Result<ExitCode> {
    let replies = admin_socket::ask(places, &AdminRequest::Reload)?
        .context("the supervisor is not running")?;
    for reply in replies {
        if let AdminReply::Reloaded { kept_previous: Some(why), .. } = reply {
            bail!("{why}; the configuration that was in force stays");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn watch() -> ExitCode {
    let mut told = String::new();
    loop {
        let state = match look() {
            Ok(state) => state,
            // Their own units still tell.
            Err(why) => {
                State { sentence: format!("the parts cannot be watched: {why}"), failed: false }
            }
        };
        let mut news = vec![NotifyState::Status(&state.sentence)];
        // Said again it means nothing; said of a failure it would be untrue.
        if !state.failed {
            news.push(NotifyState::Ready);
        }
        // Without a service manager the lines below are all there is.
        let _ = sd_notify::notify(&news);
        // A count that changes is for the status line alone.
        let lasting = state.sentence.replace(|c: char| c.is_ascii_digit(), "");
        if lasting != told {
            output::line(&state.sentence);
            told = lasting;
        }
        if state.failed {
            return ExitCode::FAILURE;
        }
        std::thread::sleep(PAUSE);
    }
}

/// How all parts are.
struct State {
    sentence: String,
    /// One of them has failed, and the service manager tries no more.
    failed: bool,
}

fn look() -> anyhow::Result<State> {
    let mut show = Command::new("systemctl");
    show.args(["show", "--property", PROPERTIES, "--"]);
    let shown = show.args(PARTS.map(|(_, unit)| unit)).output().context("systemctl")?;
    if !shown.status.success() {
        let why = String::from_utf8_lossy(&shown.stderr);
        bail!("systemctl: {}", clean(why.trim()));
    }
    state(&String::from_utf8_lossy(&shown.stdout))
}

/// Takes apart what `systemctl show` says of all parts.
fn state(shown: &str) -> anyhow::Result<State> {
    let units: Vec<Properties> = shown.split("\n\n").map(properties).collect();
    let mut sentences = Vec::new();
    let mut failed = false;
    for (name, unit) in PARTS {
        let found = units.iter().find(|properties| properties.get("Id") == Some(&unit));
        let properties = found.with_context(|| format!("systemctl says nothing of {unit}"))?;
        failed |= properties.get("SubState") == Some(&"failed");
        sentences.push(format!("{name}: {}", describe(unit, properties)));
    }
    Ok(State { sentence: sentences.join("; "), failed })
}

type Properties<'a> = HashMap<&'a str, &'a str>;

fn properties(block: &str) -> Properties<'_> {
    block.lines().filter_map(|line| line.split_once('=')).collect()
}

fn describe(unit: &str, properties: &Properties<'_>) -> String {
    let of = |name| properties.get(name).copied().unwrap_or_default();
    let text = clean(of("StatusText"));
    match (of("ActiveState"), of("SubState")) {
        ("active", _) if text.is_empty() => "running".to_owned(),
        ("active", _) => format!("running, {text}"),
        ("inactive", _) => "stopped".to_owned(),
        ("failed", _) => {
            format!("FAILED ({}), see journalctl -u {unit}", cause(properties, &text))
        }
        (_, "auto-restart" | "auto-restart-queued") => {
            let cause = cause(properties, &text);
            format!("down and tried again ({cause}), see journalctl -u {unit}")
        }
        ("activating", _) => "starting".to_owned(),
        ("deactivating", _) => "stopping".to_owned(),
        (other, _) => clean(other),
    }
}

/// Why a part is down: its own last words if it ended by itself.
fn cause(properties: &Properties<'_>, text: &str) -> String {
    let result = properties.get("Result").copied().unwrap_or_default();
    let exit = properties.get("ExecMainStatus").copied().unwrap_or_default();
    let deliberate = exit.parse().is_ok_and(|exit| (1..=LAST_DELIBERATE_EXIT).contains(&exit));
    match result {
        "exit-code" if deliberate && !text.is_empty() => text.to_owned(),
        "exit-code" => format!("exit status {}", clean(exit)),
        other => clean(other),
    }
}

fn clean(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(supervisor: &str, frontend: &str) -> String {
        format!(
            "Id=gaggle-supervisor.service\n{supervisor}\n\nId=gaggle-frontend.service\n{frontend}\n"
        )
    }

    const RUNNING: &str = "ActiveState=active\nSubState=running\nResult=success\nExecMainStatus=0";

    #[test]
    fn all_is_well_in_one_line() {
        let supervisor = format!("{RUNNING}\nStatusText=people at work: 2");
        let frontend =
            format!("{RUNNING}\nStatusText=connected to https://chat.example/ as @goose");
        let state = state(&shown(&supervisor, &frontend)).unwrap();
        assert!(!state.failed);
        assert_eq!(
            state.sentence,
            "supervisor: running, people at work: 2; \
             frontend: running, connected to https://chat.example/ as @goose"
        );
    }

    #[test]
    fn a_part_that_failed_for_good_says_why_and_where_to_look() {
        let failed = "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78\n\
                      StatusText=the file is = bad";
        let state = state(&shown(RUNNING, failed)).unwrap();
        assert!(state.failed);
        assert_eq!(
            state.sentence,
            "supervisor: running; frontend: FAILED (the file is = bad), \
             see journalctl -u gaggle-frontend.service"
        );
    }

    #[test]
    fn what_was_said_in_better_times_is_no_cause() {
        for (result, exit, cause) in [
            ("signal", "9", "signal"),
            ("exit-code", "101", "exit status 101"),
            ("watchdog", "6", "watchdog"),
        ] {
            let down = format!(
                "ActiveState=activating\nSubState=auto-restart\nResult={result}\n\
                 ExecMainStatus={exit}\nStatusText=people at work: 2"
            );
            let state = state(&shown(&down, RUNNING)).unwrap();
            assert!(!state.failed, "it is tried again");
            assert!(
                state.sentence.contains(&format!("tried again ({cause})")),
                "{}",
                state.sentence
            );
        }
    }

    #[test]
    fn a_stopped_part_is_no_failure_and_an_unknown_one_is_said() {
        let stopped = "ActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0";
        let both = state(&shown(stopped, stopped)).unwrap();
        assert!(!both.failed);
        assert_eq!(both.sentence, "supervisor: stopped; frontend: stopped");
        let missing = state(RUNNING).map(|state| state.sentence).unwrap_err();
        assert!(missing.to_string().contains("gaggle-supervisor.service"));
    }

    #[test]
    fn a_part_cannot_write_more_than_one_line_or_move_the_cursor() {
        let long = format!("{RUNNING}\nStatusText=\u{1b}[2J{}", "x".repeat(1000));
        let state = state(&shown(&long, RUNNING)).unwrap();
        assert!(!state.sentence.contains('\u{1b}'));
        assert!(state.sentence.chars().count() < MAX_TEXT + 100);
    }
}
