//! A home whose file system does not answer: whoever goes there hangs alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use gaggle_tests::lab::{Lab, wait};

use super::bench::{Bench, SOON};
use super::frontend::Frontend;

/// A file system that never answers; it ends when dropped.
struct Hung {
    server: Child,
}

impl Hung {
    /// Mounts one over the folder.
    fn over(lab: &Lab, folder: &str) -> Result<Self> {
        let options = "fd=3,rootmode=40000,user_id=0,group_id=0,allow_other";
        // Who holds the descriptor ought to answer what the kernel asks there.
        let script = "exec 3<>/dev/fuse && mount -i -n -t fuse -o \"$0\" hung \"$1\" && echo hung && exec sleep 1000";
        let mut command = lab.namespace.command(&["sh", "-c", script, options, folder]);
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = server.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line)?;
        let hung = Self { server };
        ensure!(line == "hung\n", "no FUSE here; it needs /dev/fuse");
        Ok(hung)
    }

    /// Ends it, so that the folder below is there again.
    fn end(mut self, lab: &Lab, folder: &str) -> Result<()> {
        self.server.kill()?;
        self.server.wait()?;
        ensure!(lab.namespace.run(0, &["umount", "-l", folder])?.status.success(), "umount");
        Ok(())
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Root goes on with others while alice's launch hangs, and gives it up.
#[test]
fn c29_a_home_that_hangs() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let hung = Hung::over(&bench.lab, "/home/alice")?;
    let mut frontend = Frontend::of(&bench.lab)?;
    frontend.ask_for(alice.mattermost.id)?;
    let first = frontend.start(bob.mattermost.id)?;
    ensure!(first.starts_with("Started") && first.contains("AccountName(bob)"), "{first}");
    ensure!(bench.reload()?.is_none(), "root waits for the home");
    ensure!(frontend.list()?.contains("WorkerId(1), WorkerId(2)"), "it does not hang at all");
    let refused = frontend.receive()?;
    ensure!(refused.contains("LaunchFailed"), "{refused}");
    ensure!(frontend.list()?.contains("[WorkerId(2)]"), "something of it is left");
    hung.end(&bench.lab, "/home/alice")?;
    bench.lab.kill_and_restart(gaggle_tests::lab::Which::Supervisor)?;
    let started = Frontend::of(&bench.lab)?.start(alice.mattermost.id)?;
    ensure!(started.starts_with("Started"), "the control: {started}");
    Ok(())
}

#[test]
fn c29_the_admins_command_gives_a_home_up_that_hangs() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let id = bench.lab.person("alice")?.mattermost.id;
    let program = format!("{PROGRAMS}/gaggle");
    let add = ["user", "add", "alice", "--adopt", "--mattermost", id.as_str()];
    let all = [&["timeout", "100", &program, "--config-dir", CONFIG], &add[..]].concat();
    let hung = Hung::over(&bench.lab, "/home/alice")?;
    let done = bench.lab.namespace.run(0, &all)?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.code() == Some(1) && said.contains("does not answer"), "{said}");
    hung.end(&bench.lab, "/home/alice")?;
    let done = bench.lab.namespace.run(0, &all)?;
    ensure!(done.status.success(), "the control: {done:?}");
    Ok(())
}

/// A worker that hangs there is stopped like any other.
#[test]
fn l35_a_workspace_that_hangs() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let folder = "/home/alice/workspace";
    bench.lab.namespace.run(alice.uid, &["mkdir", folder])?;
    let hung = Hung::over(&bench.lab, folder)?;
    let mut frontend = Frontend::of(&bench.lab)?;
    let started = frontend.start(alice.mattermost.id)?;
    ensure!(started.starts_with("Started"), "{started}");
    let pid = bench.lab.record("worker_started", SOON, |_| true)?.field("GAGGLE_PID").to_owned();
    let waits = || {
        let at = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        at.contains("fuse").then_some(())
    };
    wait::until(SOON, waits).context("it does not hang")?;
    let second = frontend.start(bob.mattermost.id)?;
    ensure!(second.starts_with("Started"), "{second}");
    ensure!(bench.reload()?.is_none());
    ensure!(frontend.stop(1)?.starts_with("Stopping"));
    let exited = frontend.receive()?;
    ensure!(exited.contains("Stopped(Requested)"), "{exited}");
    ensure!(frontend.list()?.contains("[WorkerId(2)]"), "something of it is left");
    hung.end(&bench.lab, folder)
}
