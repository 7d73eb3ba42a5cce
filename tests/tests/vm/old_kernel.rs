//! Debian 12's own kernel, Landlock ABI 2: refused as Gaggle comes, and with a
//! lowered floor at work, with everybody told what is missing.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::machine::{Machine, is_ours, read, record, run, said};

/// What stands open below ABI 6, whatever else holds.
const OPEN: &[&str] = &["abstract_sockets", "own_processes", "signal_worker"];

/// `supervisor.toml` for a test of something else: nothing in it loosens what a
/// machine must enforce, but for the floor on the old kernel.
pub(crate) fn settings() -> Result<&'static str> {
    let release = read(&["uname", "-r"])?;
    Ok(if release.starts_with("6.1.") { "landlock_floor = 2\n" } else { "" })
}

#[test]
fn it_is_refused_with_what_to_do() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = Machine::start("", json!("alice"))?;
    let ready = record("ready", |_| true)?;
    ensure!(
        ready["GAGGLE_LANDLOCK_ABI"] == "2" && ready["GAGGLE_LANDLOCK_FLOOR"] == "3",
        "{ready}"
    );
    let told = machine.ask("alice", "run: id -un")?.shows("kernel")?;
    println!("to the person: {told}");
    let refused = record("sandbox_refused", |_| true)?;
    ensure!(refused["GAGGLE_STEP"] == "landlock_floor", "{refused}");
    let sentence = record("worker_output", |line| line.to_string().contains("Landlock"))?;
    println!("in the journal: {}", sentence["GAGGLE_UNATTESTED"]);
    for part in ["ABI 2", "landlock_floor = 2", "bookworm-backports"] {
        ensure!(sentence.to_string().contains(part), "{part}: {sentence}");
    }
    let status = said(&["gaggle", "status"])?;
    println!("{status}");
    ensure!(status.contains("ABI 2 (floor 3)"), "{status}");
    ensure!(status.contains("no agent is started: this kernel offers Landlock ABI 2"), "{status}");
    ensure!(run(&["gaggle", "status"])?.status.code() == Some(3));
    Ok(())
}

#[test]
fn with_a_lowered_floor_it_works_and_says_what_is_missing() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = Machine::start("landlock_floor = 2\n", json!("alice"))?;
    ensure!(machine.answer("alice", "run: id -un")? == "alice");
    let ready = record("ready", |_| true)?;
    ensure!(
        ready["GAGGLE_LANDLOCK_ABI"] == "2" && ready["GAGGLE_LANDLOCK_FLOOR"] == "2",
        "{ready}"
    );
    let status = read(&["gaggle", "status"])?;
    println!("{status}");
    ensure!(status.contains("ABI 2 (floor 2)"), "{status}");
    ensure!(status.contains("agents go without what this kernel lacks"), "{status}");
    let report = run(&["gaggle", "doctor", "isolation", "--json"])?;
    let report: Value = serde_json::from_slice(&report.stdout)?;
    ensure!(report["held"] == false && report["landlock_abi"] == 2, "{report}");
    for person in report["people"].as_array().into_iter().flatten() {
        ensure!(person["complete"] == true, "{person:#}");
        let open = person["attacks"].as_array().into_iter().flatten();
        let open: Vec<&Value> = open.filter(|attack| attack["outcome"] == "open").collect();
        for attack in person["attacks"].as_array().into_iter().flatten() {
            let name = attack["name"].as_str().unwrap_or_default();
            if attack["outcome"] == "open" || OPEN.contains(&name) || name == "truncate" {
                println!("{} {name} {} {}", person["account"], attack["outcome"], attack["detail"]);
            }
        }
        let names: Vec<_> = open.iter().filter_map(|attack| attack["name"].as_str()).collect();
        ensure!(names.iter().all(|name| OPEN.contains(name)), "{names:?}");
        for must in ["own_processes", "signal_worker"] {
            ensure!(names.contains(&must), "{must} in {names:?}");
        }
    }
    Ok(())
}

#[test]
fn ports_that_it_cannot_keep_are_refused() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    let machine = Machine::start(settings()?, json!({"account": "alice", "connect_ports": [443]}))?;
    machine.ask("alice", "run: id -un")?.shows("kernel")?;
    let refused = record("sandbox_refused", |_| true)?;
    ensure!(refused["GAGGLE_STEP"] == "landlock_floor", "{refused}");
    record("worker_output", |line| {
        line.to_string().contains("connect_ports needs Landlock ABI 4")
    })?;
    ensure!(machine.answer("bob", "run: id -un")? == "bob", "the control");
    Ok(())
}
