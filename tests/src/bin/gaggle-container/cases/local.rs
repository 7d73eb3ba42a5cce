//! People with an account on the machine, and agents, against the service
//! manager.
//!
//! Trust: none of them. Each control is the same act by root, or with that one
//! defence off.

use std::process::Output;

use anyhow::{Context, Result, ensure};

use crate::machine::said;
use crate::played::ACTS;
use crate::stage::{SUPERVISOR, Stage};

const SOCKET: &str = "/run/systemd/notify";
const DROP_IN: &str = "/etc/systemd/system/gaggle-supervisor.service.d/case.conf";

/// What a command says that `account` runs, in a session without a terminal.
fn by(stage: &Stage, account: &str, words: &[&str]) -> Result<Output> {
    let user = format!("--reuid={account}");
    let mut all = vec!["setpriv", &user, "--regid=1000", "--clear-groups", "--"];
    all.extend(words);
    stage.machine.output(&all)
}

pub(crate) fn l26_only_root_stops_or_changes_the_service(stage: &mut Stage) -> Result<()> {
    let pid = stage.main_pid(SUPERVISOR)?;
    let property = ["systemctl", "set-property", "--runtime", SUPERVISOR, "CPUWeight=7"];
    for account in ["mallory", "alice", "gaggle"] {
        for words in [
            &["systemctl", "--no-ask-password", "stop", "gaggle.service"][..],
            &["systemctl", "--no-ask-password", "restart", SUPERVISOR],
            &["systemctl", "--no-ask-password", "kill", SUPERVISOR],
            &["systemctl", "--no-ask-password", "daemon-reload"],
            &property,
        ] {
            let output = by(stage, account, words)?;
            ensure!(!output.status.success(), "{account} may {words:?}: {}", said(&output));
        }
    }
    ensure!(stage.main_pid(SUPERVISOR)? == pid, "the supervisor is another");
    ensure!(stage.property(SUPERVISOR, "CPUWeight")? != "7", "the property was set");
    stage.machine.run(&property)?;
    ensure!(stage.property(SUPERVISOR, "CPUWeight")? == "7", "the control: root cannot either");
    stage.machine.run(&["systemctl", "revert", SUPERVISOR])?;
    Ok(())
}

/// Tells systemd a status in the supervisor's name, as `account` from within the
/// supervisor's cgroup or from without; whether it was believed.
fn spoofed(stage: &Stage, account: &str, within: bool) -> Result<bool> {
    let folder = format!("/sys/fs/cgroup/system.slice/{SUPERVISOR}/case");
    let enter = if within {
        format!("mkdir {folder}; echo $$ > {folder}/cgroup.procs; ")
    } else {
        String::new()
    };
    let send = format!(
        "{enter} setpriv --reuid={account} --regid=1000 --clear-groups \
         env NOTIFY_SOCKET={SOCKET} systemd-notify --status=by-{account} || true"
    );
    stage.machine.run(&["sh", "-c", &send])?;
    if within {
        let folder = stage.machine.inside(&folder);
        stage.until("the cgroup is empty", || std::fs::remove_dir(&folder).ok())?;
    }
    Ok(stage.property(SUPERVISOR, "StatusText")? == format!("by-{account}"))
}

pub(crate) fn w23_l36_nobody_speaks_to_systemd_for_the_supervisor(stage: &mut Stage) -> Result<()> {
    let said = stage.agent(&format!("{ACTS} send {SOCKET} STATUS=spoofed,READY=1,WATCHDOG=1"))?;
    ensure!(said.starts_with("held"), "an agent reaches systemd: {said}");
    for (account, within) in [("mallory", false), ("alice", true)] {
        ensure!(!spoofed(stage, account, within)?, "{account} was believed, {within}");
    }
    stage.machine.write(DROP_IN, 0o644, "[Service]\nNotifyAccess=all\n")?;
    stage.machine.run(&["systemctl", "daemon-reload"])?;
    let control = spoofed(stage, "alice", true)?;
    let others = spoofed(stage, "mallory", false)?;
    stage.machine.sh(&format!("rm -r $(dirname {DROP_IN}); systemctl daemon-reload"))?;
    ensure!(control, "the control: nobody is believed even with NotifyAccess=all");
    ensure!(!others, "who is not in the unit was believed");
    stage.machine.run(&["systemctl", "restart", SUPERVISOR])?;
    stage.answers()
}

/// What the service manager gives a part, from wherever it has it, reaches no
/// worker and no agent.
pub(crate) fn l25_no_environment_reaches_workers(stage: &mut Stage) -> Result<()> {
    let set = ["systemctl", "set-environment", "LD_PRELOAD=/tmp/case.so", "GAGGLE_CASE=1"];
    let output = by(stage, "mallory", &set)?;
    ensure!(!output.status.success(), "mallory sets the service manager's environment");
    // The control: root does, and the supervisor gets it.
    stage.machine.sh("systemctl set-environment GAGGLE_CASE=1; systemctl restart gaggle")?;
    let environment = |pid: u32| stage.machine.run(&["cat", &format!("/proc/{pid}/environ")]);
    stage.answers()?;
    let own = environment(stage.main_pid(SUPERVISOR)?)?;
    let pids = stage.machine.run(&["pgrep", "-u", "alice"])?;
    let mut all = Vec::new();
    for pid in pids.lines() {
        all.push(environment(pid.parse().context("a process id")?)?);
    }
    stage.machine.sh("systemctl unset-environment GAGGLE_CASE; systemctl restart gaggle")?;
    ensure!(own.contains("GAGGLE_CASE=1"), "the control: the supervisor has {own:?}");
    ensure!(!all.is_empty(), "alice has no processes");
    for environment in all {
        for name in ["GAGGLE_CASE", "LD_PRELOAD", "LD_LIBRARY_PATH", "NOTIFY_SOCKET"] {
            ensure!(!environment.contains(name), "{name} in {environment:?}");
        }
    }
    stage.answers()
}
