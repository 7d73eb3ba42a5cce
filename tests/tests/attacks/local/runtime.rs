//! What others could have put in the way before we start, or take away while we
//! run: the runtime folder, `/tmp`, the journal.
//!
//! Trust: root alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::UnixListener;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{FRONTEND_UID, RUNTIME};
use gaggle_tests::lab::{Lab, Probe, Which};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::outsider::held;

#[test]
fn l02_the_runtime_folder_cannot_be_made_by_somebody_else() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    let bob = lab.person("bob")?.uid;
    let acts = [
        "mkdir /run/planted && rmdir /run/planted",
        "touch /run/gaggle/planted && rm /run/gaggle/planted",
        "mv /run/gaggle /run/moved && mv /run/moved /run/gaggle",
        "ln -s /home/bob /run/planted && rm /run/planted",
    ];
    held(&lab, bob, 0, &acts.map(|act| ("L02", act.to_owned())))?;
    // And if it were his all the same, nothing is served from it.
    lab.service(Which::Supervisor)?.stop()?;
    let folder = lab.namespace.seen(RUNTIME);
    chown(&folder, Some(bob), Some(bob))?;
    let refused = lab.start(Which::Supervisor).err().context("it serves in a folder of bob's")?;
    assert!(format!("{refused:#}").contains(RUNTIME), "{refused:#}");
    // The control: root's again, and with what he left in it replaced.
    chown(&folder, Some(0), Some(0))?;
    let socket = folder.join("control.sock");
    let _ = fs::remove_file(&socket);
    let planted = UnixListener::bind(&socket)?;
    chown(&socket, Some(bob), Some(bob))?;
    lab.start(Which::Supervisor)?;
    Probe::connected(&lab)?;
    let made = fs::metadata(&socket)?;
    assert_eq!((made.uid(), made.gid()), (0, FRONTEND_UID));
    drop(planted);
    Ok(())
}

#[test]
fn l03_nothing_of_ours_needs_the_shared_tmp() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    lab.service(Which::Supervisor)?.stop()?;
    // Where nobody can make anything, every name is as good as taken.
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        let full = ["mount", "-t", "tmpfs", "-o", "ro,mode=0555", "full", folder];
        ensure!(lab.namespace.command(&full).status()?.success(), "mount {folder}");
        // The control: not even root makes a file there now.
        let touched = lab.namespace.run(0, &["touch", &format!("{folder}/x")])?;
        assert!(!touched.status.success(), "{folder} is writable");
    }
    lab.start(Which::Supervisor)?;
    lab.start(Which::Frontend)?;
    gaggle_tests::lab::wait_for_bot(&lab.simulator, lab.bot.id)?;
    assert_eq!(lab.answer("alice", "run: echo x > /tmp/own && cat /tmp/own")?, "x");
    Ok(())
}

/// A journal that takes nothing until this is dropped.
struct Stuck(Pid);

impl Stuck {
    fn journal_of(lab: &Lab) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(lab.namespace.pid())?);
        kill(pid, Signal::SIGSTOP)?;
        Ok(Self(pid))
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

#[test]
fn l30_a_journal_that_takes_nothing_holds_nobody_up() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?, lab.person("bob")?);
    let mut probe = Probe::connected(&lab)?;
    assert!(probe.worker_of(&bob)?.starts_with("Started"));
    let stuck = Stuck::journal_of(&lab)?;
    // Each start and stop is some records: the journal's queue is full soon.
    let mut answer = String::new();
    for worker in 2..10 {
        answer = probe.worker_of(&alice)?;
        if !answer.starts_with("Started") {
            break;
        }
        assert!(probe.stop(worker)?.starts_with("Stopping"));
        assert!(probe.receive()?.starts_with("Exited"));
    }
    assert!(answer.contains("AuditUnavailable"), "{answer}");
    // Who is at work stays, and requests are answered.
    assert!(probe.list()?.contains("[WorkerId(1)]"));
    assert_eq!(lab.namespace.people_running("gaggle-worker").len(), 1);
    drop(stuck);
    // The control: with a journal again there are starts again.
    let started = gaggle_tests::lab::wait::until(super::SOON, || {
        let answer = probe.worker_of(&alice).ok()?;
        answer.starts_with("Started").then_some(())
    });
    started.context("no start after the journal came back")
}
