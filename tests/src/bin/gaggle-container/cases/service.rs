//! The one name for all parts: what it says of them, and how it stops them.
//!
//! Trust: as in the module above.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::wait;

use crate::machine::said;
use crate::stage::{ALL, FRONTEND, LAST_WORD, SUPERVISOR, Stage, WHOLE};

/// The parts are looked at every few seconds.
const LOOK: Duration = Duration::from_secs(15);

pub(crate) fn its_status_says_how_both_parts_are(stage: &mut Stage) -> Result<()> {
    let server = stage.chat.simulator.url();
    let wanted = ["supervisor: running", &format!("frontend: running, connected to {server}")];
    let text = || stage.property(ALL, "StatusText").unwrap_or_default();
    let told = wait::until(LOOK, || {
        let text = text();
        wanted.iter().all(|words| text.contains(words)).then_some(text)
    });
    let told = told.with_context(|| format!("the status is {:?}", text()))?;
    ensure!(told.ends_with("as @goose"), "the status is {told:?}");
    // The control: a part that is down is not called running.
    stage.machine.run(&["systemctl", "stop", FRONTEND])?;
    let down = wait::until(LOOK, || text().contains("frontend: stopped").then_some(()));
    stage.machine.run(&["systemctl", "start", FRONTEND])?;
    ensure!(down.is_some(), "stopped, the status is {:?}", text());
    stage.answers()
}

pub(crate) fn its_journal_has_the_audit_records(stage: &mut Stage) -> Result<()> {
    let journal =
        |unit: &str| stage.machine.run(&["journalctl", "--no-pager", "-o", "cat", "-u", unit]);
    let all = journal("gaggle")?;
    for event in ["worker_started", "frontend_connected", "configuration_loaded"] {
        let line = stage.machine.sh(&format!(
            "journalctl --no-pager -q -o cat -n 1 _UID=0 SYSLOG_IDENTIFIER=gaggle-supervisor GAGGLE_EVENT={event}"
        ))?;
        ensure!(!line.is_empty(), "there is no {event}");
        ensure!(all.contains(&line), "journalctl -u gaggle has no {line:?}");
    }
    let other = journal("dbus")?;
    ensure!(!other.contains("gaggle-supervisor"), "the control: they stand everywhere: {other}");
    Ok(())
}

/// A stop in the middle of a turn waits for its end, and the answer is whole.
pub(crate) fn a_stop_waits_for_a_running_turn(stage: &mut Stage) -> Result<()> {
    let asked = stage.running_turn("alice")?;
    stage.machine.run(&["systemctl", "stop", "gaggle"])?;
    let answer = stage.chat.so_far(asked);
    let left = stage.machine.output(&["pgrep", "-l", "-u", "alice,bob,gaggle"])?;
    for unit in WHOLE {
        let state = stage.property(unit, "ActiveState")?;
        ensure!(state == "inactive", "{unit} is {state} after a stop");
    }
    stage.machine.run(&["systemctl", "start", "gaggle"])?;
    ensure!(answer.is_whole(), "cut off: {:?}", answer.text());
    ensure!(answer.text().trim() == LAST_WORD, "the answer is {:?}", answer.text());
    ensure!(left.status.code() == Some(1), "stopped, there run {}", said(&left));
    // The control: who does not stop in order does cut it off.
    let asked = stage.running_turn("alice")?;
    stage.machine.run(&["systemctl", "kill", "--signal=KILL", "--kill-whom=main", SUPERVISOR])?;
    let cut = stage.chat.wait(asked)?;
    ensure!(cut != LAST_WORD, "the control: killed, the answer is whole");
    stage.until_whole()?;
    stage.answers()
}
