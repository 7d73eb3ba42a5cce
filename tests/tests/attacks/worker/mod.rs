//! Rows of `docs/attacks.md`: a worker taken over: arbitrary code as its account.
//!
//! The attacker is `gaggle-hostile-worker` in the worker's place, started by the
//! real supervisor for the real frontend. What it does stands in a file of its
//! account's home; for accounts without such a file it is the worker, so that
//! everybody else's service is the control.

mod ending;
mod frames;
mod inherited;
mod rights;
mod starting;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Builder, Lab, Thread, Which, programs, wait};

/// What happens at all happens within this.
const SOON: Duration = Duration::from_secs(30);

/// What `builder` asks for, with the hostile worker in the worker's place.
#[track_caller]
fn hostile(builder: Builder) -> Result<Option<Lab>> {
    builder.worker(programs::built("gaggle-hostile-worker")?).start_if_possible()
}

/// What the person's next worker will do: verbs, with ` / ` between them.
fn order(lab: &Lab, name: &str, verbs: &str) -> Result<()> {
    let home = lab.namespace.seen("/home").join(name);
    fs::write(home.join("act.new"), verbs.replace(" / ", "\n"))?;
    Ok(fs::rename(home.join("act.new"), home.join("act"))?)
}

/// Has the person's worker run a script; what it prints.
fn run(lab: &Lab, name: &str, script: &str) -> Result<String> {
    order(lab, name, &format!("hello / sh {script}; echo SAID / sleep"))?;
    rouse(lab, name)?;
    let said = said_with(lab, name, "SAID")?;
    Ok(said.split("SAID").next().unwrap_or_default().to_owned())
}

/// The person's next worker is an honest one.
fn order_none(lab: &Lab, name: &str) -> Result<()> {
    Ok(fs::remove_file(lab.namespace.seen("/home").join(name).join("act"))?)
}

/// What the person's hostile workers said so far.
fn said(lab: &Lab, name: &str) -> String {
    let file = lab.namespace.seen("/home").join(name).join("workspace/said");
    fs::read_to_string(file).unwrap_or_default()
}

/// The same, once it contains `wanted`.
fn said_with(lab: &Lab, name: &str, wanted: &str) -> Result<String> {
    let found = wait::until(SOON, || Some(said(lab, name)).filter(|said| said.contains(wanted)));
    found.with_context(|| format!("{wanted:?} is not in {:?}\n{}", said(lab, name), lab.logs()))
}

/// Asks for something, so that a worker is started.
fn rouse<'lab>(lab: &'lab Lab, name: &str) -> Result<Thread<'lab>> {
    lab.ask(name, "do your worst")
}

/// No process of the person's is left in the cgroup of the workers.
fn nothing_is_left(lab: &Lab, name: &str) -> Result<()> {
    let uid = lab.person(name)?.uid;
    let gone = wait::until(SOON, || processes_of(lab, uid).is_empty().then_some(()));
    gone.with_context(|| format!("{name} still runs {:?}", processes_of(lab, uid)))
}

/// The processes in the cgroup of the workers that run as `uid`.
fn processes_of(lab: &Lab, uid: u32) -> Vec<i32> {
    let mut pids = lab.namespace.processes("workers");
    pids.retain(|pid| status_field(*pid, "Uid:").starts_with(&format!("{uid}\t")));
    pids
}

/// A line of `/proc/PID/status` without its name; empty when the process is gone.
fn status_field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Most memory that a service ever had, in KiB.
fn peak_memory(lab: &mut Lab, which: Which) -> Result<u64> {
    let peak = status_field(lab.service(which)?.pid(), "VmHWM:");
    peak.trim_end_matches(" kB").parse().with_context(|| format!("a peak: {peak:?}"))
}
