//! Taking more than one's share, and staying longer than one may.
//!
//! Trust: none of the agent. Limits that need the kernel's controllers for
//! memory, processes and CPU are tried where there are some.

use std::path::PathBuf;

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

/// A program that is deaf to orderly signals and lives on in a new process many
/// times a second, in a session of its own. It stops for a file beside it. Deaf
/// before it is a process at all: what is ignored is handed down to programs.
fn hydra(program: &str) -> String {
    let script = format!(
        "trap '' TERM HUP INT; sleep 0.05; test -e {program}.stop || setsid sh {program} & exit"
    );
    let start = format!("setsid sh {program} >/dev/null 2>&1 </dev/null &");
    format!("echo \"{script}\" > {program}; (trap '' TERM HUP INT; {start})")
}

/// Processes whose command line names `program`.
fn heads(program: &str) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let named = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == program.as_bytes())
    };
    let pids = processes.filter(named).filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw).collect()
}

#[test]
fn a35_who_is_never_the_same_process_is_stopped_as_well() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    let [caught, control] =
        ["caught", "control"].map(|n| format!("/home/alice/workspace/{n}-{uid}"));
    let lives = |program: &str| {
        wait::until(ANSWER, || (!heads(program).is_empty()).then_some(())).context("it runs")
    };
    let thread = lab.ask("alice", &format!("run: {}; sleep 1000", hydra(&caught)))?;
    lives(&caught)?;
    // The control: by its number it is not caught.
    let stop = StopFile(lab.namespace.seen(format!("{control}.stop")));
    Outside::login(&lab, "alice", &[])?.shell(&hydra(&control))?;
    for _ in 0..20 {
        lives(&control)?;
        for pid in heads(&control) {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }
    lives(&control)?;
    thread.command("!stop")?;
    thread.answer()?;
    let gone = |program: &str| {
        wait::until(ANSWER, || heads(program).is_empty().then_some(())).context("it is gone")
    };
    gone(&caught)?;
    // For good: nothing is left that could come back.
    lives(&control)?;
    assert!(heads(&caught).is_empty());
    drop(stop);
    gone(&control)
}

/// Made when the control is to end, also when the test fails.
struct StopFile(PathBuf);

impl Drop for StopFile {
    fn drop(&mut self) {
        let _ = std::fs::write(&self.0, "");
    }
}

/// Outlives no test.
struct Killed(Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}
