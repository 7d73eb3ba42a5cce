//! Parts that die, and a machine that starts anew.
//!
//! Trust: as in the module above.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::wait;

use crate::stage::{FRONTEND, Hung, SUPERVISOR, Stage};

/// More than the supervisor may need to start anew in a minute.
const STORM: u32 = 12;
const RESTART: Duration = Duration::from_secs(30);

pub(crate) fn a_killed_part_comes_back_and_answers_again(stage: &mut Stage) -> Result<()> {
    for unit in [SUPERVISOR, FRONTEND] {
        stage.answers()?;
        let pid = stage.main_pid(unit)?;
        let kill = ["systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit];
        stage.machine.run(&kill)?;
        stage.until(&format!("{unit} runs again"), || {
            stage.main_pid(unit).ok().filter(|now| *now != pid)
        })?;
        // With its sockets, and under the one name that never was down.
        stage.until_whole()?;
        stage.answers()?;
    }
    Ok(())
}

/// Of the frontend's unit, and what starting it anew takes.
const WATCHDOG: Duration = Duration::from_secs(90);

/// The frontend does nothing any more, as if it waited for what never comes. The
/// cases that follow do not need it.
pub(crate) fn the_frontend_hangs(stage: &mut Stage) -> Result<()> {
    let pids = [SUPERVISOR, FRONTEND].map(|unit| stage.main_pid(unit));
    let [supervisor, frontend] = pids;
    let hung = Hung { supervisor: supervisor?, frontend: frontend? };
    stage.machine.run(&["kill", "-STOP", &hung.frontend.to_string()])?;
    stage.until("the frontend is stopped", || {
        stage.status_of(hung.frontend, "State").ok()?.starts_with('T').then_some(())
    })?;
    stage.hung = Some(hung);
    Ok(())
}

pub(crate) fn a_frontend_that_hangs_is_started_anew(stage: &mut Stage) -> Result<()> {
    if stage.hung.is_none() {
        the_frontend_hangs(stage)?;
    }
    let hung = stage.hung.take().context("it was made to hang")?;
    let other = || stage.main_pid(FRONTEND).ok().filter(|now| *now != hung.frontend);
    ensure!(wait::until(WATCHDOG, other).is_some(), "the frontend hangs for good");
    stage.until_whole()?;
    let words = ["journalctl", "--no-pager", "-q", "-o", "cat", "-u", FRONTEND];
    let journal = stage.machine.run(&words)?.to_lowercase();
    ensure!(journal.contains("watchdog timeout"), "it ended for another reason: {journal}");
    // The control: who answers is left alone.
    ensure!(stage.main_pid(SUPERVISOR)? == hung.supervisor, "the supervisor is another");
    stage.answers()
}

/// The frontend comes back however often it dies, and takes nobody with it; a
/// supervisor that dies again and again stays down until an admin has looked.
pub(crate) fn f37_a_storm_of_restarts_does_not_reach_the_supervisor(
    stage: &mut Stage,
) -> Result<()> {
    let supervisor = stage.main_pid(SUPERVISOR)?;
    for _ in 0..STORM {
        stage.machine.run(&["systemctl", "kill", "--signal=KILL", FRONTEND])?;
        stage.machine.run(&["systemctl", "restart", FRONTEND])?;
    }
    ensure!(stage.main_pid(SUPERVISOR)? == supervisor, "the supervisor was restarted");
    stage.answers()?;
    // The control: the other one has a limit.
    let down = wait::until(RESTART * STORM, || {
        let state = stage.property(SUPERVISOR, "ActiveState").unwrap_or_default();
        if let Ok(pid) = stage.main_pid(SUPERVISOR) {
            let _ = stage.machine.output(&["kill", "-KILL", &pid.to_string()]);
        }
        (state == "failed").then_some(())
    });
    ensure!(down.is_some(), "a supervisor that is killed all the time is started all the time");
    stage.machine.run(&["systemctl", "restart", "gaggle"])?;
    stage.answers()
}

pub(crate) fn it_comes_back_with_the_machine(stage: &mut Stage) -> Result<()> {
    stage.machine.stop("reboot")?;
    // Written while the machine is down.
    let asked = stage.chat.ask("alice", "run: id -un")?;
    stage.machine.boot()?;
    let said = stage.chat.wait(asked)?;
    ensure!(said == "alice", "the message from before says {said:?}");
    stage.answers()
}
