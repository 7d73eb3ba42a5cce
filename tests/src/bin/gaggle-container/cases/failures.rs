//! Parts that die, and a machine that starts anew.
//!
//! Trust: as in the module above.

use std::time::Duration;

use anyhow::{Result, ensure};
use gaggle_tests::lab::wait;

use crate::stage::{FRONTEND, SUPERVISOR, Stage};

/// More than the supervisor may need to start anew in a minute.
const STORM: u32 = 12;
const RESTART: Duration = Duration::from_secs(30);

pub(crate) fn a_killed_part_comes_back_and_answers_again(stage: &mut Stage) -> Result<()> {
    for unit in [SUPERVISOR, FRONTEND] {
        stage.answers()?;
        let pid = stage.main_pid(unit)?;
        stage.machine.run(&["kill", "-KILL", &pid.to_string()])?;
        stage.until(&format!("{unit} runs again"), || {
            stage.main_pid(unit).ok().filter(|now| *now != pid)
        })?;
        stage.answers()?;
    }
    Ok(())
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
