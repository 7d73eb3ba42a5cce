//! Attempts to bring the supervisor down, and what is left when it is.
//!
//! Trust: none in the packets.

use anyhow::Result;
use gaggle_ipc::codec::{MAX_REQUEST, decode, encode};
use gaggle_ipc::control::ControlRequest;
use gaggle_ipc::{MattermostUserId, WorkerId};
use gaggle_tests::lab::namespace::process_name;
use gaggle_tests::lab::probe::{Probe, frame, hex};
use gaggle_tests::lab::spec::FRONTEND_UID;
use gaggle_tests::lab::{Entry, Lab, Which, wait};
use gaggle_tests::mutation::Mutator;

use super::{SOON, descriptors, lab, records};

/// Mutations that the decoder alone meets, and connections of a hundred each
/// that the running supervisor meets: it takes twenty of them in a second.
const PACKETS: usize = 300_000;
const CONNECTIONS: usize = 150;
/// Requests in any order: it takes 200 of them in a second.
const ORDERS: usize = 1500;

fn requests(user: &str) -> Result<Vec<Vec<u8>>> {
    let user = MattermostUserId::new(user)?;
    Ok(vec![
        frame(&ControlRequest::Start { request: 1, user }),
        frame(&ControlRequest::Stop { request: 2, worker: WorkerId(1) }),
        frame(&ControlRequest::List { request: 3 }),
    ])
}

#[test]
fn f40_no_packet_breaks_the_decoder() -> Result<()> {
    let mut mutator = Mutator::new(40, requests("zo3yx6gsxbf8ppuaojzhiaj1yw")?);
    let (mut requests, mut refused) = (0, 0);
    for _ in 0..PACKETS {
        let packet = mutator.packet();
        match decode::<ControlRequest>(&packet, MAX_REQUEST) {
            Ok(request) => {
                assert_eq!(
                    encode(&request).as_deref(),
                    Ok(&packet[..]),
                    "two forms of one request"
                );
                requests += 1;
            }
            Err(_) => refused += 1,
        }
    }
    // The control: both kinds were among them.
    assert!(requests > PACKETS / 10 && refused > PACKETS / 10, "{requests} {refused}");
    Ok(())
}

#[test]
fn f40_no_packet_brings_the_supervisor_down() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let (mut fuzzer, _) = Probe::start(&lab, FRONTEND_UID)?;
    let seeds: Vec<String> =
        requests("zo3yx6gsxbf8ppuaojzhiaj1yw")?.iter().map(|packet| hex(packet)).collect();
    // Its first connection would keep all others out.
    assert_eq!(fuzzer.raw(b"")?, "sent");
    let said = fuzzer.say(&format!("fuzz 41 {CONNECTIONS} {}", seeds.join(" ")))?;
    // The control: packets did arrive, as requests and as none.
    assert!(said.starts_with("fuzz sent="), "{said}");
    assert!(records(&lab, "protocol_violation") > CONNECTIONS / 2, "{said}\n{}", lab.logs());
    assert!(lab.service(Which::Supervisor)?.ended().is_none(), "{}", lab.logs());
    assert_eq!(records(&lab, "ready"), 1, "it was started anew");
    let mut honest = Probe::connected(&lab)?;
    assert!(honest.worker_of(&alice)?.starts_with("Started"));
    Ok(())
}

/// Requests as they should be, thousands of them in any order.
#[test]
fn f08_f40_no_order_of_requests_makes_a_second_worker_or_leaves_one_behind() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let mut packets = vec![frame(&ControlRequest::List { request: 3 })];
    for person in [&alice, &bob] {
        packets.extend(requests(person.mattermost.id.as_str())?.into_iter().take(1));
    }
    packets.extend(
        (1..24).map(|worker| frame(&ControlRequest::Stop { request: 2, worker: WorkerId(worker) })),
    );
    let packets: Vec<String> = packets.iter().map(|packet| hex(packet)).collect();
    let mut probe = Probe::connected(&lab)?;
    let before = descriptors(&mut lab)?;
    let said = probe.say(&format!("storm 42 {ORDERS} {}", packets.join(" ")))?;
    assert_eq!(said, format!("storm sent={ORDERS}"));
    drop(probe);
    assert!(super::no_worker_is_left(&lab), "{}", lab.logs());
    for person in [alice, bob] {
        let id = person.mattermost.id.to_string();
        let of_person = |record: &Entry| record.field("GAGGLE_USER") == id;
        let records = lab.namespace.records();
        let life: Vec<bool> = records
            .iter()
            .filter(|r| of_person(r) && (r.is("worker_started") || r.is("worker_exited")))
            .map(|record| record.is("worker_started"))
            .collect();
        // The control: there were starts, as many as the rate lets through.
        assert!(life.len() > 4, "{life:?}");
        assert!(life.iter().zip([true, false].iter().cycle()).all(|(a, b)| a == b), "{life:?}");
    }
    let _next = Probe::connected(&lab)?;
    assert_eq!(descriptors(&mut lab)?, before, "each start leaves a descriptor open");
    Ok(())
}

/// A frontend that dies as soon as it has asked, over and over.
#[test]
fn f36_f40_who_asks_and_vanishes_leaves_nothing_behind() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let start = requests(lab.person("alice")?.mattermost.id.as_str())?.remove(0);
    let before = descriptors(&mut lab)?;
    for _ in 0..9 {
        let mut probe = Probe::connected(&lab)?;
        assert_eq!(probe.raw(&start)?, "sent");
        drop(probe);
        assert!(super::no_worker_is_left(&lab), "{}", lab.logs());
    }
    // The control: it was tried, and by now and then one did start.
    assert!(records(&lab, "start_attempt") > 0, "{}", lab.logs());
    let tree = lab.namespace.cgroup().join("workers");
    let left = || {
        let folders = std::fs::read_dir(&tree).ok()?.flatten();
        (!folders.into_iter().any(|entry| entry.path().is_dir())).then_some(())
    };
    assert!(wait::until(SOON, left).is_some(), "cgroups are left\n{}", lab.logs());
    let closed = || (descriptors(&mut lab).ok()? == before).then_some(());
    assert!(wait::until(SOON, closed).is_some(), "descriptors are left");
    Ok(())
}

#[test]
fn f40_when_the_supervisor_is_killed_its_workers_end() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let daemon =
        "run: setsid sh -c 'trap \"\" TERM HUP; exec sleep 4002' >/dev/null 2>&1 & echo up";
    assert_eq!(lab.answer("alice", daemon)?, "up");
    let before = lab.namespace.processes("workers");
    for name in ["gaggle-worker", "goose", "sleep"] {
        assert_eq!(lab.namespace.people_running(name).len(), 1, "the control: {name}: {before:?}");
    }
    lab.service(Which::Supervisor)?.kill()?;
    // At once the worker, by its death signal; with it goes Goose's input.
    for name in ["gaggle-worker", "goose"] {
        let gone = || lab.namespace.people_running(name).is_empty().then_some(());
        assert!(wait::until(SOON, gone).is_some(), "{name} goes on without root\n{}", lab.logs());
    }
    // Systemd ends what is left; without it the next supervisor does.
    lab.start(Which::Supervisor)?;
    for pid in before {
        assert_eq!(process_name(pid), "", "{pid} outlives the next supervisor's start");
    }
    assert_eq!(lab.answer("alice", "run: echo again")?, "again");
    Ok(())
}
