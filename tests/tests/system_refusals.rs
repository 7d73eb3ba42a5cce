//! Who gets no agent is told so and has nothing started, while the others work.
//! The reasons are tried one by one in `attacks/files`.

use std::time::Duration;

use anyhow::Result;
use gaggle_tests::lab::{Builder, Lab};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);

/// Alice is refused for `reason`, and bob is served.
fn refused(builder: Builder, reason: &str) -> Result<()> {
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let id = alice.mattermost.id.as_str();
    lab.ask("alice", "run: touch /tmp/started")?;
    let record = lab.record("start_refused", SOON, |r| r.field("GAGGLE_USER") == id)?;
    assert_eq!(record.field("GAGGLE_REASON"), reason, "{}", lab.logs());
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    let started = lab.namespace.records();
    let of_alice = started.iter().filter(|r| r.field("GAGGLE_USER") == id);
    assert_eq!(of_alice.filter(|r| r.is("worker_started")).count(), 0);
    // One worker runs, and it is not hers.
    let workers = lab.namespace.people_running("gaggle-worker");
    assert_eq!(workers.len(), 1);
    Ok(())
}

#[test]
fn without_an_entry() -> Result<()> {
    refused(Lab::builder().entry("alice", Value::Null), "unmapped")
}

#[test]
fn a_username_in_place_of_an_id() -> Result<()> {
    let named = r#"{"alice": "alice", "{bob}": "bob"}"#;
    let Some(lab) = Lab::builder().mapping(named).start_if_possible()? else { return Ok(()) };
    let entry = lab.record("entry_refused", SOON, |r| r.field("GAGGLE_KEY") == "alice")?;
    let why = entry.field("GAGGLE_REASON");
    assert!(why.contains("gaggle user add alice"), "{why}");
    drop(lab);
    refused(Lab::builder().mapping(named), "unmapped")
}
