//! A worker that will not end, or ends in ways meant to confuse.
//!
//! Trust: none in the worker. Root knows it by its pidfd and its cgroup.

use std::fs;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use gaggle_ipc::seqpacket;
use gaggle_tests::lab::{Lab, wait};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{SOON, hostile, nothing_is_left, order, processes_of, rouse, said_with};

/// The row, what the worker does once it runs, and how many processes it is then.
const STUBBORN: &[(&str, &str, usize)] = &[
    ("W11", "sh (setsid setsid bash -c \"trap '' TERM INT HUP; sleep 1000; :\" &) / sleep", 3),
    ("W27", "signal SIGSTOP / sleep", 1),
    ("W28", "log 0 noise", 1),
];

#[test]
fn w11_w27_w28_a_stop_ends_what_does_not_want_to_end() -> Result<()> {
    let Some(lab) = hostile(Lab::builder().person("carol").person("dave"))? else { return Ok(()) };
    let names = ["alice", "carol", "dave"];
    let mut threads = Vec::new();
    for (name, (id, does, count)) in names.iter().zip(STUBBORN) {
        order(&lab, name, &format!("ignore / hello / await / begin / say working / {does}"))?;
        let thread = rouse(&lab, name)?;
        thread.shows("working")?;
        let uid = lab.person(name)?.uid;
        let there = || Some(processes_of(&lab, uid)).filter(|pids| pids.len() >= *count);
        let pids = wait::until(SOON, there).with_context(|| format!("{id}: {does}"))?;
        // The control: asked nicely they stay.
        for pid in &pids {
            kill(Pid::from_raw(*pid), Signal::SIGTERM)?;
        }
        assert!(there().is_some(), "{id}: {does} ends when asked");
        threads.push(thread);
    }
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    for ((name, (id, does, _)), thread) in names.iter().zip(STUBBORN).zip(&threads) {
        thread.command("!stop")?;
        let told = thread.answer().with_context(|| format!("{id}: {does}"))?;
        assert!(told.contains("Stopped"), "{id}: {told}");
        nothing_is_left(&lab, name).with_context(|| format!("{id}: {does}"))?;
    }
    Ok(())
}

#[test]
fn w11_one_that_leaves_its_session_does_not_live_on() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    order(&lab, "alice", "ignore / hello / await / begin / say working / close / sleep")?;
    let thread = rouse(&lab, "alice")?;
    let told = thread.answer()?;
    assert!(told.contains("working") && told.contains("Interrupted"), "{told}");
    nothing_is_left(&lab, "alice")
}

/// A place where the account's worker can leave descriptors, outside of its
/// cgroup.
struct Fence(OwnedFd);

impl Fence {
    const PATH: &str = "/home/alice/fence";

    fn open(lab: &Lab) -> Result<Self> {
        let path = lab.namespace.seen(Self::PATH);
        let socket = seqpacket::listen_at(&path)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
        Ok(Self(socket))
    }

    /// What was left there.
    fn take(&self) -> Result<OwnedFd> {
        let link = wait::until(SOON, || seqpacket::accept(&self.0).ok()).context("nobody came")?;
        let packet = wait::until(SOON, || seqpacket::receive_with_fd(&link, 64).ok());
        packet.context("nothing was given")?.fds.pop().context("no descriptor")
    }
}

#[test]
fn w12_w39_a_session_in_other_hands_ends_with_its_worker() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    let fence = Fence::open(&lab)?;
    let leave =
        format!("hand {} / say given / sh until test -e ~/go; do sleep 0.1; done", Fence::PATH);
    order(&lab, "alice", &format!("hello / await / begin / {leave} / exit 0"))?;
    let thread = rouse(&lab, "alice")?;
    let session = fence.take()?;
    thread.shows("given")?;
    // The control: as long as she has her worker the other end is there.
    assert_eq!(seqpacket::receive(&session, 64).unwrap_err(), Errno::EAGAIN);
    fs::write(lab.namespace.seen("/home/alice/go"), "")?;
    let told = thread.answer()?;
    assert!(told.contains("Interrupted"), "W39: {told}");
    // Whoever holds it now holds nothing.
    let over = wait::until(SOON, || {
        seqpacket::receive(&session, 64).is_ok_and(|packet| packet.is_end()).then_some(())
    });
    over.context("W12: the session goes on without its worker")?;
    assert!(seqpacket::send(&session, b"more", None).is_err(), "W12");
    nothing_is_left(&lab, "alice")?;
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    Ok(())
}

