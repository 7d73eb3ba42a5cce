//! Files that cannot be used: a reload keeps what is in force, a start says
//! which file it is, and a mended one needs one command.
//!
//! Trust: as in the module above.

use anyhow::{Result, ensure};

use crate::machine::said;
use crate::stage::{ALL, FRONTEND, SUPERVISOR, Stage};

const LIMITS: &str = "/etc/gaggle/supervisor.toml";
const SETTINGS: &str = "/etc/gaggle/gaggle.toml";
const TOKEN: &str = "/etc/gaggle/mattermost-token";
const CONTROL: &str = "gaggle-control.socket";
/// The configuration cannot be used; Mattermost does not take the token.
const UNUSABLE: &str = "78";
const REFUSED: &str = "77";

/// Does something while a file of `path` has other contents, and puts the old
/// ones back, whatever comes of it.
fn with(
    stage: &Stage,
    path: &str,
    change: impl FnOnce(&str) -> String,
    act: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let file = stage.machine.seen(path);
    let before = file.exists().then(|| std::fs::read_to_string(&file)).transpose()?;
    // Written in place: whose it is, and for whom, stays.
    std::fs::write(&file, change(before.as_deref().unwrap_or_default()))?;
    let outcome = act();
    match before {
        Some(text) => std::fs::write(&file, text)?,
        None => std::fs::remove_file(&file)?,
    }
    outcome
}

fn nonsense(text: &str) -> String {
    format!("{text}nonsense = 1\n")
}

fn pids(stage: &Stage) -> Result<[u32; 3]> {
    Ok([stage.main_pid(ALL)?, stage.main_pid(SUPERVISOR)?, stage.main_pid(FRONTEND)?])
}

/// Fails as a command that was asked for something it did not do.
fn fails(stage: &Stage, verb: &str, unit: &str) -> Result<()> {
    let output = stage.machine.output(&["systemctl", verb, unit])?;
    ensure!(output.status.code() == Some(1), "{verb} {unit}: {} {}", output.status, said(&output));
    Ok(())
}

/// Started with one command, all of it works.
fn start_mended(stage: &Stage) -> Result<()> {
    stage.machine.run(&["systemctl", "start", "gaggle"])?;
    stage.until_whole()?;
    stage.answers()
}

pub(crate) fn unusable_limits_change_nothing_and_stop_the_next_start(
    stage: &mut Stage,
) -> Result<()> {
    stage.machine.run(&["systemctl", "reload", "gaggle"])?;
    let before = pids(stage)?;
    let stage = &*stage;
    with(stage, LIMITS, nonsense, || {
        fails(stage, "reload", "gaggle")?;
        ensure!(pids(stage)? == before, "the reload has started something anew");
        stage.answers()?;
        fails(stage, "restart", "gaggle")?;
        let state = stage.property(ALL, "ActiveState")?;
        ensure!(state == "failed", "gaggle is {state}");
        let status = stage.property(SUPERVISOR, "ExecMainStatus")?;
        ensure!(status == UNUSABLE, "the supervisor's exit status is {status}");
        let socket = stage.property(CONTROL, "ActiveState")?;
        ensure!(socket != "active", "{CONTROL} waits for who cannot start");
        let told = stage.machine.output(&["systemctl", "status", "--no-pager", "gaggle"])?;
        ensure!(said(&told).contains("supervisor.toml"), "which file? {}", said(&told));
        Ok(())
    })?;
    start_mended(stage)
}

pub(crate) fn unusable_settings_leave_the_earlier_ones_in_force(stage: &mut Stage) -> Result<()> {
    const EARLIER: &str = "earlier settings are in force";
    let before = pids(stage)?;
    let stage = &*stage;
    with(stage, SETTINGS, nonsense, || {
        fails(stage, "reload", "gaggle")?;
        let text = stage.property(FRONTEND, "StatusText")?;
        ensure!(text.contains(EARLIER), "the frontend says {text:?}");
        stage.answers()
    })?;
    stage.machine.run(&["systemctl", "reload", "gaggle"])?;
    let text = stage.property(FRONTEND, "StatusText")?;
    ensure!(!text.contains(EARLIER), "mended, the frontend says {text:?}");
    ensure!(pids(stage)? == before, "something was started anew");
    stage.answers()
}

pub(crate) fn a_wrong_token_is_the_frontends_failure_alone(stage: &mut Stage) -> Result<()> {
    const WRONG: &str = "wrongwrongwrongwrongwrongw";
    let supervisor = stage.main_pid(SUPERVISOR)?;
    let stage = &*stage;
    let state = |unit: &str| stage.property(unit, "ActiveState").unwrap_or_default();
    with(
        stage,
        TOKEN,
        |_| format!("{WRONG}\n"),
        || {
            // It says that it runs before it has asked Mattermost.
            let _ = stage.machine.output(&["systemctl", "restart", FRONTEND])?;
            stage.until("the frontend and the one name have failed", || {
                [ALL, FRONTEND].iter().all(|unit| state(unit) == "failed").then_some(())
            })?;
            let status = stage.property(FRONTEND, "ExecMainStatus")?;
            ensure!(status == REFUSED, "the frontend's exit status is {status}");
            ensure!(stage.main_pid(SUPERVISOR)? == supervisor, "the supervisor is another");
            let told = stage.machine.output(&["systemctl", "status", "--no-pager", "gaggle"])?;
            ensure!(said(&told).contains("token"), "what is wrong? {}", said(&told));
            Ok(())
        },
    )?;
    let journal = stage.machine.run(&["journalctl", "--no-pager", "--all", "--output=export"])?;
    ensure!(!journal.contains(WRONG), "the journal has the token");
    start_mended(stage)
}
