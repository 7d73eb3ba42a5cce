//! Conversations: side by side, in order, and going on after anything dies.

use std::time::Duration;

use anyhow::Result;
use gaggle_tests::lab::{Lab, Which, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn three_threads_of_one_person_and_one_of_another_run_side_by_side() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    // Each waits for a file that the next one makes: one after the other they
    // would wait for ever.
    let wait_and_touch = |waits: &str, touches: &str| {
        format!("run: touch {touches}; until test -e {waits}; do sleep 0.1; done; echo {touches}")
    };
    let one = lab.ask("alice", &wait_and_touch("two", "one"))?;
    let two = lab.ask("alice", &wait_and_touch("three", "two"))?;
    let three = lab.ask("alice", &wait_and_touch("one", "three"))?;
    let bob = lab.ask("bob", "run: ls; echo bob")?;
    assert_eq!(bob.answer()?, "bob");
    for (thread, name) in [(one, "one"), (two, "two"), (three, "three")] {
        assert_eq!(thread.answer()?, name);
    }
    Ok(())
}

#[test]
fn two_messages_in_one_thread_are_answered_in_order() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "!!reply n=10 delay=0.1 | first answer")?;
    thread.say("second question")?;
    thread.shows("echo: second question")?;
    thread.answer()?;
    let posts = lab.simulator.thread(thread.root());
    let bot: Vec<&str> = posts
        .iter()
        .filter(|post| post.user_id == lab.bot.id)
        .map(|post| post.message.as_str())
        .collect();
    assert_eq!(bot, ["first answer", "echo: second question"]);
    Ok(())
}

/// What the person said before is still known after `disturb`.
fn goes_on_after(disturb: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let root = {
        let thread = lab.ask("alice", "the number is 4711")?;
        assert_eq!(thread.answer()?, "echo: the number is 4711");
        thread.root()
    };
    disturb(&mut lab)?;
    let mut thread = lab.thread("alice", root)?;
    let recalled = thread.then("!!recall")?;
    // A message that meets a Goose just dying is sent once more, with a word on it.
    let told = |line: &&str| line.starts_with("[The previous request was interrupted");
    let lines: Vec<&str> =
        recalled.lines().filter(|line| !line.is_empty() && !told(line)).collect();
    assert_eq!(lines, ["the number is 4711", "!!recall"]);
    Ok(())
}

#[test]
fn a_thread_goes_on_after_a_restart_of_the_frontend() -> Result<()> {
    goes_on_after(|lab| lab.restart(Which::Frontend))
}

#[test]
fn a_thread_goes_on_after_a_kill_of_the_frontend() -> Result<()> {
    goes_on_after(|lab| lab.kill_and_restart(Which::Frontend))
}

#[test]
fn a_thread_goes_on_after_a_kill_of_the_supervisor() -> Result<()> {
    goes_on_after(|lab| lab.kill_and_restart(Which::Supervisor))
}

#[test]
fn a_thread_goes_on_after_a_kill_of_goose() -> Result<()> {
    goes_on_after(|lab| {
        let goose = lab.namespace.people_running("goose");
        assert_eq!(goose.len(), 1);
        kill(Pid::from_raw(goose[0]), Signal::SIGKILL)?;
        Ok(())
    })
}

#[test]
fn a_thread_goes_on_after_a_kill_of_the_worker() -> Result<()> {
    goes_on_after(|lab| {
        let workers = lab.namespace.people_running("gaggle-worker");
        assert_eq!(workers.len(), 1);
        kill(Pid::from_raw(workers[0]), Signal::SIGKILL)?;
        lab.record("worker_exited", SOON, |_| true)?;
        Ok(())
    })
}

#[test]
fn goose_killed_in_a_command_is_told_and_the_command_is_not_run_again() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "run: echo x >> runs; sleep 1000")?;
    let sleeping = || lab.namespace.people_running("sleep").pop();
    wait::until(SOON, sleeping).ok_or_else(|| anyhow::anyhow!("never ran\n{}", lab.logs()))?;
    for goose in lab.namespace.people_running("goose") {
        kill(Pid::from_raw(goose), Signal::SIGKILL)?;
    }
    let told = thread.answer()?;
    assert!(!told.contains("Thinking"), "{told}");
    assert_eq!(thread.then("run: wc -l < runs")?, "1", "{told}");
    Ok(())
}