#[test]
fn w30_a_log_in_other_hands_holds_nothing_up() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    let fence = Fence::open(&lab)?;
    order(&lab, "alice", &format!("hello / hand-log {} / exit 3", Fence::PATH))?;
    rouse(&lab, "alice")?;
    let log = fence.take()?;
    let exited = lab.record("worker_exited", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    assert_eq!(exited.field("GAGGLE_REASON"), "status 3");
    // Nobody reads it any more.
    let unread =
        wait::until(SOON, || (nix::unistd::write(&log, b"x\n") == Err(Errno::EPIPE)).then_some(()));
    unread.context("root still reads the log of a worker that is gone")?;
    Ok(())
}

#[test]
fn w28_a_flooded_log_is_cut_and_counted() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    order(&lab, "alice", "hello / log 5000 noise / sh echo SAID / log 0 noise")?;
    rouse(&lab, "alice")?;
    said_with(&lab, "alice", "SAID")?;
    let dropped = |r: &gaggle_tests::lab::Entry| r.field("GAGGLE_UNATTESTED").contains("dropped");
    lab.record("worker_output", SOON, dropped)?;
    let lines = lab.namespace.records().iter().filter(|r| r.is("worker_output")).count();
    // Thirty of a span, and not many spans can have passed.
    assert!(lines < 300, "{lines} lines were passed on");
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    Ok(())
}

#[test]
fn w29_a_log_line_stays_a_log_line() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    let forged = "MESSAGE_ID=1de175fef1cf4d6d8b5e8ccbb58187fe GAGGLE_EVENT=worker_started";
    let socket = "act send /run/systemd/journal/socket GAGGLE_EVENT=forged";
    let long = format!("log 1 {}", "y".repeat(5000));
    let verbs = format!(
        "hello / log 1 {forged}\\nGAGGLE_EVENT=lockdown\\n_UID=0 / log 1 \\e[2Jred\\e[0m / {long} / \
         sh {socket}; echo SAID / sleep"
    );
    order(&lab, "alice", &verbs)?;
    rouse(&lab, "alice")?;
    said_with(&lab, "alice", "SAID")?;
    let is_long = |r: &gaggle_tests::lab::Entry| r.field("GAGGLE_UNATTESTED").starts_with("yyy");
    let long = lab.record("worker_output", SOON, is_long)?;
    assert_eq!(long.field("GAGGLE_UNATTESTED").len(), 1024);
    let records = lab.namespace.records();
    let started = records.iter().filter(|r| r.is("worker_started")).count();
    assert_eq!(started, 1, "the control: the true one is there, and no other");
    for record in records.iter().filter(|r| r.is("worker_output")) {
        assert_eq!(record.field("GAGGLE_ACCOUNT"), "alice");
        assert!(record.fields.values().all(|text| !text.contains(['\x1b', '\n'])), "{record:?}");
    }
    let told: Vec<_> = records.iter().map(|r| r.field("GAGGLE_UNATTESTED")).collect();
    for line in [forged, "GAGGLE_EVENT=lockdown", "_UID=0"] {
        assert!(told.contains(&line), "{line} is not told of as the worker's word: {told:?}");
    }
    assert!(!records.iter().any(|r| ["lockdown", "forged"].contains(&r.field("GAGGLE_EVENT"))));
    Ok(())
}
