//! Entries of the mapping that give nobody an agent: each is refused alone, for
//! its own reason, and everybody else is served.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, RUNTIME};
use gaggle_tests::lab::{Lab, Person};
use serde_json::{Value, json};

use super::account_files::{add, add_group};
use super::bench::Bench;
use super::frontend::Frontend;

/// A row's entry, and how it must be refused.
struct Refused {
    id: &'static str,
    value: Value,
    code: &'static str,
    /// What the record must say, beside the id.
    says: &'static str,
}

fn refused(id: &'static str, value: Value, code: &'static str, says: &'static str) -> Refused {
    Refused { id, value, code, says }
}

/// A Mattermost id that stands for the case of that number.
fn id_of(case: usize) -> String {
    format!("{case:a>26}")
}

/// One mapping with alice, bob and every case in it: nobody of the cases is
/// started, alice is.
fn all_refused(bench: &mut Bench, cases: &[Refused]) -> Result<()> {
    let alice = bench.lab.person("alice")?;
    let mut mapping = json!({ alice.mattermost.id.as_str(): "alice" });
    for (case, row) in cases.iter().enumerate() {
        mapping[id_of(case)] = row.value.clone();
    }
    write_mapping(bench, &mapping.to_string())?;
    let mut frontend = Frontend::of(&bench.lab)?;
    let records = bench.records("entry_refused")?;
    let status = status(&bench.lab)?;
    for (case, row) in cases.iter().enumerate() {
        let (id, what) = (id_of(case), format!("{} {}", row.id, row.value));
        let answer = frontend.start(&id)?;
        ensure!(answer.contains(&format!("code: {},", row.code)), "{what}: {answer}");
        let record = records.iter().find(|record| record.field("GAGGLE_KEY") == id);
        let said = record.with_context(|| format!("{what}: no record"))?.field("GAGGLE_REASON");
        ensure!(said.contains(row.says), "{what}: {said}");
        ensure!(status.contains(&id), "{what}: the admin is not shown it: {status}");
    }
    starts(&mut frontend, &alice)
}

/// Puts the mapping in place and has it read, which must not fail as a whole.
fn write_mapping(bench: &mut Bench, text: &str) -> Result<()> {
    fs::write(bench.config().join("user_mapping.json"), text)?;
    let refused = bench.reload()?;
    ensure!(refused.is_none(), "everybody is concerned: {refused:?}");
    Ok(())
}

/// The control: a person as they should be gets a worker.
fn starts(frontend: &mut Frontend, person: &Person) -> Result<()> {
    let answer = frontend.start(person.mattermost.id)?;
    ensure!(answer.starts_with("Started"), "{}: {answer}", person.name);
    Ok(())
}

/// What `gaggle status` shows.
fn status(lab: &Lab) -> Result<String> {
    let gaggle = format!("{PROGRAMS}/gaggle");
    let places = ["--config-dir", CONFIG, "--runtime-dir", RUNTIME];
    let shown = lab.namespace.run(0, &[&[gaggle.as_str()], &places[..], &["status"]].concat())?;
    Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
}

#[test]
fn c17_c18_c19_c20_a_name_that_is_no_account() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let long = "a".repeat(33);
    let mut cases = vec![
        refused("c17", json!("nobody-here"), "AccountUnknown", "gaggle user add nobody-here"),
        refused("c17", json!({"account": "gone"}), "AccountUnknown", "no account \"gone\""),
    ];
    let names = [
        ("c18", ["0", "1000", "00", "-1", "+0"]),
        ("c19", ["Bob", "bob$", "\u{432}ob", "bob\u{200b}", &long]),
        ("c20", ["../root", "bob/..", "b.ob", "bob ", "bob\n"]),
    ];
    for (id, names) in names {
        for name in names {
            cases.push(refused(id, json!(name), "EntryRefused", "not an account name"));
        }
    }
    cases.push(refused("c20", json!(""), "EntryRefused", "not an account name"));
    all_refused(&mut bench, &cases)
}

#[test]
fn c15_c16_l15_l16_an_account_that_is_nobodys() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let lab = &bench.lab;
    let free = lab.person("alice")?.uid + 10;
    for (name, uid, gid) in [
        ("toor", 0, free),
        ("wheely", free, 0),
        ("service", 999, 999),
        ("bottom", 1, 1),
        ("sixteen", 65_535, free),
        ("minus-one", u32::MAX, free),
        ("carol", free + 1, free + 1),
        ("karol", free + 1, free + 1),
    ] {
        add(lab, name, uid, gid, "/home/alice")?;
    }
    let by_number = "uid 0 or gid 0";
    let system = "system account";
    all_refused(
        &mut bench,
        &[
            refused("c15", json!("root"), "AccountIsRoot", by_number),
            refused("c15 l15", json!("toor"), "AccountIsRoot", by_number),
            refused("c15", json!("wheely"), "AccountIsRoot", by_number),
            refused("c16", json!("nobody"), "AccountIsSystem", system),
            refused("c16", json!("service"), "AccountIsSystem", system),
            refused("c16", json!("bottom"), "AccountIsSystem", system),
            refused("c16", json!("sixteen"), "AccountIsSystem", system),
            refused("c16", json!("minus-one"), "AccountIsSystem", system),
            refused("c16", json!("gaggle"), "AccountIsSystem", system),
            refused("l16", json!("carol"), "AccountShared", "named by several ids"),
            refused("l16", json!("karol"), "AccountShared", "named by several ids"),
        ],
    )
}

