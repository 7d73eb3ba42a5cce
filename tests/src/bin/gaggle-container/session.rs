//! The inner process: sets the stage and plays the cases in their order, each
//! with a line when it has passed.
//!
//! Trust: as in the module above. It runs in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::SigSet;

use crate::cases::{self, Case};
use crate::chat::Chat;
use crate::machine::{self, Machine};
use crate::outside::{MACHINE, SESSION};
use crate::stage::Stage;
use crate::{Run, package};

/// There on every Debian, and covered in this mount namespace alone.
const FOLDER: &str = "/mnt";
/// Where clouds give out credentials, and an address that means nothing.
pub(crate) const METADATA: &str = "169.254.169.254";
pub(crate) const ELSEWHERE: &str = "192.0.2.80";

/// Plays the chosen cases; whether all have passed.
///
/// # Errors
/// The stage cannot be set.
pub(crate) fn run(run: &Run, cgroup: &Path) -> Result<bool> {
    fs::write(cgroup.join(SESSION).join("cgroup.procs"), "0").context("enter the cgroup")?;
    // Blocked by the outer process for itself.
    SigSet::all().thread_unblock()?;
    let chosen = chosen(run.case.as_deref())?;
    let mut stage = set(run, cgroup)?;
    let begun = Instant::now();
    let failed = play(&mut stage, &chosen, run.shell);
    let (all, seconds) = (chosen.len(), begun.elapsed().as_secs());
    if failed.is_empty() {
        println!("{all} cases passed in {seconds} s");
        return Ok(true);
    }
    println!("{} of {all} cases FAILED in {seconds} s: {}", failed.len(), failed.join(" "));
    Ok(false)
}

/// The steps that lead to the last case that is asked for, and those cases.
fn chosen(part: Option<&str>) -> Result<Vec<Case>> {
    let mut all = cases::all();
    let Some(part) = part else {
        return Ok(all);
    };
    let last = all.iter().rposition(|case| case.name.contains(part));
    all.truncate(last.with_context(|| format!("no case is called {part}; see --list"))? + 1);
    all.retain(|case| case.leads_on || case.name.contains(part));
    Ok(all)
}

fn set(run: &Run, cgroup: &Path) -> Result<Stage> {
    let folder = PathBuf::from(FOLDER);
    // systemd-nspawn keeps its locks in the other.
    for folder in [FOLDER, "/run"] {
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
            .context("mount memory for the container")?;
    }
    loopback()?;
    let root = machine::layer(&run.root, &folder.join("machine"))?;
    println!("── {}, gaggle {}", release(&run.root)?, package::version(&run.deb)?);
    Ok(Stage {
        machine: Machine::new(root, cgroup.join(MACHINE)),
        chat: Chat::start(&["alice", "bob"])?,
        base: run.root.clone(),
        folder,
        deb: run.deb.clone(),
        goose: run.goose.clone(),
        before: None,
        hung: None,
    })
}

fn release(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join("etc/os-release"))?;
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Ok(name.unwrap_or("a system without a name").trim_matches('"').to_owned())
}

/// All of this network namespace: nothing leaves it.
fn loopback() -> Result<()> {
    let [metadata, elsewhere] = [METADATA, ELSEWHERE].map(|address| format!("{address}/32"));
    for words in [
        &["link", "set", "lo", "up"][..],
        &["address", "add", &metadata, "dev", "lo"],
        &["address", "add", &elsewhere, "dev", "lo"],
    ] {
        let status = Command::new("ip").args(words).status().context("start ip, of iproute2")?;
        ensure!(status.success(), "`ip {}` failed", words.join(" "));
    }
    Ok(())
}

/// The names of those that failed.
fn play(stage: &mut Stage, chosen: &[Case], shell: bool) -> Vec<&'static str> {
    let mut failed = Vec::new();
    let mut shown = false;
    for case in chosen {
        if shell && case.name == cases::REMOVAL {
            shown = true;
            enter(stage);
        }
        let (begun, at) = (Instant::now(), now());
        let outcome = (case.run)(stage);
        let seconds = begun.elapsed().as_secs_f32();
        let Err(error) = outcome else {
            println!("ok     {} ({seconds:.1} s)", case.name);
            continue;
        };
        println!("FAILED {} ({seconds:.1} s): {error:#}", case.name);
        println!("── the end of the journal\n{}──", stage.machine.journal_since(at));
        failed.push(case.name);
        // Nothing that follows would mean anything.
        if case.leads_on {
            break;
        }
    }
    if shell && !shown {
        enter(stage);
    }
    failed
}

/// In seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn enter(stage: &Stage) {
    println!("── a shell in the container; `exit` goes on");
    if let Err(error) = stage.machine.shell() {
        println!("no shell: {error:#}");
    }
}
