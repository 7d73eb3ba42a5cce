//! What can be said on the control socket, and what cannot.
//!
//! Trust: none in the packets.

use anyhow::Result;
use gaggle_ipc::control::ControlRequest;
use gaggle_ipc::{MattermostUserId, WorkerId};
use gaggle_tests::lab::probe::{Probe, frame};
use gaggle_tests::lab::{Lab, wait};

use super::{SOON, lab, records};

const SOMEBODY: &str = "zo3yx6gsxbf8ppuaojzhiaj1yw";

/// A start whose id is these bytes, whatever they are.
fn start_with(id: &[u8]) -> Vec<u8> {
    let user = MattermostUserId::new(SOMEBODY).unwrap();
    let whole = frame(&ControlRequest::Start { request: 1, user });
    let mut packet = whole[..whole.len() - SOMEBODY.len()].to_vec();
    packet.extend(id);
    packet
}

/// Each packet ends the connection with a word of why, is audited, and starts
/// nothing.
fn each_is_hung_up_on(lab: &Lab, word: &str, packets: &[(&str, Vec<u8>)]) -> Result<()> {
    for (what, packet) in packets {
        let mut probe = Probe::connected(lab)?;
        let before = records(lab, "protocol_violation");
        assert_eq!(probe.raw(packet)?, "sent", "{what}");
        let first = probe.receive()?;
        assert!(first.starts_with("Closing") && first.contains(word), "{what}: {first}");
        assert_eq!(probe.receive()?, "end", "{what}");
        let audited = || (records(lab, "protocol_violation") == before + 1).then_some(());
        assert!(wait::until(SOON, audited).is_some(), "{what} is not audited\n{}", lab.logs());
    }
    assert_eq!(records(lab, "start_attempt"), 0, "{}", lab.logs());
    // The control: what is right about all of them but the wrong part is served.
    let started = Probe::connected(lab)?.worker_of(&lab.person("alice")?)?;
    assert!(started.starts_with("Started"), "{started}");
    Ok(())
}

#[test]
fn f04_f05_what_is_no_request_ends_the_connection() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let list = frame(&ControlRequest::List { request: 1 });
    let oversize = [list.clone(), vec![0; 600]].concat();
    let large = [list.clone(), vec![0; 100_000]].concat();
    let trailing = [list.clone(), vec![0, 0]].concat();
    let two = list.repeat(2);
    let short = list[..list.len() - 1].to_vec();
    let mut unknown = list.clone();
    unknown[1] = 0xff;
    each_is_hung_up_on(
        &lab,
        "ProtocolViolation",
        &[
            ("F04: 600 bytes", oversize),
            ("F04: 100,000 bytes", large),
            ("F05: trailing bytes", trailing),
            ("F05: two requests in one packet", two),
            ("F05: cut short", short),
            ("F05: the version alone", vec![list[0]]),
            ("F05: an unknown variant", unknown),
            ("F05: random bytes", vec![list[0], 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad]),
        ],
    )
}

#[test]
fn f06_another_version_is_told_ours() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let versions = [0, 2, 0xff].map(|version| {
        let mut list = frame(&ControlRequest::List { request: 1 });
        list[0] = version;
        ("another version", list)
    });
    each_is_hung_up_on(&lab, "Version(1)", &versions)
}

#[test]
fn f05_an_empty_packet_is_an_end() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    assert_eq!(probe.raw(b"")?, "sent");
    assert_eq!(probe.receive()?, "end");
    lab.record("frontend_gone", SOON, |_| true)?;
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn f07_what_is_no_id_ends_the_connection() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?.mattermost.id.to_string();
    let (rest, upper) = (&alice[1..], alice.to_uppercase());
    each_is_hung_up_on(
        &lab,
        "ProtocolViolation",
        &[
            ("too short", start_with(rest.as_bytes())),
            ("too long", start_with(format!("{alice}a").as_bytes())),
            ("upper case", start_with(upper.as_bytes())),
            ("a slash", start_with(format!("/{rest}").as_bytes())),
            ("a line break", start_with(format!("\n{rest}").as_bytes())),
            ("NUL", start_with(format!("\0{rest}").as_bytes())),
            ("a letter that only looks right", start_with(format!("а{}", &rest[1..]).as_bytes())),
            ("no text at all", start_with(&[0xff; 26])),
        ],
    )
}

#[test]
fn f01_who_is_not_mapped_gets_nothing() -> Result<()> {
    let lab = Lab::builder().entry("bob", serde_json::Value::Null).without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let bob = lab.person("bob")?;
    let refused = probe.worker_of(&bob)?;
    assert!(refused.contains("Unmapped"), "{refused}");
    lab.record("start_refused", SOON, |record| {
        record.field("GAGGLE_USER") == bob.mattermost.id.to_string()
            && record.field("GAGGLE_REASON") == "unmapped"
    })?;
    assert!(lab.namespace.processes("workers").is_empty());
    // The control: who is mapped gets a worker on the same connection.
    let started = probe.worker_of(&lab.person("alice")?)?;
    assert!(started.starts_with("Started"), "{started}");
    Ok(())
}

#[test]
fn f03_no_request_names_an_account_a_uid_a_path_or_a_command() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    // All that is chosen freely in a start is the id, of one fixed length...
    let mut probe = Probe::connected(&lab)?;
    for id in ["00000000000000000000000000", "root0000000000000000000000"] {
        let user = MattermostUserId::new(id)?;
        let refused = probe.ask(&ControlRequest::Start { request: 1, user })?;
        assert!(refused.contains("Unmapped"), "{id}: {refused}");
    }
    drop(probe);
    // ... and more than that, in the forms another protocol might have had, is
    // not a request any more.
    let alice = lab.person("alice")?.mattermost.id.to_string();
    let with = |more: &[u8]| [start_with(alice.as_bytes()), more.to_vec()].concat();
    each_is_hung_up_on(
        &lab,
        "ProtocolViolation",
        &[
            ("uid 0", with(&0_u32.to_le_bytes())),
            ("an account", with(b"\x04\0\0\0\0\0\0\0root")),
            ("a path", with(b"\x07\0\0\0\0\0\0\0/bin/sh")),
            ("a command", with(b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0id")),
            (
                "an account as the id",
                start_with(b"root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            ),
            ("a path as the id", start_with(b"../../../../../../bin/bash")),
        ],
    )
}

#[test]
fn f18_the_number_of_a_request_means_nothing() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let user = MattermostUserId::new(lab.person("alice")?.mattermost.id.as_str())?;
    let started = probe.ask(&ControlRequest::Start { request: u32::MAX, user })?;
    assert!(started.starts_with(&format!("Started {{ request: {}", u32::MAX)), "{started}");
    // Used again, and out of order: each answer has the number of its own request.
    for request in [u32::MAX, 0, u32::MAX, 7, 7, 0] {
        let list = probe.ask(&ControlRequest::List { request })?;
        assert!(list.starts_with(&format!("Workers {{ request: {request},")), "{list}");
        assert!(list.contains("[WorkerId(1)]"), "{list}");
    }
    let worker = WorkerId(99);
    let none = probe.ask(&ControlRequest::Stop { request: u32::MAX, worker })?;
    assert!(none.starts_with("Stopping"), "{none}");
    assert!(probe.list()?.contains("[WorkerId(1)]"));
    Ok(())
}
