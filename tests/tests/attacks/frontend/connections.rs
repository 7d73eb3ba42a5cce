//! The connection itself: how many, whose, and what else can be sent on it.
//!
//! Trust: none in the frontend.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use gaggle_ipc::control::ControlRequest;
use gaggle_tests::lab::probe::{Probe, frame, hex};
use gaggle_tests::lab::spec::FRONTEND_UID;
use gaggle_tests::lab::{Which, wait};

use super::{SOON, descriptors, lab, records};

fn list() -> String {
    hex(&frame(&ControlRequest::List { request: 1 }))
}

#[test]
fn f13_who_does_not_read_is_dropped_and_not_waited_for() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut deaf = Probe::connected(&lab)?;
    assert!(deaf.worker_of(&lab.person("alice")?)?.starts_with("Started"));
    let said = deaf.say(&format!("unread 100000 {}", list()))?;
    assert!(said.contains("send: E"), "{said}");
    lab.record("frontend_gone", SOON, |_| true)?;
    // Its workers end, and the next one is served.
    assert!(super::no_worker_is_left(&lab));
    let mut honest = Probe::connected(&lab)?;
    // The control: who reads may ask as often.
    let said = honest.say(&format!("busy 1000 {}", list()))?;
    assert_eq!(said, "busy after=1000 nothing");
    Ok(())
}

#[test]
fn f14_a_crowd_of_connections_disturbs_nobody() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let mut served = Probe::connected(&lab)?;
    assert!(served.worker_of(&lab.person("alice")?)?.starts_with("Started"));
    let before = descriptors(&mut lab)?;
    let (mut crowd, _) = Probe::start(&lab, FRONTEND_UID)?;
    crowd.begin("crowd 20000")?;
    for _ in 0..50 {
        assert!(served.list()?.contains("[WorkerId(1)]"));
        assert!(descriptors(&mut lab)? <= before + 1, "connections pile up");
    }
    let said = crowd.line()?;
    let waiting: usize = said.rsplit('=').next().unwrap_or_default().parse()?;
    // The control: it did try, and some of it did reach the supervisor.
    assert!(said.starts_with("crowd of=20000") && waiting > 0, "{said}");
    lab.record("peer_refused", SOON, |r| r.field("GAGGLE_REASON").contains("another frontend"))?;
    assert!(served.list()?.contains("[WorkerId(1)]"));
    drop((crowd, served));
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn f15_descriptors_and_credentials_that_are_sent_along_do_not_arrive() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let before = descriptors(&mut lab)?;
    for _ in 0..20 {
        assert_eq!(probe.say(&format!("gifts 50 {}", list()))?, "sent");
        assert!(probe.receive()?.starts_with("Workers"));
        assert_eq!(probe.say(&format!("credentials {}", list()))?, "sent");
        assert!(probe.receive()?.starts_with("Workers"));
    }
    assert_eq!(descriptors(&mut lab)?, before);
    // The control: descriptors do travel on this kind of socket.
    assert!(probe.worker_of(&lab.person("alice")?)?.ends_with("fds=1"));
    Ok(())
}

#[test]
fn f16_a_connection_in_other_hands_stays_the_frontends() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let bob = lab.person("bob")?;
    let meeting = lab.namespace.seen("/srv/meeting");
    fs::create_dir(&meeting)?;
    fs::set_permissions(&meeting, Permissions::from_mode(0o777))?;
    let path = "/srv/meeting/here";
    let mut taker = Probe::taker(&lab, bob.uid, path)?;
    let mut giver = Probe::connected(&lab)?;
    assert_eq!(giver.say(&format!("hand-over {path}"))?, "given");
    assert_eq!(taker.line()?, "connected");
    drop(giver);
    // The control: it works, as it worked for the frontend...
    assert!(taker.worker_of(&lab.person("alice")?)?.starts_with("Started"));
    // ... and for nothing more than that.
    let user = gaggle_ipc::MattermostUserId::new("root0000000000000000000000")?;
    let refused = taker.ask(&ControlRequest::Start { request: 1, user })?;
    assert!(refused.contains("Unmapped"), "{refused}");
    let (_, greeting) = Probe::start(&lab, bob.uid)?;
    assert_eq!(greeting, "connect: EACCES");
    // It is one connection still, and what is done on it is the frontend's doing.
    let (mut second, _) = Probe::start(&lab, FRONTEND_UID)?;
    assert!(second.receive()?.contains("InUse"));
    assert_eq!(taker.raw(b"\x01")?, "sent");
    let frontend = FRONTEND_UID.to_string();
    lab.record("protocol_violation", SOON, |r| r.field("GAGGLE_UID") == frontend)?;
    assert!(super::no_worker_is_left(&lab));
    Ok(())
}

#[test]
fn f39_f41_requests_without_a_pause_starve_nobody() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let mut probe = Probe::connected(&lab)?;
    assert!(probe.worker_of(&alice)?.starts_with("Started"));
    assert!(probe.worker_of(&bob)?.starts_with("Started"));
    let worker = lab.namespace.people_running("gaggle-worker")[0];
    let stop = ControlRequest::Stop { request: 2, worker: gaggle_ipc::WorkerId(99) };
    probe.begin(&format!("busy 2000 {} {}", list(), hex(&frame(&stop))))?;
    // Signals: the files are read again.
    let loaded = records(&lab, "configuration_loaded");
    lab.service(Which::Supervisor)?.signal(nix::sys::signal::Signal::SIGHUP)?;
    let again = || (records(&lab, "configuration_loaded") > loaded).then_some(());
    assert!(wait::until(SOON, again).is_some(), "{}", lab.logs());
    // The admin is answered.
    let status = lab.namespace.run(0, &["/srv/gaggle/lib/gaggle", "status"])?;
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    // A death is noticed.
    lab.namespace.run(0, &["kill", "-9", &worker.to_string()])?;
    lab.record("worker_exited", SOON, |r| r.field("GAGGLE_REASON") == "signal 9")?;
    // The control: all of it happened while the requests went on, each answered.
    assert_eq!(probe.line()?, "busy after=2000 nothing");
    Ok(())
}
