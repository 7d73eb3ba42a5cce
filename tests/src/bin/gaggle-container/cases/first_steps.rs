//! From a bare Debian to the first answer, as an admin goes it.
//!
//! Trust: as in the module above.

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::programs;

use crate::machine::said;
use crate::played;
use crate::snapshot::Snapshot;
use crate::stage::{FRONTEND, SUPERVISOR, Stage};

/// What the package is to have said when it was installed.
const NEXT: &str = "systemctl enable --now gaggle";
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
    let deb = "/var/cache/gaggle.deb";
    stage.machine.install(&stage.deb, deb)?;
    // Its dependencies are there: apt needs no network for this.
    let installed = stage.machine.run(&["apt-get", "install", "--yes", deb])?;
    ensure!(installed.contains(NEXT), "the next command is not said: {installed}");
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

pub(crate) fn it_is_configured_as_the_readme_says(stage: &mut Stage) -> Result<()> {
    let machine = &stage.machine;
    machine.install(&stage.goose, "/usr/lib/gaggle/goose")?;
    let token = format!("{}\n", stage.chat.bot.token);
    machine.write("/etc/gaggle/mattermost-token", 0o600, &token)?;
    machine.write("/etc/gaggle/goose.env", 0o600, &stage.chat.provider())?;
    let path = "/etc/gaggle/gaggle.toml";
    let text = std::fs::read_to_string(machine.seen(path))?;
    let url = format!("\nurl = \"{}\"", stage.chat.simulator.url());
    let line = text.lines().find(|line| line.starts_with("#url = "));
    let line = line.context("gaggle.toml has no line for the server")?;
    machine.write(path, 0o644, &text.replacen(&format!("\n{line}"), &url, 1))?;
    let offered = machine.run(&["cat", "/sys/fs/cgroup/cgroup.controllers"])?;
    let missing: Vec<_> =
        CONTROLLERS.into_iter().filter(|name| !offered.split(' ').any(|o| o == *name)).collect();
    if !missing.is_empty() {
        println!("       no limits: this machine's cgroup2 lacks {}", missing.join(", "));
        machine.write("/etc/gaggle/supervisor.toml", 0o644, "require_limits = false\n")?;
    }
    Ok(())
}

pub(crate) fn people_are_added_and_all_is_switched_on(stage: &mut Stage) -> Result<()> {
    for name in ["alice", "bob"] {
        let id = stage.chat.id(name)?;
        stage.machine.run(&["gaggle", "user", "add", name, "--mattermost", &id])?;
    }
    stage.machine.sh(NEXT)?;
    for unit in ["gaggle.service", SUPERVISOR, FRONTEND] {
        let state = stage.property(unit, "ActiveState")?;
        ensure!(state == "active", "{unit} is {state}");
    }
    stage.chat.wait_for_bot()
}

pub(crate) fn a_message_is_answered_by_goose_under_the_persons_account(
    stage: &mut Stage,
) -> Result<()> {
    for name in ["alice", "bob"] {
        let said = stage.chat.answer(name, "run: id -un; pwd; touch was-here")?;
        let wanted = format!("{name}\n/home/{name}/workspace");
        ensure!(said == wanted, "{name}'s agent says {said:?}");
        let file = stage.machine.seen(&format!("/home/{name}/workspace/was-here"));
        ensure!(file.exists(), "{name}'s agent does not work in the workspace");
    }
    Ok(())
}