#[test]
fn c23_a_home_that_is_none() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let free = bench.lab.person("alice")?.uid + 3;
    let homes = [
        "/",
        "//",
        "/root",
        "/root/alice",
        "home/alice",
        "",
        "/nonexistent",
        "/nonexistent/x",
        "/home/../root",
        "/home/a\tb",
        "~",
    ];
    let mut cases = Vec::new();
    for (uid, home) in (free..).zip(homes) {
        let name = format!("home{uid}");
        add(&bench.lab, &name, uid, uid, home)?;
        cases.push(refused("c23", json!(name), "HomeUnusable", "no usable home"));
    }
    all_refused(&mut bench, &cases)
}

#[test]
fn c49_a_group_with_the_power_of_root() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let free = bench.lab.person("alice")?.uid + 10;
    // One of docker's aliases stands before it, and is what its number leads to.
    for (name, gid) in [
        ("adockers", 900),
        ("docker", 900),
        ("disk", 6),
        ("sudo", 27),
        ("lxd", 901),
        ("dockers", 900),
    ] {
        add_group(&bench.lab, name, gid)?;
    }
    add_group(&bench.lab, "project", free)?;
    add(&bench.lab, "member", free, 900, "/home/alice")?;
    let wants = |group: &str| json!({ "account": "bob", "groups": ["project", group] });
    let mut cases = Vec::new();
    for group in
        ["docker", "disk", "sudo", "lxd", "shadow", "gaggle", "root", "dockers", "adockers"]
    {
        cases.push(refused("c49", wants(group), "EntryRefused", "the power of root"));
    }
    cases.push(refused("c49", wants("no-such"), "EntryRefused", "does not exist"));
    cases.push(refused("c49", json!("member"), "EntryRefused", "the power of root"));
    all_refused(&mut bench, &cases)?;
    // The control: the other group alone is given.
    let bob = bench.lab.person("bob")?;
    let entry = json!({ bob.mattermost.id.as_str(): {"account": "bob", "groups": ["project"]} });
    write_mapping(&mut bench, &entry.to_string())?;
    starts(&mut Frontend::of(&bench.lab)?, &bob)
}

#[test]
fn c52_a_limit_that_is_none() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let limit = |name: &str, value: Value| json!({ "account": "bob", name: value });
    let mut cases = Vec::new();
    for (name, values) in [
        ("memory_max", [json!(0), json!("512M"), json!("lots"), json!(-1), json!("65T")]),
        ("pids_max", [json!(0), json!(1), json!("many"), json!(-1), json!(2_000_000)]),
        ("cpu_max", [json!(0), json!("0%"), json!("half"), json!(-1), json!(5_000_000)]),
    ] {
        for value in values {
            cases.push(refused("c52", limit(name, value), "EntryRefused", ""));
        }
    }
    all_refused(&mut bench, &cases)?;
    let records = bench.records("entry_refused")?;
    let named = |name: &str| records.iter().any(|r| r.field("GAGGLE_REASON").contains(name));
    ensure!(["memory_max", "pids_max", "cpu_max"].into_iter().all(named), "{records:?}");
    // The control: limits as they may be.
    let bob = bench.lab.person("bob")?;
    let entry = json!({"account": "bob", "memory_max": "2G", "pids_max": 100, "cpu_max": "150%"});
    write_mapping(&mut bench, &json!({ bob.mattermost.id.as_str(): entry }).to_string())?;
    starts(&mut Frontend::of(&bench.lab)?, &bob)
}

#[test]
fn c13_an_id_that_stands_twice_is_refused_alone() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let (a, b) = (alice.mattermost.id, bob.mattermost.id);
    for second in ["alice", "bob", "nobody-here"] {
        let text = format!(r#"{{"{a}": "alice", "{b}": "bob", "{a}": "{second}"}}"#);
        write_mapping(&mut bench, &text)?;
        let mut frontend = Frontend::of(&bench.lab)?;
        let answer = frontend.start(a)?;
        ensure!(answer.contains("EntryRefused"), "twice, {second} second: {answer}");
        let said = bench.records("entry_refused")?.pop().context("a record")?;
        ensure!(said.field("GAGGLE_REASON").contains("more than once"), "{said:?}");
        starts(&mut frontend, &bob)?;
    }
    write_mapping(&mut bench, &format!(r#"{{"{a}": "alice"}}"#))?;
    starts(&mut Frontend::of(&bench.lab)?, &alice)
}

#[test]
fn c14_two_ids_have_one_account_only_if_both_say_so() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder().person("carol"))? else { return Ok(()) };
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| bench.lab.person(name));
    let (alice, bob, carol) = (alice?, bob?, carol?);
    let (plain, shared) = (json!("alice"), json!({"account": "alice", "shared": true}));
    for (first, second, served) in [
        (&plain, &plain, false),
        (&shared, &plain, false),
        (&plain, &shared, false),
        (&shared, &shared, true),
    ] {
        let mut mapping = json!({ alice.mattermost.id.as_str(): first });
        mapping[bob.mattermost.id.as_str()] = second.clone();
        mapping[carol.mattermost.id.as_str()] = json!("carol");
        write_mapping(&mut bench, &mapping.to_string())?;
        let mut frontend = Frontend::of(&bench.lab)?;
        for person in [&alice, &bob] {
            let answer = frontend.start(person.mattermost.id)?;
            let as_it_should = if served {
                answer.starts_with("Started")
            } else {
                answer.contains("AccountShared")
            };
            ensure!(as_it_should, "{mapping}: {}: {answer}", person.name);
        }
        starts(&mut frontend, &carol)?;
    }
    Ok(())
}
