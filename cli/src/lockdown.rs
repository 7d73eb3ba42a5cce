//! `gaggle lockdown`: nobody's agent runs, and none is started.
//!
//! Trust: a file of root's in the configuration folder is the state; the
//! supervisor is told so that it holds at once, and says what it did.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_policy::configuration::LOCKDOWN;
use gaggle_policy::trusted_file;
use nix::unistd::geteuid;
use serde_json::json;

use crate::{Places, admin_socket, output};

const EXAMPLES: &str = "\
Examples:
  gaggle lockdown on
      stops every agent with all it started; starts none until it is lifted,
      also after a restart of the services or the machine
  gaggle lockdown off
      agents are started again with people's next messages

It may be given twice: what is so already stays so. People who write meanwhile
are told that their admin has switched all agents off.";

/// Arguments of `gaggle lockdown`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "See --help for examples.")]
pub(crate) struct LockdownArguments {
    /// Begin it, or lift it
    state: State,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Stop every agent and start none
    On,
    /// Let agents be started again
    Off,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be kept, or a running supervisor does not do as it was told.
pub(crate) fn run(places: &Places, arguments: &LockdownArguments) -> anyhow::Result<ExitCode> {
    let on = arguments.state == State::On;
    if !geteuid().is_root() {
        bail!("only root may switch agents off and on; use sudo");
    }
    // The file first: whatever happens next, a supervisor that starts sees it.
    let kept = keep(&places.config_dir, on);
    // Agents are stopped also where the file could not be written.
    let stopped = tell(places, on)?;
    kept?;
    if arguments.json {
        let running = stopped.is_some();
        let stopped = stopped.unwrap_or_default();
        let text = json!({ "version": 1, "lockdown": on, "running": running, "stopped": stopped });
        output::line(&text.to_string());
    } else {
        output::line(&sentence(on, stopped));
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes or removes the file.
fn keep(config_dir: &Path, on: bool) -> anyhow::Result<()> {
    trusted_file::open_folder(config_dir).map_err(|why| anyhow::anyhow!("{why}"))?;
    let path = config_dir.join(LOCKDOWN);
    let done = if on { make(&path) } else { fs::remove_file(&path) };
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
            Ok(())
        }
        done => done
            .and_then(|()| File::open(config_dir)?.sync_all())
            .with_context(|| format!("{}: not kept over a restart", path.display())),
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(b"No agent is started while this file is here: gaggle lockdown off\n")?;
    file.sync_all()
}

/// How many agents the supervisor stops for it; `None` if none is running.
fn tell(places: &Places, on: bool) -> anyhow::Result<Option<u32>> {
    let Some(replies) = admin_socket::ask(places, &AdminRequest::Lockdown { on })? else {
        return Ok(None);
    };
    let done = replies.iter().find_map(|reply| match reply {
        AdminReply::LockedDown { on: now, stopped } if *now == on => Some(*stopped),
        _ => None,
    });
    done.map(Some).context("the supervisor did not do it; see: journalctl -u gaggle-supervisor")
}

fn sentence(on: bool, stopped: Option<u32>) -> String {
    match (on, stopped) {
        (true, None) => {
            "locked down: the supervisor is not running, and starts no agent once it is"
        }
        (true, Some(0)) => "locked down: no agent runs and none is started",
        (true, Some(1)) => "locked down: 1 agent is being stopped and none is started",
        (true, Some(many)) => {
            return format!("locked down: {many} agents are being stopped and none is started");
        }
        (false, None) => "lifted; the supervisor is not running, start it: systemctl start gaggle",
        (false, Some(_)) => "lifted: agents are started again with people's next messages",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_many_are_stopped() {
        for (on, stopped, words) in [
            (true, Some(0), "no agent runs"),
            (true, Some(1), "1 agent is being"),
            (true, Some(7), "7 agents are being"),
            (true, None, "starts no agent once it is"),
            (false, Some(0), "lifted"),
            (false, None, "systemctl start"),
        ] {
            assert!(sentence(on, stopped).contains(words), "{words}");
        }
    }

    #[test]
    fn the_file_is_made_once_and_removed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCKDOWN);
        for _ in 0..2 {
            let made = make(&path).map_err(|error| error.kind());
            assert!(matches!(made, Ok(()) | Err(ErrorKind::AlreadyExists)));
            assert!(path.exists());
        }
        assert!(keep(&folder.path().join("gone"), true).is_err(), "nowhere to keep it");
    }
}
