//! A kernel that has not what the sandbox is made of: refused, with the reason.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, RUNTIME};
use gaggle_tests::lab::{Lab, Which};

use super::bench::{Bench, SOON};
use super::frontend::Frontend;

/// The highest floor that can be asked for.
const FLOOR: u8 = 9;

#[test]
fn c50_landlock_below_the_floor() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let ready = bench.records("ready").pop().context("a record")?;
    let abi: u8 = ready.field("GAGGLE_LANDLOCK_ABI").parse()?;
    ensure!(abi < FLOOR, "this kernel has all that can be asked for; ask for more here");
    let alice = bench.lab.person("alice")?.mattermost.id;
    let settings = bench.config().join("supervisor.toml");
    let plain = fs::read_to_string(&settings)?;
    fs::write(&settings, format!("{plain}\nlandlock_floor = {FLOOR}\n"))?;
    ensure!(bench.reload()?.is_none());
    let mut frontend = Frontend::of(&bench.lab)?;
    let started = frontend.start(alice)?;
    ensure!(started.starts_with("Started"), "{started}");
    let exited = frontend.receive()?;
    ensure!(exited.contains("SandboxRefused(LandlockFloor)"), "{exited}");
    let record = bench.lab.record("sandbox_refused", SOON, |_| true)?;
    ensure!(record.field("GAGGLE_STEP") == "landlock_floor", "{record:?}");
    bench.lab.record("worker_output", SOON, |record| {
        record.field("GAGGLE_UNATTESTED").contains("landlock_floor")
    })?;
    let status = bench.lab.namespace.run(0, &[&format!("{PROGRAMS}/gaggle"), "status"])?;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    ensure!(status.contains(&format!("ABI {abi} (floor {FLOOR})")), "{status}");
    // The control: all that this kernel has may be asked for.
    let Some(lab) =
        Lab::builder().supervisor(&format!("landlock_floor = {abi}")).start_if_possible()?
    else {
        return Ok(());
    };
    ensure!(lab.answer("alice", "run: id -un")? == "alice");
    Ok(())
}

#[test]
fn c51_a_folder_that_is_no_cgroup() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    bench.lab.service(Which::Supervisor)?.kill()?;
    let program = format!("{PROGRAMS}/gaggle-supervisor");
    let start = |more: &[&str]| {
        let places = ["timeout", "60", &program, "--config-dir", CONFIG, "--runtime-dir", RUNTIME];
        bench.lab.namespace.run(0, &[&places[..], more].concat())
    };
    for (more, says) in [
        (&["--cgroup", "/srv/gaggle"][..], "not in a cgroup2 file system"),
        (&["--cgroup", "/proc"], "not in a cgroup2 file system"),
        (&["--cgroup", "/sys/fs/cgroup/no-such-folder"], "No such file"),
        (&[], "give a cgroup2 folder with --cgroup"),
    ] {
        let done = start(more)?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(done.status.code() == Some(1) && said.contains(says), "{more:?}: {said}");
    }
    bench.lab.start(Which::Supervisor)?;
    let alice = bench.lab.person("alice")?.mattermost.id;
    ensure!(Frontend::of(&bench.lab)?.start(alice)?.starts_with("Started"), "the control");
    Ok(())
}

/// Where a limit cannot be enforced nobody is started, or it is said each time.
#[test]
fn c51_controllers_that_are_missing() -> Result<()> {
    for (required, code, word) in
        [(true, "LimitsUnavailable", "refused"), (false, "Started", "go on")]
    {
        let builder = Lab::builder().supervisor(&format!("require_limits = {required}"));
        let Some(mut bench) = Bench::new(builder)? else { return Ok(()) };
        // Those of the folder that holds the workers' own.
        let workers = bench.lab.namespace.cgroup().join("workers");
        for group in [&workers, bench.lab.namespace.cgroup()] {
            for controller in ["-memory", "-pids", "-cpu"] {
                // Fails where it is missing anyway.
                fs::write(group.join("cgroup.subtree_control"), controller).ok();
            }
        }
        bench.lab.kill_and_restart(Which::Supervisor)?;
        let missing = bench.lab.record("limits_missing", SOON, |_| true)?;
        ensure!(missing.field("GAGGLE_STARTS") == word, "{missing:?}");
        ensure!(missing.field("GAGGLE_CONTROLLERS") == "memory pids cpu", "{missing:?}");
        let alice = bench.lab.person("alice")?.mattermost.id;
        let answer = Frontend::of(&bench.lab)?.start(alice)?;
        ensure!(answer.contains(code), "{required}: {answer}");
    }
    Ok(())
}
