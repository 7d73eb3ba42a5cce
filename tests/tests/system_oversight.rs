//! What root watches while people work: name services that hang, the admin's
//! word that switches everything off.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::{codec, seqpacket};
use gaggle_tests::lab::spec::{CONFIG, RUNTIME};
use gaggle_tests::lab::{Lab, wait};

const SOON: Duration = Duration::from_secs(20);

/// Asks the supervisor as root; the last reply before `Done`.
fn ask(lab: &Lab, request: &AdminRequest) -> Result<AdminReply> {
    let socket = lab.namespace.seen(RUNTIME).join("admin.sock");
    let socket = seqpacket::connect_to(&socket)?;
    seqpacket::send(&socket, &codec::encode(request).map_err(anyhow::Error::from)?, None)?;
    let mut last = None;
    loop {
        let packet = wait::until(SOON, || seqpacket::receive(&socket, codec::MAX_FRAME).ok());
        let packet = packet.context("an answer")?;
        match codec::decode(&packet.bytes, codec::MAX_FRAME)? {
            AdminReply::Done => return last.context("more than Done"),
            reply => last = Some(reply),
        }
    }
}

#[test]
fn a_name_service_that_hangs_holds_nobody_else_up() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    // Whoever opens a FIFO that nobody writes waits for ever: root looks there
    // whether an account is expired.
    let hang = "mkfifo -m 600 /run/shadow && mount --bind /run/shadow /etc/shadow";
    ensure!(lab.namespace.run(0, &["sh", "-c", hang])?.status.success());
    let alice = lab.ask("alice", "run: id -un")?;
    lab.record("start_attempt", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    // Root still serves: its admin, and who has a worker.
    ensure!(matches!(ask(&lab, &AdminRequest::Status)?, AdminReply::Worker(_)));
    assert_eq!(lab.answer("bob", "run: echo still here")?, "still here");
    // Whose account nobody can look up gets no worker, and is told.
    lab.record("start_refused", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    let said = alice.answer()?;
    assert!(said.contains("could not be started") && !said.contains("alice"), "{said}");
    ensure!(lab.namespace.run(0, &["umount", "/etc/shadow"])?.status.success());
    assert_eq!(lab.answer("alice", "run: id -un")?, "alice");
    Ok(())
}

#[test]
fn a_lockdown_stops_everybody_and_lets_nobody_start() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    assert_eq!(lab.answer("alice", "run: id -un")?, "alice", "the control");
    let on = ask(&lab, &AdminRequest::Lockdown { on: true })?;
    assert_eq!(on, AdminReply::LockedDown { on: true, stopped: 1 });
    lab.record("lockdown", SOON, |r| r.field("GAGGLE_STATE") == "on")?;
    lab.record("worker_exited", SOON, |r| r.field("GAGGLE_REASON") == "stopped lockdown")?;
    let said = lab.answer("alice", "run: id -un")?;
    assert!(said.contains("switched all agents off"), "{said}");
    let again = ask(&lab, &AdminRequest::Lockdown { on: true })?;
    assert_eq!(again, AdminReply::LockedDown { on: true, stopped: 0 });
    ask(&lab, &AdminRequest::Lockdown { on: false })?;
    assert_eq!(lab.answer("alice", "run: id -un")?, "alice");
    Ok(())
}

#[test]
fn a_lockdown_lasts_over_a_restart() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    let file = lab.namespace.seen(CONFIG).join("lockdown");
    std::fs::write(&file, "")?;
    lab.restart(gaggle_tests::lab::service::Which::Supervisor)?;
    let status = || -> Result<bool> {
        let socket = lab.namespace.seen(RUNTIME).join("admin.sock");
        let socket = seqpacket::connect_to(&socket)?;
        let request = codec::encode(&AdminRequest::Status).map_err(anyhow::Error::from)?;
        seqpacket::send(&socket, &request, None)?;
        let packet = wait::until(SOON, || seqpacket::receive(&socket, codec::MAX_FRAME).ok());
        match codec::decode(&packet.context("an answer")?.bytes, codec::MAX_FRAME)? {
            AdminReply::Summary(summary) => Ok(summary.lockdown),
            other => anyhow::bail!("{other:?}"),
        }
    };
    assert!(status()?);
    std::fs::remove_file(file)?;
    ask(&lab, &AdminRequest::Reload)?;
    assert!(!status()?);
    Ok(())
}
