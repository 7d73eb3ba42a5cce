//! A limit bites one person and nobody else: the unit's own folder of cgroups,
//! its real controllers, three people at work.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::wait;
use serde_json::json;

use super::machine::{ANSWER, Machine, PEOPLE, in_tree, is_ours, number, read, record};

/// Everybody but alice.
const OTHERS: [&str; 2] = ["bob", "carol"];

/// Three people who have all been answered.
fn three(alice: serde_json::Value) -> Result<Machine> {
    let machine = Machine::start(super::old_kernel::settings()?, alice)?;
    for name in PEOPLE {
        ensure!(machine.answer(name, "run: id -un")? == name);
    }
    let controllers = fs::read_to_string(machine.cgroup("alice")?.join("cgroup.controllers"))?;
    for controller in ["memory", "pids", "cpu"] {
        ensure!(controllers.split_whitespace().any(|name| name == controller), "{controllers}");
    }
    let status = read(&["gaggle", "status"])?;
    ensure!(!status.contains("not enforced"), "{status}");
    Ok(machine)
}

/// Waits until a number of alice's is above `floor`.
fn until_above(machine: &Machine, file: &str, key: &str, floor: u64) -> Option<()> {
    let cgroup = machine.cgroup("alice").ok()?;
    wait::until(ANSWER, || (in_tree(&cgroup, file, key).ok()? > floor).then_some(()))
}

/// The unit has not noticed: nothing was restarted, nothing failed.
fn undisturbed() -> Result<()> {
    for unit in ["gaggle-supervisor", "gaggle-frontend"] {
        let state = read(&["systemctl", "show", "-p", "ActiveState,NRestarts", unit])?;
        ensure!(state.contains("ActiveState=active"), "{unit}: {state}");
        ensure!(state.contains("NRestarts=0\n"), "{unit}: {state}");
    }
    Ok(())
}

#[test]
fn a_fork_bomb_is_one_persons() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = three(json!({"account": "alice", "pids_max": 100}))?;
    let bomb = "run: sh -c 'for i in $(seq 300); do sleep 600 & done' 2>&1 | tail -n 1; echo over";
    let mut hers = machine.ask("alice", bomb)?;
    // While hers stands, the others fork as much as they like.
    until_above(&machine, "pids.events", "max", 0).context("the limit was never met")?;
    for name in OTHERS {
        let many = "run: for i in $(seq 120); do sleep 0 & done; wait; echo well";
        ensure!(machine.answer(name, many)? == "well");
        ensure!(machine.count(name, "pids.events", "max")? == 0, "{name}");
    }
    hers.command("!stop")?;
    ensure!(hers.then("run: echo again")? == "again");
    undisturbed()
}

/// The folders of a person's Gooses.
fn gooses(machine: &Machine, name: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(machine.cgroup(name)?)?.flatten().map(|entry| entry.path());
    Ok(entries.filter(|path| path.is_dir() && !path.ends_with("worker")).collect())
}

#[test]
fn a_memory_bomb_ends_one_goose_as_a_whole() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = three(json!({"account": "alice", "memory_max": "1G"}))?;
    let mut calm = machine.ask("alice", "run: echo here")?;
    ensure!(calm.answer()? == "here");
    let worker = fs::read_to_string(machine.cgroup("alice")?.join("worker/cgroup.procs"))?;
    for goose in gooses(&machine, "alice")? {
        ensure!(fs::read_to_string(goose.join("memory.oom.group"))?.trim() == "1", "{goose:?}");
    }
    let said = machine.answer("alice", "run: head -c 3G /dev/zero | tail | wc -c")?;
    ensure!(!said.contains("3221225472"), "{said}");
    println!("to the hungry thread: {said}");
    ensure!(machine.count("alice", "memory.events", "oom_kill")? > 0);
    ensure!(machine.count("alice", "memory.events", "oom_group_kill")? == 1);
    // Hers alone, as a whole; the conversation beside it and the worker live.
    ensure!(calm.then("run: echo unharmed")? == "unharmed");
    let after = fs::read_to_string(machine.cgroup("alice")?.join("worker/cgroup.procs"))?;
    ensure!(worker == after, "the worker is another: {worker} {after}");
    for name in OTHERS {
        ensure!(machine.answer(name, "run: head -c 1M /dev/zero | wc -c")? == "1048576");
        ensure!(machine.count(name, "memory.events", "oom_kill")? == 0, "{name}");
    }
    let told = record("worker_output", |line| line.to_string().contains("out of memory"))?;
    println!("in the journal: {} {}", told["GAGGLE_ACCOUNT"], told["GAGGLE_UNATTESTED"]);
    ensure!(told["GAGGLE_ACCOUNT"] == "alice", "{told}");
    let kernel =
        read(&["journalctl", "-b", "-k", "--no-pager", "--grep", "Memory cgroup out of memory"])?;
    ensure!(kernel.contains("Killed process"), "{kernel}");
    undisturbed()
}

/// Processor time that a person's processes have had, in microseconds.
fn used(machine: &Machine, name: &str) -> Result<u64> {
    number(&machine.cgroup(name)?.join("cpu.stat"), "usage_usec")
}

#[test]
fn a_busy_loop_takes_its_own_share() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = three(json!({"account": "alice", "cpu_max": "30%"}))?;
    let work = "run: i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i";
    let quiet = machine.ask("bob", work)?;
    ensure!(quiet.answer()? == "20000");
    let quiet = quiet.waited();
    // As many loops as there are processors, and more.
    let hog = "run: for i in 1 2 3 4; do while :; do :; done & done; sleep 1000";
    let hers = machine.ask("alice", hog)?;
    until_above(&machine, "cpu.stat", "nr_throttled", 5).context("she was never slowed down")?;
    let before = PEOPLE.map(|name| used(&machine, name).unwrap_or(0));
    let began = std::time::Instant::now();
    let beside = machine.ask("bob", work)?;
    ensure!(beside.answer()? == "20000");
    let beside = beside.waited();
    let hers_used = used(&machine, "alice")? - before[0];
    let share = hers_used as f64 / began.elapsed().as_micros() as f64;
    println!(
        "bob's answer beside a busy alice took {:.2} times as long; she had {:.0} % of a processor",
        beside.as_secs_f64() / quiet.as_secs_f64(),
        share * 100.0
    );
    // Periods of 100 ms: what is over the share is one of them at most.
    ensure!(share < 0.4, "she had {share}");
    for name in OTHERS {
        ensure!(machine.count(name, "cpu.stat", "nr_throttled")? == 0, "{name}");
    }
    hers.command("!stop")?;
    ensure!(machine.answer("carol", "run: echo well")? == "well");
    undisturbed()
}
