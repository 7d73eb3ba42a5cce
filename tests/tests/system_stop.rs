//! `!stop`: ends what runs in its thread, everything of it, and nothing else.

use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Lab, wait};
use gaggle_tests::llm::Outcome;

/// A person who said stop waits no longer.
const LIMIT: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_stream_ends_at_once() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "!!reply n=2000 delay=0.1 size=20000 | word")?;
    thread.shows("word word")?;
    thread.command("!stop")?;
    let stopped = thread.answer_within(LIMIT)?;
    assert!(stopped.contains("word word") && stopped.contains("Stopped"), "{stopped}");
    let left = || lab.llm.requests().iter().all(|r| r.outcome != Outcome::Open).then_some(());
    wait::until(LIMIT, left).context("the LLM is left alone")?;
    let next = thread.then("are you there?")?;
    assert!(next.ends_with("are you there?"), "{next}");
    Ok(())
}

#[test]
fn a_command_ends_with_its_daemons_and_the_other_thread_goes_on() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let other = lab.ask("alice", "run: until test -e go; do sleep 0.1; done; echo went")?;
    let thread = lab.ask(
        "alice",
        "run: setsid sh -c 'trap \"\" TERM; exec sleep 1001' >/dev/null 2>&1 & sleep 1002",
    )?;
    let sleeping = || long_sleeps(&lab);
    wait::until(SOON, || (sleeping() == 2).then_some(())).with_context(|| lab.logs())?;
    thread.command("!stop")?;
    wait::until(LIMIT, || (sleeping() == 0).then_some(())).with_context(|| lab.logs())?;
    thread.answer_within(LIMIT)?;
    let alice = lab.person("alice")?;
    lab.namespace.run(alice.uid, &["touch", "/home/alice/workspace/go"])?;
    assert_eq!(other.answer()?, "went");
    Ok(())
}

/// How many of the commands that should end still run.
fn long_sleeps(lab: &Lab) -> usize {
    let line = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
    let pids = lab.namespace.people_running("sleep");
    pids.iter().filter(|pid| line(pid).is_ok_and(|line| line.contains("\x00100"))).count()
}

#[test]
fn an_llm_that_hangs_can_be_left() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "!!hang")?;
    let asked = || lab.llm.requests().iter().any(|r| r.outcome == Outcome::Open).then_some(());
    wait::until(SOON, asked).with_context(|| lab.logs())?;
    thread.command("!stop")?;
    let left = || lab.llm.requests().iter().all(|r| r.outcome != Outcome::Open).then_some(());
    wait::until(LIMIT, left).with_context(|| lab.logs())?;
    thread.answer_within(LIMIT)?;
    let next = thread.then("and now?")?;
    assert!(next.ends_with("and now?"), "{next}");
    Ok(())
}
