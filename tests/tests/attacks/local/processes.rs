//! Our processes as somebody else meets them: signals, memory, `/proc`.
//!
//! Trust: the kernel's rules for processes of another uid.

use std::fs;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{Lab, Which, programs};

use super::ours;
use super::outsider::{held, looks, outcomes};

#[test]
fn l05_nobody_else_can_signal_our_processes() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?.uid;
    for process in ours(&mut lab)? {
        let pid = process.pid;
        // What does no harm when the control may do it. Not SIGCONT, which the
        // kernel lets through within a session, and a lab is one.
        let acts = ["kill -0", "kill -WINCH", "kill -URG", "renice -n 1 -p", "ionice -c 3 -p"]
            .map(|act| ("L05", format!("{act} {pid}")));
        held(&lab, bob, process.uid, &acts).with_context(|| process.what)?;
        let deadly =
            ["KILL", "STOP", "TERM"].map(|signal| ("L05", format!("kill -{signal} {pid}")));
        assert_eq!(outcomes(&lab, bob, &deadly)?, [false; 3], "{}", process.what);
    }
    assert!(lab.service(Which::Supervisor)?.ended().is_none());
    assert_eq!(lab.answer("alice", "run: echo alive")?, "alive");
    Ok(())
}

#[test]
fn l06_nobody_else_can_look_into_our_processes() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?.uid;
    for process in ours(&mut lab)? {
        held(&lab, bob, 0, &looks("L06", process.pid)?).with_context(|| process.what)?;
    }
    Ok(())
}

#[test]
fn l06_not_even_an_account_itself_looks_into_its_worker() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    for process in ours(&mut lab)?.iter().filter(|process| process.what == "gaggle-worker") {
        let acts = looks("L06", process.pid)?;
        held(&lab, alice, 0, &acts)?;
    }
    // The control: what she started herself she may look into.
    let script = "sleep 60 & acts() { \"$0\" \"$@\" $!; }; acts open-memory; kill $!";
    let program = programs::built("gaggle-acts")?;
    let program = program.to_str().context("a readable path")?;
    let said = lab.namespace.run(alice, &["bash", "-c", script, program])?;
    assert_eq!(String::from_utf8_lossy(&said.stdout), "open\n");
    Ok(())
}

#[test]
fn l13_bobs_agent_cannot_reach_alices_processes() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let alice = ours(&mut lab)?;
    let mut thread = lab.ask("bob", "hello")?;
    thread.answer()?;
    let copy = lab.namespace.seen("/home/bob/workspace/acts");
    fs::copy(programs::built("gaggle-acts")?, copy)?;
    for process in alice.iter().filter(|process| process.uid > 1000) {
        let pid = process.pid;
        let said = thread.then(&format!(
            "run: for act in trace read-memory open-memory 'signal SIGKILL'; do \
             set -- $act; ./acts $1 {pid} $2; done; ./acts take-descriptor {pid} 3; \
             cat /proc/{pid}/environ 2>&1; echo end"
        ))?;
        assert!(!said.contains("open") && said.matches("held").count() == 5, "{said}");
        assert!(said.contains("denied") || said.contains("No such"), "{said}");
        assert!(said.ends_with("end"), "{said}");
        // The control: the same acts of root's, the deadly one left out.
        held(&lab, lab.person("bob")?.uid, 0, &looks("L13", pid)?)?;
    }
    assert_eq!(lab.answer("alice", "run: echo alive")?, "alive");
    Ok(())
}

#[test]
fn l27_workers_are_killed_for_memory_before_root_is() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let score = |pid: i32| -> Result<i32> {
        let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj"))?;
        Ok(text.trim().parse()?)
    };
    let all = ours(&mut lab)?;
    let supervisor = score(all[0].pid)?;
    for process in &all[2..] {
        let own = score(process.pid)?;
        assert!(own > 0 && own > supervisor, "{}: {own}, root {supervisor}", process.what);
    }
    let said = lab.answer("alice", "run: cat /proc/self/oom_score_adj; echo 0 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj")?;
    let scores: Vec<i32> = said.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(scores.len() == 2 && scores[0] > 0 && scores[1] == scores[0], "{said}");
    Ok(())
}

#[test]
fn l33_nothing_of_ours_leaves_a_core() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    for process in &ours(&mut lab)? {
        let limits = fs::read_to_string(format!("/proc/{}/limits", process.pid))?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let words: Vec<&str> = line.context("no such limit")?.split_whitespace().collect();
        assert_eq!(words[..2], ["0", "0"], "{}: soft and hard", process.what);
    }
    let raise = "ulimit -c 1000 2>/dev/null && echo raised || echo refused";
    assert_eq!(lab.answer("alice", &format!("run: {raise}"))?, "refused");
    // The control: outside of the cage the same words raise it.
    let control = ["prlimit", "--core=0:unlimited", "bash", "-c", raise];
    let control = lab.namespace.run(alice, &control)?;
    assert_eq!(String::from_utf8_lossy(&control.stdout).trim(), "raised");
    Ok(())
}

#[test]
fn l37_there_is_no_terminal_to_type_into() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    for process in ours(&mut lab)?.iter().filter(|process| process.uid > 1000) {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid))?;
        let words: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // State, parent, group, session, terminal.
        assert_eq!(words[4], "0", "{}: {stat}", process.what);
        let worker = lab.namespace.people_running("gaggle-worker")[0].to_string();
        assert_eq!(words[3], worker, "a session begun by the worker: {stat}");
    }
    let open = "{ : < /dev/tty; } 2>/dev/null && echo terminal || echo none";
    assert_eq!(lab.answer("alice", &format!("run: {open}"))?, "none");
    // The control: with a terminal the same words find it.
    let control = ["script", "--quiet", "--command", &format!("bash -c '{open}'"), "/dev/null"];
    let said = lab.namespace.command(&control).output()?;
    assert!(String::from_utf8_lossy(&said.stdout).contains("terminal"), "{said:?}");
    Ok(())
}
