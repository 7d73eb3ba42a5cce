//! From a bare Debian to the first answer, as an admin goes it.
//!
//! Trust: as in the module above.

use anyhow::{Result, ensure};
use gaggle_tests::lab::programs;

use crate::machine::said;
use crate::snapshot::Snapshot;
use crate::stage::{FRONTEND, SUPERVISOR, Stage};
use crate::{played, readme};

/// Cgroup controllers that the supervisor limits people with.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

pub(crate) fn it_boots(stage: &mut Stage) -> Result<()> {
    stage.machine.boot()?;
    // A local account that has nothing to do with Gaggle.
    stage.machine.run(&["useradd", "--create-home", "--shell", "/bin/bash", "mallory"])?;
    stage.machine.install(&programs::built("gaggle-acts")?, played::ACTS)?;
    stage.before = Some(Snapshot::of(&stage.machine.seen("/"))?);
    Ok(())
}

pub(crate) fn it_is_installed_stopped_and_says_the_next_command(stage: &mut Stage) -> Result<()> {
    readme::prepare(stage)?;
    let [install, _, _, switch_on, _] = readme::commands()?;
    // Its dependencies are there: apt needs no network for this.
    let installed = readme::run(stage, install)?;
    ensure!(installed.contains(switch_on), "the next command is not said: {installed}");
    for unit in ["gaggle.service", SUPERVISOR, FRONTEND] {
        let state = stage.property(unit, "ActiveState")?;
        ensure!(state == "inactive", "{unit} is {state}");
    }
    let enabled = stage.machine.output(&["systemctl", "is-enabled", "gaggle"])?;
    ensure!(said(&enabled).trim() == "disabled", "gaggle is {}", said(&enabled));
    Ok(())
}

/// The admin forgot a step: they are told which, by the command that failed or
/// where it points to.
pub(crate) fn a_start_without_a_server_says_what_to_do(stage: &mut Stage) -> Result<()> {
    let output = stage.machine.output(&["systemctl", "start", "gaggle"])?;
    ensure!(!output.status.success(), "it started without a server: {}", said(&output));
    let status = stage.machine.output(&["systemctl", "status", "--no-pager", "gaggle*"])?;
    let journal = stage.machine.run(&["journalctl", "--no-pager", "-u", "gaggle*"])?;
    for words in [said(&status), journal] {
        ensure!(words.contains("gaggle.toml"), "no word on what to do: {words}");
    }
    stage.machine.sh("systemctl stop gaggle; systemctl reset-failed 'gaggle*' || true")?;
    Ok(())
}

pub(crate) fn the_readmes_other_commands_lead_to_the_first_answer(stage: &mut Stage) -> Result<()> {
    let [_, goose, edit, switch_on, add] = readme::commands()?;
    do_without_limits_where_there_are_none(stage)?;
    for command in [goose, edit, switch_on] {
        readme::run(stage, command)?;
    }
    readme::secrets_are_kept(stage)?;
    for unit in ["gaggle.service", SUPERVISOR, FRONTEND] {
        let state = stage.property(unit, "ActiveState")?;
        ensure!(state == "active", "{unit} is {state}");
    }
    let added = readme::run(stage, add)?;
    ensure!(added.contains("alice can be served"), "no proof that alice is served: {added}");
    stage.chat.wait_for_bot()?;
    stage.is_served("alice")?;
    readme::clear(stage)
}

/// The one step that README does not have, on a machine of this kind alone.
fn do_without_limits_where_there_are_none(stage: &Stage) -> Result<()> {
    let offered = stage.machine.run(&["cat", "/sys/fs/cgroup/cgroup.controllers"])?;
    let missing: Vec<_> =
        CONTROLLERS.into_iter().filter(|name| !offered.split(' ').any(|o| o == *name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("       no limits: this machine's cgroup2 lacks {}", missing.join(", "));
    stage.machine.write("/etc/gaggle/supervisor.toml", 0o644, "require_limits = false\n")
}
