//! What comes over a session socket is an account's word: here a supervisor of
//! the test's own hands out workers of the test's own, which say anything.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use gaggle_ipc::admin::{AdminReply, AdminRequest, Entry, Summary};
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::session::{FromWorker, ProbeOutcome};
use gaggle_ipc::{AccountName, Text, WorkerId, seqpacket};
use gaggle_tests::lab::{needs, programs, wait};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};
use serde_json::Value;

use super::{Login, SOON, text};

const ALICE: &str = "zo3yx6gsxbf8ppuaojzhiaj1yw";

fn summary() -> AdminReply {
    AdminReply::Summary(Summary {
        version: Text::lossy("1"),
        started: 0,
        landlock_abi: 7,
        landlock_floor: 3,
        frontend_connected: true,
        journal: true,
        stale: None,
        lockdown: false,
        missing_controllers: Text::lossy(""),
    })
}

fn entry() -> AdminReply {
    AdminReply::Entry(Entry {
        key: Text::lossy(ALICE),
        account: Text::lossy("alice"),
        profile: Some(Profile::Workspace),
        problem: None,
    })
}

fn probing() -> Result<AdminReply> {
    let account = AccountName::new("alice")?;
    Ok(AdminReply::Probing {
        worker: WorkerId(1),
        account,
        profile: Profile::Workspace,
        shared: false,
    })
}

fn probed(name: &str, detail: &str) -> Result<Vec<u8>> {
    let probed = FromWorker::Probed {
        attack: Text::lossy(name),
        outcome: ProbeOutcome::Held,
        detail: Text::lossy(detail),
    };
    encode(&probed)
}

fn ended() -> Result<Vec<u8>> {
    encode(&FromWorker::ProbeEnded { complete: true })
}

fn encode<M: codec::Encode>(message: &M) -> Result<Vec<u8>> {
    codec::encode(message).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Answers the command's two questions, and plays the worker.
fn serve(listener: &OwnedFd, frames: &[Vec<u8>]) -> Result<u32> {
    let mut uid = 0;
    // One connection asks for the people, the other for the worker.
    for _ in 0..2 {
        let admin =
            wait::until(SOON, || seqpacket::accept(listener).ok()).context("nobody asks")?;
        let packet = wait::until(SOON, || seqpacket::receive(&admin, MAX_FRAME).ok());
        let packet = packet.context("no question")?;
        let request = codec::decode(&packet.bytes, MAX_FRAME);
        match request.map_err(|error| anyhow::anyhow!("{error}"))? {
            AdminRequest::Status => {
                for reply in [summary(), entry(), AdminReply::Done] {
                    seqpacket::send(&admin, &encode(&reply)?, None)?;
                }
            }
            AdminRequest::Probe { .. } => {
                let (ours, theirs) = seqpacket::pair()?;
                setsockopt(&ours, sockopt::PassCred, &true)?;
                seqpacket::send(&admin, &encode(&probing()?)?, Some(&theirs))?;
                drop(theirs);
                seqpacket::send(&admin, &encode(&AdminReply::Done)?, None)?;
                uid = play(&ours, frames)?;
            }
            other => anyhow::bail!("asked for {other:?}"),
        }
    }
    Ok(uid)
}

/// Says all frames and hangs up. Returns whose the first word to it was.
fn play(session: &OwnedFd, frames: &[Vec<u8>]) -> Result<u32> {
    let uid = wait::until(SOON, || sender(session)).context("the worker is told nothing")?;
    // The second word, too: what is unread at a hang-up takes away what was said.
    wait::until(SOON, || sender(session)).context("the worker is not asked")?;
    for frame in frames {
        let sent = wait::until(SOON, || match seqpacket::send(session, frame, None) {
            Err(Errno::EAGAIN) => None,
            result => Some(result),
        });
        // A reader that has had enough hangs up.
        if sent.context("nobody reads")?.is_err() {
            break;
        }
    }
    Ok(uid)
}

/// The uid of the process that sent the next packet, as the kernel has it.
fn sender(session: &OwnedFd) -> Option<u32> {
    let mut space = nix::cmsg_space!(UnixCredentials);
    let mut bytes = [0; 1024];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let packet = recvmsg::<()>(session.as_raw_fd(), &mut slices, Some(&mut space), flags).ok()?;
    packet.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::ScmCredentials(sender) => Some(sender.uid()),
        _ => None,
    })
}

