//! Starting and stopping: never two, never somebody else's, never for long
//! without a frontend.
//!
//! Trust: none in the frontend.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use gaggle_ipc::MattermostUserId;
use gaggle_ipc::admin::AdminRequest;
use gaggle_ipc::control::ControlRequest;
use gaggle_tests::lab::probe::{Probe, frame};
use gaggle_tests::lab::{Lab, Which, wait};

use super::{CONFIGURE, SOON, lab, no_worker_is_left, records};

#[test]
fn f08_a_second_start_makes_no_second_worker() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let user = MattermostUserId::new(alice.mattermost.id.as_str())?;
    let start = frame(&ControlRequest::Start { request: 1, user });
    let mut probe = Probe::connected(&lab)?;
    // The second mostly before the first runs.
    assert_eq!((probe.raw(&start)?, probe.raw(&start)?), ("sent".into(), "sent".into()));
    let answers: BTreeSet<String> = [probe.receive()?, probe.receive()?].into();
    let [refused, started] = &answers.into_iter().collect::<Vec<_>>()[..] else {
        panic!("the same answer twice")
    };
    assert!(started.starts_with("Started") && started.ends_with("fds=1"), "{started}");
    assert!(refused.contains("Busy") || refused.starts_with("Running"), "{refused}");
    // And certainly after it.
    let again = probe.worker_of(&alice)?;
    assert!(again.starts_with("Running") && again.ends_with("fds=0"), "{again}");
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 1);
    assert_eq!(records(&lab, "worker_started"), 1);
    // The control: another person does get another worker.
    assert!(probe.worker_of(&lab.person("bob")?)?.starts_with("Started"));
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 2);
    Ok(())
}

#[test]
fn f09_starts_in_a_row_are_held_back() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let mut probe = Probe::connected(&lab)?;
    let mut started = 0;
    for worker in 1..=30 {
        let answer = probe.worker_of(&alice)?;
        if !answer.starts_with("Started") {
            assert!(answer.contains("StartRate"), "{answer}");
            break;
        }
        started += 1;
        assert!(probe.stop(worker)?.starts_with("Stopping"));
        assert!(probe.receive()?.starts_with("Exited"));
    }
    assert_eq!(started, 10, "{}", lab.logs());
    assert_eq!(records(&lab, "start_attempt"), 10, "what is held back is not even tried");
    // The control: one person's flood holds nobody else back.
    assert!(probe.worker_of(&bob)?.starts_with("Started"));
    Ok(())
}

#[test]
fn f09_there_are_only_so_many_workers_at_once() -> Result<()> {
    let lab = Lab::builder().supervisor("max_workers = 1").without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let mut probe = Probe::connected(&lab)?;
    assert!(probe.worker_of(&alice)?.starts_with("Started"));
    let refused = probe.worker_of(&bob)?;
    assert!(refused.contains("TooManyWorkers"), "{refused}");
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 1);
    // The control: in the place of the first the second is welcome.
    probe.stop(1)?;
    assert!(probe.receive()?.starts_with("Exited"));
    assert!(probe.worker_of(&bob)?.starts_with("Started"));
    Ok(())
}

#[test]
fn f11_f12_a_number_hits_the_one_worker_that_has_it() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    for worker in 1..=2 {
        let started = probe.worker_of(&alice)?;
        assert!(started.contains(&format!("WorkerId({worker})")), "{started}");
        assert!(!lab.namespace.processes("workers").is_empty());
        assert!(probe.stop(worker)?.starts_with("Stopping"));
        let exited = probe.receive()?;
        assert!(exited.contains("Stopped(Requested)"), "{exited}");
        assert!(lab.namespace.processes("workers").is_empty(), "reported too early");
    }
    let started = probe.worker_of(&alice)?;
    assert!(started.contains("WorkerId(3)"), "{started}");
    // Numbers of the past, of the future, and of the end of all numbers.
    for number in [1, 2, 0, 4, u64::MAX] {
        assert!(probe.stop(number)?.starts_with("Stopping"));
        assert!(probe.list()?.contains("[WorkerId(3)]"), "{number} hit it");
    }
    // Nor can a later frontend guess what an earlier one had.
    drop(probe);
    assert!(no_worker_is_left(&lab));
    let mut probe = Probe::connected(&lab)?;
    assert!(probe.worker_of(&alice)?.contains("WorkerId(4)"));
    probe.stop(3)?;
    assert!(probe.list()?.contains("[WorkerId(4)]"));
    // The control.
    probe.stop(4)?;
    assert!(probe.receive()?.contains("Stopped(Requested)"));
    Ok(())
}

