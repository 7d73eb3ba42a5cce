//! What one person's agents use too much of is missing to nobody else.
//!
//! Each test needs its cgroup2 controller and says loudly when it is not there.

use std::fs;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Lab, needs};
use serde_json::json;

/// A lab in which alice has limits, and bob has room.
fn lab(limits: serde_json::Value, controller: &str) -> Result<Option<Lab>> {
    let lab = Lab::builder().entry("alice", limits).start_if_possible()?;
    Ok(lab.filter(|lab| needs::has_controller(lab, controller)))
}

/// A number in a file of the only worker of `account`.
fn of_worker(lab: &Lab, number: u32, file: &str, key: &str) -> Result<u64> {
    let path = lab.namespace.cgroup().join(format!("workers/w{number}/{file}"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).context("the key")?;
    Ok(line.trim().parse()?)
}

#[test]
fn a30_a_fork_bomb_hurts_nobody_else() -> Result<()> {
    let alice = json!({"account": "alice", "pids_max": 100});
    let Some(lab) = lab(alice, "pids")? else { return Ok(()) };
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    let said =
        thread.then("run: sh -c 'for i in $(seq 300); do sleep 600 & done' 2>&1; echo over")?;
    assert!(said.contains("fork") && said.contains("over"), "{said}");
    assert!(of_worker(&lab, 1, "pids.events", "max ")? > 0);
    assert_eq!(
        lab.answer("bob", "run: for i in $(seq 300); do sleep 0 & done; echo well")?,
        "well"
    );
    thread.command("!stop")?;
    assert_eq!(thread.then("run: echo again")?, "again");
    Ok(())
}

#[test]
fn a34_who_uses_up_a_processor_share_is_slowed_down_alone() -> Result<()> {
    let alice = json!({"account": "alice", "cpu_max": "50%"});
    let Some(lab) = lab(alice, "cpu")? else { return Ok(()) };
    let work = "run: i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo $i";
    assert_eq!(lab.answer("alice", work)?, "50000");
    assert_eq!(lab.answer("bob", work)?, "50000");
    assert!(of_worker(&lab, 1, "cpu.stat", "nr_throttled ")? > 0);
    assert_eq!(of_worker(&lab, 2, "cpu.stat", "nr_throttled ")?, 0);
    Ok(())
}

#[test]
fn a31_a_hungry_thread_ends_alone() -> Result<()> {
    let alice = json!({"account": "alice", "memory_max": "1G"});
    let Some(lab) = lab(alice, "memory")? else { return Ok(()) };
    let mut other = lab.ask("alice", "hello")?;
    other.answer()?;
    let hungry = lab.ask("alice", "run: head -c 3G /dev/zero | tail | wc -c")?;
    let said = hungry.answer()?;
    assert!(!said.contains("3221225472"), "{said}");
    assert!(of_worker(&lab, 1, "memory.events", "oom_kill ")? > 0);
    assert_eq!(other.then("run: echo unharmed")?, "unharmed");
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    Ok(())
}
