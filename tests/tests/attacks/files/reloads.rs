//! The configuration is read again while people are at work.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use gaggle_tests::lab::{Lab, Person, Which};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::bench::{Bench, SOON};
use super::frontend::Frontend;
use super::meanwhile::meanwhile;

/// Writes the mapping as one piece.
fn put(config: &Path, mapping: &Value) -> Result<()> {
    let new = config.join("new");
    fs::write(&new, mapping.to_string())?;
    Ok(fs::rename(new, config.join("user_mapping.json"))?)
}

fn started(frontend: &mut Frontend, person: &Person) -> Result<()> {
    let answer = frontend.start(person.mattermost.id)?;
    ensure!(answer.starts_with("Started"), "{}: {answer}", person.name);
    Ok(())
}

#[test]
fn c39_a_broken_file_leaves_all_as_it_was_and_is_shown() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let mut frontend = Frontend::of(&bench.lab)?;
    started(&mut frontend, &alice)?;
    for (file, content, why) in [
        ("user_mapping.json", "{ alice", "user_mapping.json"),
        ("user_mapping.json", "[]", "user_mapping.json"),
        ("supervisor.toml", "landlock_flor = 3", "landlock_flor"),
        ("supervisor.toml", "goose_path = \"/nowhere/goose\"", "/nowhere"),
        ("goose.env", "LD_PRELOAD=/tmp/x", "LD_PRELOAD"),
    ] {
        fs::write(bench.config().join(file), content)?;
        let refused = bench.reload()?.with_context(|| format!("{content}: it was read"))?;
        ensure!(refused.contains(why), "{content}: {refused}");
        ensure!(shown(&bench.lab)?.contains(why), "{content}: not shown to the admin");
        ensure!(frontend.list()?.contains("WorkerId(1)"), "{content}: alice is disturbed");
        bench.mend()?;
    }
    // What was there serves also those who come later.
    started(&mut frontend, &bob)?;
    ensure!(bench.reload()?.is_none(), "the control");
    ensure!(shown(&bench.lab)?.contains("\"stale\": null"));
    Ok(())
}

fn shown(lab: &Lab) -> Result<String> {
    let status = lab.namespace.run(0, &[&format!("{PROGRAMS}/gaggle"), "status", "--json"])?;
    Ok(String::from_utf8_lossy(&status.stdout).into_owned())
}

#[test]
fn c40_who_is_removed_is_stopped_and_nobody_else() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let mut frontend = Frontend::of(&bench.lab)?;
    started(&mut frontend, &alice)?;
    started(&mut frontend, &bob)?;
    // The control: read again as it is, it stops nobody.
    bench.reload()?;
    put(&bench.config(), &json!({ bob.mattermost.id.as_str(): "bob" }))?;
    bench.reload()?;
    let exited = frontend.receive()?;
    ensure!(exited.contains("WorkerId(1)") && exited.contains("MappingChanged"), "{exited}");
    let record = bench.lab.record("worker_exited", SOON, |_| true)?;
    ensure!(record.field("GAGGLE_USER") == alice.mattermost.id.as_str(), "{record:?}");
    ensure!(record.field("GAGGLE_REASON") == "stopped mapping_changed", "{record:?}");
    ensure!(frontend.start(alice.mattermost.id)?.contains("Unmapped"));
    ensure!(frontend.list()?.contains("[WorkerId(2)]"), "bob's worker is disturbed");
    Ok(())
}

#[test]
fn c41_another_account_takes_over_only_when_the_first_is_gone() -> Result<()> {
    let builder = Lab::builder().person("carol").entry("carol", Value::Null);
    let Some(mut bench) = Bench::new(builder)? else { return Ok(()) };
    let (alice, carol) = (bench.lab.person("alice")?, bench.lab.person("carol")?);
    let mut frontend = Frontend::of(&bench.lab)?;
    started(&mut frontend, &alice)?;
    put(&bench.config(), &json!({ alice.mattermost.id.as_str(): "carol" }))?;
    bench.reload()?;
    let exited = frontend.receive()?;
    ensure!(exited.contains("Stopped(MappingChanged)"), "{exited}");
    ensure!(bench.lab.namespace.processes("workers").is_empty(), "reported too early");
    let answer = frontend.start(alice.mattermost.id)?;
    ensure!(answer.contains("AccountName(carol)"), "{answer}");
    let record = bench.lab.record("worker_started", SOON, |r| r.field("GAGGLE_WORKER") == "w2")?;
    ensure!(record.field("GAGGLE_UID") == carol.uid.to_string(), "{record:?}");
    Ok(())
}

/// What a worker was started with: the word of the reply, and of its environment.
fn launched(bench: &Bench, frontend: &mut Frontend, person: &Person) -> Result<(bool, bool)> {
    let reply = frontend.start(person.mattermost.id)?;
    let name = format!("AccountName({})", person.name);
    ensure!(reply.starts_with("Started") && reply.contains(&name), "{reply}");
    let number = reply.split_once("WorkerId(").and_then(|(_, rest)| rest.split_once(')'));
    let number: u64 = number.context("a number")?.0.parse()?;
    let worker = format!("w{number}");
    let record =
        bench.lab.record("worker_started", SOON, |r| r.field("GAGGLE_WORKER") == worker)?;
    ensure!(record.field("GAGGLE_UID") == person.uid.to_string(), "{record:?}");
    let environment = fs::read(format!("/proc/{}/environ", record.field("GAGGLE_PID")))?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let has = |word: &str| environment.split('\0').any(|entry| entry == word);
    let full = has("GAGGLE_READ=/srv/of-full");
    ensure!(full == has("GAGGLE_CONNECT_PORTS=443"), "half of each: {environment}");
    frontend.stop(number)?;
    let exited = frontend.receive()?;
    ensure!(exited.starts_with("Exited"), "{exited}");
    Ok((reply.contains("shared: true"), full))
}

#[test]
fn c38_a_storm_of_reloads_during_launches() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder().person("carol"))? else { return Ok(()) };
    let people = ["alice", "bob", "carol"].map(|name| bench.lab.person(name).unwrap());
    let (mut plain, mut full) = (json!({}), json!({}));
    for person in &people {
        let id = person.mattermost.id.as_str();
        plain[id] = json!(person.name);
        // Not the profile: a change of that stops a worker.
        full[id] = json!({"account": person.name, "shared": true, "read": ["/srv/of-full"], "connect_ports": [443]});
    }
    let supervisor = Pid::from_raw(bench.lab.service(Which::Supervisor)?.pid());
    let config = bench.lab.namespace.seen(CONFIG);
    fs::create_dir(bench.lab.namespace.seen("/srv/of-full"))?;
    let storm = |round: usize| {
        put(&config, if round.is_multiple_of(2) { &plain } else { &full })?;
        Ok(kill(supervisor, Signal::SIGHUP)?)
    };
    let before = bench.records("configuration_loaded")?.len();
    let mut seen = BTreeSet::new();
    let starts = || {
        let mut frontend = Frontend::of(&bench.lab)?;
        for person in people.iter().cycle().take(24) {
            let (told, is) = launched(&bench, &mut frontend, person)?;
            ensure!(told == is, "the frontend is told of another snapshot");
            seen.insert(is);
        }
        Ok(())
    };
    meanwhile(storm, starts)?;
    let reloads = bench.records("configuration_loaded")?.len() - before;
    ensure!(reloads > 24 && seen.len() == 2, "{reloads} reloads, {seen:?}");
    ensure!(bench.lab.service(Which::Supervisor)?.ended().is_none());
    Ok(())
}
