//! Who gets no agent: each for its own reason, with nothing started, while the
//! others work.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::spec::{Account, CONFIG, Home};
use gaggle_tests::lab::{Builder, Lab, Which};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// Alice is refused for `reason` (and at `step`), and bob is served.
fn refused(builder: Builder, reason: &str, step: &str) -> Result<()> {
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let id = alice.mattermost.id.as_str();
    lab.ask("alice", "run: touch /tmp/started")?;
    let record = lab.record("start_refused", SOON, |r| r.field("GAGGLE_USER") == id)?;
    assert_eq!(record.field("GAGGLE_REASON"), reason, "{}", lab.logs());
    assert_eq!(record.field("GAGGLE_STEP"), step);
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    let started = lab.namespace.records();
    let of_alice = started.iter().filter(|r| r.field("GAGGLE_USER") == id);
    assert_eq!(of_alice.filter(|r| r.is("worker_started")).count(), 0);
    // One worker runs, and it is not hers.
    let workers = lab.namespace.people_running("gaggle-worker");
    assert_eq!(workers.len(), 1);
    Ok(())
}

fn account(name: &str, uid: u32) -> Account {
    Account { name: name.to_owned(), uid, expires: None, home: Home::Proper }
}

#[test]
fn without_an_entry() -> Result<()> {
    refused(Lab::builder().entry("alice", Value::Null), "unmapped", "")
}

#[test]
fn without_an_account() -> Result<()> {
    refused(Lab::builder().entry("alice", json!("nobody-here")), "account_unknown", "")
}

#[test]
fn with_an_expired_account() -> Result<()> {
    let expired = Account { expires: Some(1), ..account("leaver", 19_999) };
    refused(Lab::builder().account(expired).entry("alice", json!("leaver")), "account_expired", "")
}

#[test]
fn with_uid_0_under_another_name() -> Result<()> {
    let toor = account("toor", 0);
    refused(Lab::builder().account(toor).entry("alice", json!("toor")), "account_is_root", "")
}

#[test]
fn with_the_uid_of_a_service() -> Result<()> {
    let service = account("service", 999);
    let builder = Lab::builder().account(service).entry("alice", json!("service"));
    refused(builder, "account_is_system", "")
}

#[test]
fn with_an_account_that_another_has() -> Result<()> {
    let builder = Lab::builder().person("carol");
    refused(builder.entry("alice", json!("carol")), "account_shared", "")
}

#[test]
fn without_a_home() -> Result<()> {
    refused(Lab::builder().home("alice", Home::Missing), "launch_failed", "home_missing")
}

#[test]
fn with_a_home_of_somebody_else() -> Result<()> {
    refused(Lab::builder().home("alice", Home::OfRoot), "launch_failed", "home_owner")
}

#[test]
fn with_a_home_that_all_may_write() -> Result<()> {
    refused(Lab::builder().home("alice", Home::OpenToAll), "launch_failed", "home_mode")
}

#[test]
fn an_id_that_stands_twice() -> Result<()> {
    let twice = r#"{"{alice}": "alice", "{bob}": "bob", "{alice}": "bob"}"#;
    refused(Lab::builder().mapping(twice), "entry_refused", "")
}

#[test]
fn a_username_in_place_of_an_id() -> Result<()> {
    let named = r#"{"alice": "alice", "{bob}": "bob"}"#;
    let Some(lab) = Lab::builder().mapping(named).start_if_possible()? else { return Ok(()) };
    let entry = lab.record("entry_refused", SOON, |r| r.field("GAGGLE_KEY") == "alice")?;
    let why = entry.field("GAGGLE_REASON");
    assert!(why.contains("gaggle user add alice"), "{why}");
    drop(lab);
    refused(Lab::builder().mapping(named), "unmapped", "")
}

/// The mapping is spoilt while the supervisor runs: what was read before stays.
fn keeps_what_it_had(spoil: impl FnOnce(&std::path::Path) -> Result<()>) -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mapping = lab.namespace.seen(CONFIG).join("user_mapping.json");
    spoil(&mapping)?;
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    lab.record("configuration_refused", SOON, |r| {
        r.field("GAGGLE_REASON").contains("user_mapping.json")
    })?;
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    Ok(())
}

#[test]
fn a_mapping_that_a_group_may_write_is_not_read() -> Result<()> {
    keeps_what_it_had(|mapping| {
        Ok(fs::set_permissions(mapping, fs::Permissions::from_mode(0o664))?)
    })
}

#[test]
fn a_mapping_behind_a_link_is_not_read() -> Result<()> {
    keeps_what_it_had(|mapping| {
        let elsewhere = mapping.with_file_name("elsewhere.json");
        fs::rename(mapping, &elsewhere)?;
        symlink("elsewhere.json", mapping).context("plant a link")
    })
}

#[test]
fn a_mapping_that_is_no_json_is_not_read() -> Result<()> {
    keeps_what_it_had(|mapping| Ok(fs::write(mapping, "{ alice")?))
}
