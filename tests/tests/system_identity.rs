//! Who an agent is: the account of the person who asked, and nothing more.

use anyhow::Result;
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::{Account, Home};
use serde_json::json;

#[test]
fn alice_and_bob_at_the_same_time_are_alice_and_bob() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let (alice, bob) = (lab.ask("alice", "run: id -un")?, lab.ask("bob", "run: id -un")?);
    assert_eq!(alice.answer()?, "alice");
    assert_eq!(bob.answer()?, "bob");
    Ok(())
}

#[test]
fn an_agent_has_its_own_group_no_capability_and_no_way_to_more() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut thread = lab.ask("alice", "run: id -G")?;
    assert_eq!(thread.answer()?, alice.uid.to_string());
    assert_eq!(thread.then("run: pwd")?, "/home/alice/workspace");
    let status = thread.then("run: grep -E '^(Cap|NoNewPrivs|Uid|Gid)' /proc/self/status")?;
    let lines: Vec<Vec<&str>> = status.lines().map(|l| l.split_whitespace().collect()).collect();
    let id = alice.uid.to_string();
    for line in &lines {
        let (key, values) = line.split_first().unwrap();
        match *key {
            "Uid:" | "Gid:" => assert_eq!(values, [&id, &id, &id, &id], "{status}"),
            "NoNewPrivs:" => assert_eq!(values, ["1"], "{status}"),
            _ => assert_eq!(values, ["0000000000000000"], "{status}"),
        }
    }
    assert_eq!(lines.len(), 8, "{status}");
    Ok(())
}

#[test]
fn an_account_of_a_directory_has_a_large_uid_and_works() -> Result<()> {
    let uid = 1_234_500_000 + std::process::id();
    let account = Account { name: "remote".to_owned(), uid, expires: None, home: Home::Proper };
    let builder = Lab::builder().account(account).entry("alice", json!("remote"));
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    assert_eq!(lab.answer("alice", "run: id -u")?, uid.to_string());
    Ok(())
}
