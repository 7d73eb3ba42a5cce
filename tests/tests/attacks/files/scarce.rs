//! Nothing left of what root needs: it refuses, says so, and goes on.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::{Lab, Which};

use super::bench::{Bench, Start};
use super::frontend::Frontend;

/// Sets how many descriptors the supervisor may have.
fn allow(pid: i32, descriptors: usize) -> Result<()> {
    let limit = format!("--nofile={descriptors}:4096");
    let mut prlimit = std::process::Command::new("prlimit");
    let done = prlimit.args(["--pid", &pid.to_string(), &limit]).status()?;
    ensure!(done.success(), "prlimit");
    Ok(())
}

#[test]
fn l28_no_descriptor_is_left() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    let mut frontend = Frontend::of(&bench.lab)?;
    ensure!(frontend.start(bob.mattermost.id)?.starts_with("Started"));
    let pid = bench.lab.service(Which::Supervisor)?.pid();
    let open = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let open = open.filter_map(|fd| fd.file_name().to_str()?.parse::<usize>().ok());
    let highest = open.max().context("it has none")?;
    // A launch fails at another place each time, until there are enough.
    let mut answer = String::new();
    for spare in 1..30 {
        allow(pid, highest + spare)?;
        answer = frontend.start(alice.mattermost.id)?;
        ensure!(frontend.list()?.contains("WorkerId(1)"), "bob's worker is gone");
        if answer.starts_with("Started") {
            break;
        }
        ensure!(answer.starts_with("Refused"), "{spare} to spare: {answer}");
    }
    ensure!(answer.starts_with("Started"), "the control: {answer}");
    let refused = bench.records("start_refused")?;
    let emfile = nix::errno::Errno::EMFILE as i32;
    let named = refused.iter().filter(|r| r.field("GAGGLE_ERRNO") == emfile.to_string());
    ensure!(named.count() > 1, "{refused:?}");
    Ok(())
}

fn run(lab: &Lab, arguments: &[&str]) -> Result<()> {
    let done = lab.namespace.run(0, arguments)?;
    ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn l29_a_runtime_folder_that_is_full() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (alice, bob) = (bench.lab.person("alice")?, bench.lab.person("bob")?);
    run(&bench.lab, &["mount", "-o", "remount,size=64k,nr_inodes=64", "/run"])?;
    let fill = "while touch /run/gaggle/fill.$i; do i=x$i; done 2>/dev/null; \
                ! touch /run/gaggle/more 2>/dev/null";
    run(&bench.lab, &["sh", "-c", fill])?;
    // Who serves goes on serving.
    let mut frontend = Frontend::of(&bench.lab)?;
    ensure!(frontend.start(alice.mattermost.id)?.starts_with("Started"));
    drop(frontend);
    // Who starts cannot make its sockets once the old ones are gone.
    bench.lab.service(Which::Supervisor)?.kill()?;
    run(
        &bench.lab,
        &[
            "sh",
            "-c",
            "rm /run/gaggle/*.sock /run/gaggle/*.lock; for i in a b c d; do echo full >/run/gaggle/fill.$i; done 2>/dev/null; :",
        ],
    )?;
    match bench.try_start()? {
        Start::Serves => panic!("there was room"),
        Start::Refuses(said) => ensure!(said.contains("No space left"), "{said}"),
    }
    bench.lab.namespace.run(0, &["sh", "-c", "rm /run/gaggle/fill.*"])?;
    bench.lab.kill_and_restart(Which::Supervisor)?;
    ensure!(Frontend::of(&bench.lab)?.start(bob.mattermost.id)?.starts_with("Started"));
    Ok(())
}