#[test]
fn f35_a_session_socket_that_was_kept_leads_nowhere() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    probe.worker_of(&alice)?;
    // The control: while the worker runs somebody listens there.
    assert!(probe.from_session(0, &["Hello"])?.starts_with("Hello"));
    probe.to_worker(0, &[CONFIGURE])?;
    probe.stop(1)?;
    assert!(probe.receive()?.starts_with("Exited"));
    assert_eq!(probe.from_session(0, &[])?, "end");
    assert_eq!(probe.to_session(0, b"x")?, "send: EPIPE");
    // The next worker has a socket of its own.
    assert!(probe.worker_of(&alice)?.starts_with("Started"));
    assert_eq!(probe.to_session(0, b"x")?, "send: EPIPE");
    assert!(probe.from_session(1, &["Hello"])?.starts_with("Hello"));
    Ok(())
}

#[test]
fn f36_a_frontend_that_dies_takes_its_workers_along() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let daemon = "run: setsid sh -c 'trap \"\" TERM; exec sleep 4001' >/dev/null 2>&1 & echo up";
    assert_eq!(lab.answer("alice", daemon)?, "up");
    let before = lab.namespace.processes("workers");
    assert!(before.len() >= 3, "worker, Goose and a daemon run: {before:?}");
    lab.service(Which::Frontend)?.kill()?;
    assert!(no_worker_is_left(&lab), "{}", lab.logs());
    lab.record("frontend_gone", SOON, |_| true)?;
    lab.record("worker_exited", SOON, |record| {
        record.field("GAGGLE_REASON") == "stopped frontend_gone"
    })?;
    // The control: the supervisor serves the next one.
    lab.start(Which::Frontend)?;
    assert_eq!(lab.answer("alice", "run: echo again")?, "again");
    Ok(())
}

#[test]
fn f17_a_second_frontend_waits_until_the_first_and_its_workers_are_gone() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut first = Probe::connected(&lab)?;
    assert!(first.worker_of(&alice)?.starts_with("Started"));
    let (mut second, _) = Probe::start(&lab, gaggle_tests::lab::spec::FRONTEND_UID)?;
    assert!(second.receive()?.contains("InUse"));
    assert_eq!(second.receive()?, "end");
    assert!(first.list()?.contains("[WorkerId(1)]"), "the first is not disturbed");
    drop(first);
    let mut third = Probe::connected(&lab)?;
    let started = wait::until(SOON, || {
        let mut answer = third.worker_of(&alice).ok()?;
        if answer.starts_with("Exited") {
            answer = third.receive().ok()?;
        }
        // While the old one is being buried.
        assert!(answer.starts_with("Started") || answer.contains("Busy"), "{answer}");
        answer.starts_with("Started").then_some(answer)
    });
    let started = started.context("the old worker never ends")?;
    assert!(started.contains("WorkerId(2)"), "{started}");
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 1);
    Ok(())
}

#[test]
fn f12_a_worker_of_the_admins_is_neither_listed_nor_stopped() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let user = MattermostUserId::new(lab.person("alice")?.mattermost.id.as_str())?;
    let mut frontend = Probe::connected(&lab)?;
    let (mut admin, _) = Probe::start_at(&lab, 0, "/run/gaggle/admin.sock")?;
    assert_eq!(admin.raw(&frame(&AdminRequest::Probe { user }))?, "sent");
    let probing = admin.receive()?;
    assert!(probing.contains("WorkerId(1)") && probing.ends_with("fds=1"), "{probing}");
    let list = frontend.list()?;
    assert!(list.contains("workers: []"), "{list}");
    assert!(frontend.stop(1)?.starts_with("Stopping"));
    assert!(admin.from_session(0, &["Hello"])?.starts_with("Hello"));
    // The control: its own it does stop, and after that the other still runs.
    assert!(frontend.worker_of(&lab.person("bob")?)?.contains("WorkerId(2)"));
    frontend.stop(2)?;
    assert!(frontend.receive()?.contains("Stopped(Requested)"));
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 1);
    Ok(())
}
