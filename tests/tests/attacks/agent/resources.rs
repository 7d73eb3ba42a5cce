//! Taking more than one's share, and staying longer than one may.
//!
//! Trust: none of the agent. Limits that need the kernel's controllers for
//! memory, processes and CPU are tried where there are some.

use anyhow::{Context, Result};
use gaggle_tests::lab::{ANSWER, Which, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Actor, Agent, Outside, lab};

#[test]
fn a32_who_fills_tmp_fills_it_alone() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    // The control, then a thousand times as much.
    assert_eq!(agent.try_all(&["fallocate -l 3M /tmp/some"])?, ["open"]);
    let big = agent.shell("fallocate -l 3000M /tmp/more 2>&1; rm -f /tmp/more")?;
    assert!(big.contains("No space left"), "{big}");
    assert_eq!(agent.try_all(&["act fill /tmp/files"])?, ["held ENOSPC"]);
    assert_eq!(agent.try_all(&["touch /tmp/one-more"])?, ["held"]);
    // Nobody else notices: neither bob's agent nor the machine.
    let touch = ["touch /tmp/gaggle-a32 && rm /tmp/gaggle-a32"];
    assert_eq!(Agent::of(&lab, "bob")?.try_all(&touch)?, ["open"]);
    assert_eq!(Outside::root(&lab).try_all(&touch)?, ["open"]);
    Ok(())
}

/// A command that leaves a daemon behind, which no orderly signal ends. The
/// number is the seconds that it sleeps and so its name.
fn leave_daemon(seconds: u32) -> String {
    let daemon = format!("trap '' TERM HUP INT QUIT; exec sleep {seconds}");
    format!("(setsid sh -c \"{daemon}\" >/dev/null 2>&1 </dev/null &)")
}

/// The daemon's process, wherever it is.
fn daemon(seconds: u32) -> Option<Pid> {
    let wanted = format!("sleep\0{seconds}\0");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        (line == wanted.as_bytes()).then_some(Pid::from_raw(pid))
    })
}

#[test]
fn a35_a_daemon_outlives_neither_a_stop_nor_its_worker() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    // Their names: no other lab's, which run at the same time.
    let [stopped, left, control] = [1, 2, 3].map(|n| lab.person("alice").map(|p| p.uid * 10 + n));
    let (stopped, left, control) = (stopped?, left?, control?);
    let runs = |seconds| wait::until(ANSWER, || daemon(seconds)).context("a daemon runs");
    let ends = |seconds| {
        wait::until(ANSWER, || daemon(seconds).is_none().then_some(())).context("a daemon ends")
    };
    Outside::login(&lab, "alice", &[])?.shell(&leave_daemon(control))?;
    let control_process = Killed(runs(control)?);
    // In a turn that is stopped.
    let thread = lab.ask("alice", &format!("run: {}; sleep 1000", leave_daemon(stopped)))?;
    runs(stopped)?;
    thread.command("!stop")?;
    ends(stopped)?;
    thread.answer()?;
    // Left by a turn that ended well: it lives as long as its worker.
    let mut agent = Agent::of(&lab, "alice")?;
    agent.shell(&format!("{}; echo left", leave_daemon(left)))?;
    runs(left)?;
    drop(agent);
    lab.service(Which::Frontend)?.stop()?;
    ends(left)?;
    // The control: no orderly signal ends it, and outside nothing did.
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        kill(control_process.0, signal)?;
    }
    assert_eq!(daemon(control), Some(control_process.0));
    Ok(())
}

/// Outlives no test.
struct Killed(Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}
