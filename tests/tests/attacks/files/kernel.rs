//! A kernel that has not what the sandbox is made of: refused, with the reason.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, RUNTIME};
use gaggle_tests::lab::{Lab, Which, programs};
use nix::errno::Errno;

use super::bench::{Bench, SOON};
use super::frontend::Frontend;

/// The highest floor that can be asked for.
const HIGHEST: u32 = 9;

/// The sandbox is refused at its first step, and everybody can see why.
fn refused(bench: &Bench, floor: u32) -> Result<()> {
    let alice = bench.lab.person("alice")?.mattermost.id;
    let known = bench.records("sandbox_refused")?.len();
    let ready = bench.records("ready")?.pop().context("a record")?;
    let abi = ready.field("GAGGLE_LANDLOCK_ABI");
    let mut frontend = Frontend::of(&bench.lab)?;
    let started = frontend.start(alice)?;
    ensure!(started.starts_with("Started"), "{started}");
    let exited = frontend.receive()?;
    ensure!(exited.contains("SandboxRefused(LandlockFloor)"), "{exited}");
    let record = bench.records("sandbox_refused")?.into_iter().nth(known).context("no record")?;
    ensure!(record.field("GAGGLE_STEP") == "landlock_floor", "{record:?}");
    bench.lab.record("worker_output", SOON, |record| {
        record.field("GAGGLE_UNATTESTED").contains("landlock_floor")
    })?;
    let status = bench.lab.namespace.run(0, &[&format!("{PROGRAMS}/gaggle"), "status"])?;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    ensure!(status.contains(&format!("ABI {abi} (floor {floor})")), "{status}");
    Ok(())
}

fn set_floor(bench: &Bench, floor: u32) -> Result<()> {
    bench.mend()?;
    let settings = bench.config().join("supervisor.toml");
    let plain = fs::read_to_string(&settings)?;
    Ok(fs::write(&settings, format!("{plain}\nlandlock_floor = {floor}\n"))?)
}

#[test]
fn c50_landlock_below_the_floor() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let ready = bench.records("ready")?.pop().context("a record")?;
    let abi: u32 = ready.field("GAGGLE_LANDLOCK_ABI").parse()?;
    // No kernel of today has what the highest asks for; one that has it is
    // covered by the next case alone.
    if abi < HIGHEST {
        set_floor(&bench, HIGHEST)?;
        bench.reload()?;
        refused(&bench, HIGHEST)?;
    }
    // The control: all that this kernel has may be asked for.
    let builder = Lab::builder().supervisor(&format!("landlock_floor = {abi}"));
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    ensure!(lab.answer("alice", "run: id -un")? == "alice");
    Ok(())
}

#[test]
fn c50_a_kernel_without_landlock() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let supervisor = bench.lab.namespace.seen(PROGRAMS).join("gaggle-supervisor");
    bench.lab.service(Which::Supervisor)?.kill()?;
    fs::rename(&supervisor, supervisor.with_extension("real"))?;
    fs::copy(programs::built("gaggle-without-landlock")?, &supervisor)?;
    // Not built in, and not switched on at boot.
    for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP] {
        fs::write(supervisor.with_extension("errno"), (errno as i32).to_string())?;
        for floor in [1, 3] {
            set_floor(&bench, floor)?;
            bench.lab.kill_and_restart(Which::Supervisor)?;
            let ready = bench.records("ready")?.pop().context("a record")?;
            ensure!(ready.field("GAGGLE_LANDLOCK_ABI") == "0", "{ready:?}");
            refused(&bench, floor).with_context(|| format!("{errno}, floor {floor}"))?;
        }
    }
    Ok(())
}

#[test]
fn c51_a_folder_that_is_no_cgroup() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    bench.lab.service(Which::Supervisor)?.kill()?;
    let program = format!("{PROGRAMS}/gaggle-supervisor");
    // In the lab's own part of the tree: that of the test may be a unit's.
    let services = bench.lab.namespace.cgroup().join("services");
    let services = services.to_str().context("a readable path")?;
    let join = ["sh", "-c", "echo 0 >\"$0/cgroup.procs\" && exec timeout 60 \"$@\"", services];
    let places = [&*program, "--config-dir", CONFIG, "--runtime-dir", RUNTIME];
    let start = |more: &[&str]| bench.lab.namespace.run(0, &[&join, &places[..], more].concat());
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