/// Runs the command against a worker that says this.
fn report_of(frames: &[Vec<u8>], arguments: &[&str]) -> Result<(Output, u32)> {
    let folder = tempfile::tempdir()?;
    let listener = seqpacket::listen_at(&folder.path().join("admin.sock"))?;
    let mut command = Command::new(programs::built("gaggle")?);
    command.arg("--runtime-dir").arg(folder.path()).args(["doctor", "isolation"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn()?;
    let uid = serve(&listener, frames)?;
    Ok((running.wait_with_output()?, uid))
}

#[test]
fn a_worker_is_read_by_nobody_and_its_words_are_escaped() -> Result<()> {
    if !needs::can_run() {
        return Ok(());
    }
    let nasty = "EACCES\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J\r\nshadow open";
    let frames = [probed("shadow", nasty)?, ended()?];
    for arguments in [&[][..], &["--json"]] {
        let (output, uid) = report_of(&frames, arguments)?;
        assert_eq!(uid, 65534, "root itself speaks with a worker");
        let shown = text(&output.stdout);
        assert!(output.status.success(), "{shown}{}", text(&output.stderr));
        assert!(shown.contains("shadow") && shown.contains("u{1b}"), "{shown}");
        let nasty = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{9b}');
        assert!(!shown.contains(nasty), "{shown:?}");
    }
    Ok(())
}

#[test]
fn a_worker_that_lies_about_the_form_is_not_held() -> Result<()> {
    if !needs::can_run() {
        return Ok(());
    }
    let garbage = vec![codec::VERSION, 0xff, 0xff, 0xff];
    let other_release = vec![codec::VERSION + 1, 0];
    let many: Vec<_> = (0..300).map(|n| probed(&format!("a{n}"), "")).collect::<Result<_>>()?;
    let chatter: Vec<_> = (0..2000)
        .map(|_| encode(&FromWorker::Usage { thread: thread()?, used: 0, size: 0 }))
        .collect::<Result<_>>()?;
    for (frames, why) in [
        (vec![garbage], "malformed"),
        (vec![other_release], "version"),
        (many, "not one"),
        (vec![ended()?], "tried nothing"),
        (chatter, "too much"),
        (vec![probed("a", "")?, probed("a", "")?, ended()?], "not one"),
        (vec![probed("a\u{1b}[2J", "")?, ended()?], "not one"),
        (vec![probed("a", "")?], "ended before"),
    ] {
        let (output, _) = report_of(&frames, &["--json"])?;
        assert_eq!(output.status.code(), Some(1), "{why}: {}", text(&output.stdout));
        let report: Value = serde_json::from_slice(&output.stdout).context(why)?;
        assert_eq!(report["held"], false, "{why}");
        let person = &report["people"][0];
        assert_eq!(person["complete"], false, "{why}: {person}");
        let problem = person["problem"].as_str().unwrap_or_default();
        assert!(problem.contains(why), "{why}: {problem}");
    }
    Ok(())
}

fn thread() -> Result<gaggle_ipc::ThreadId> {
    Ok(gaggle_ipc::ThreadId::new(ALICE)?)
}

#[test]
fn the_half_that_reads_has_given_up_root_before_it_reads() -> Result<()> {
    if !needs::can_run() {
        return Ok(());
    }
    let (_ours, theirs) = seqpacket::pair()?;
    let mut command = Command::new(programs::built("gaggle")?);
    command.args(["doctor", "read-sessions"]).stdin(theirs).stderr(Stdio::null());
    let reader = Login(command.spawn()?);
    let status = format!("/proc/{}/status", reader.0.id());
    // It waits for the first message; by then all of it is gone.
    let waiting = wait::until(SOON, || {
        let status = std::fs::read_to_string(&status).ok()?;
        status.contains("Uid:\t65534\t65534\t65534\t65534").then_some(status)
    });
    let waiting = waiting.context("root is not given up")?;
    for line in ["Gid:\t65534\t65534\t65534\t65534", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"]
    {
        assert!(waiting.contains(line), "{line}: {waiting}");
    }
    let groups = waiting.lines().find_map(|line| line.strip_prefix("Groups:"));
    assert_eq!(groups.map(str::trim), Some(""));
    Ok(())
}
