//! What a worker has from root beside what it was given: descriptors, variables,
//! memory, limits.
//!
//! Trust: none in the worker; the supervisor is what must have cleaned up.

use std::fs;

use anyhow::{Context, Result};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{Lab, Which};
use nix::sys::signal::Signal;

use super::{SOON, hostile, nothing_is_left, order, rouse, said_with};

/// What a worker is told, by `ipc/src/launch.rs` and the lab's provider.
const NAMES: &[&str] = &[
    "GAGGLE_AGENT_ENV_GOOSE_MODEL",
    "GAGGLE_AGENT_ENV_GOOSE_PROVIDER",
    "GAGGLE_AGENT_ENV_OPENAI_API_KEY",
    "GAGGLE_AGENT_ENV_OPENAI_HOST",
    "GAGGLE_GOOSE",
    "GAGGLE_LANDLOCK_FLOOR",
    "GAGGLE_MAX_GOOSE",
    "GAGGLE_PROFILE",
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "USER",
];

#[test]
fn w18_w19_a_worker_inherits_five_descriptors_and_the_contracts_variables() -> Result<()> {
    let Some(mut lab) = hostile(Lab::builder())? else { return Ok(()) };
    // Another session is open while hers begins.
    lab.answer("bob", "hello")?;
    let verbs = "descriptors / environment / sh echo PATH=$PATH; echo SAID / sleep";
    order(&lab, "alice", verbs)?;
    rouse(&lab, "alice")?;
    let said = said_with(&lab, "alice", "SAID")?;
    let lines: Vec<_> = said.lines().collect();
    let (open, rest) = lines.split_at(5);
    let kinds = ["0 /dev/null", "1 pipe:", "2 pipe:", "3 socket:", "4 /"];
    for (line, kind) in open.iter().zip(kinds) {
        assert!(line.starts_with(kind), "W18: {line} where {kind} should be");
    }
    assert_eq!(open[1][2..], open[2][2..], "W18: one pipe for both");
    assert_eq!(rest[..NAMES.len()], *NAMES, "W19: {said}");
    assert_eq!(rest[NAMES.len()], "PATH=/usr/local/bin:/usr/bin:/bin", "W19");
    // The control: the supervisor has more of both.
    let supervisor = lab.service(Which::Supervisor)?.pid();
    assert!(fs::read_dir(format!("/proc/{supervisor}/fd"))?.count() > 5, "W18: the control");
    let started_with = fs::read_to_string(format!("/proc/{supervisor}/environ"))?;
    assert!(started_with.contains("PATH=/usr/sbin"), "W19: the control: {started_with:?}");
    Ok(())
}

/// Gives a person a provider setting of their own.
fn give_secret(lab: &Lab, name: &str, secret: &str) -> Result<()> {
    let folder = lab.namespace.seen(CONFIG).join("accounts");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.env"));
    fs::write(&file, format!("GOOSE_CANARY={secret}\n"))?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    Ok(fs::set_permissions(&file, private)?)
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

#[test]
fn w20_nothing_of_the_supervisors_memory_is_in_a_workers() -> Result<()> {
    let Some(mut lab) = hostile(Lab::builder())? else { return Ok(()) };
    let (hers, his) = ("tHe-CaNaRy-Of-AlIcE", "tHe-CaNaRy-Of-BoB");
    give_secret(&lab, "alice", hers)?;
    give_secret(&lab, "bob", his)?;
    let known = lab.namespace.records().len();
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    let read = || lab.namespace.records().iter().skip(known).any(|r| r.is("configuration_loaded"));
    gaggle_tests::lab::wait::until(SOON, || read().then_some(())).with_context(|| lab.logs())?;
    let verbs = format!("scan {} / scan {} / sleep", backwards(his), backwards(hers));
    order(&lab, "alice", &verbs)?;
    rouse(&lab, "alice")?;
    let said = said_with(&lab, "alice", "found 1 ")?;
    // The control is the second line: her own secret is found.
    assert!(said.starts_with("found 0 in "), "{said}");
    // And so is his where root keeps it.
    let supervisor = lab.service(Which::Supervisor)?.pid();
    assert!(memory_of(supervisor)?.windows(his.len()).any(|w| w == his.as_bytes()));
    Ok(())
}

/// What a process's heap holds.
fn memory_of(pid: i32) -> Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let heap = maps.lines().find(|line| line.ends_with("[heap]")).context("a heap")?;
    let (from, to) =
        heap.split(' ').next().and_then(|range| range.split_once('-')).context("it")?;
    let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
    let mut bytes = vec![0; usize::try_from(to - from)?];
    fs::File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[test]
fn w43_a_worker_that_dies_leaves_no_core() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    order(&lab, "alice", "sh ulimit -c; ulimit -Hc; ulimit -c 1; ulimit -c / abort")?;
    rouse(&lab, "alice")?;
    let exited = lab.record("worker_exited", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    assert_eq!(exited.field("GAGGLE_REASON"), "signal 6", "it died of what dumps a core");
    let said = said_with(&lab, "alice", "0\n0\n")?;
    assert!(said.ends_with("0\n") && !said.contains("\n1\n"), "{said}");
    nothing_is_left(&lab, "alice")?;
    for folder in ["/home/alice", "/home/alice/workspace", "/tmp", "/"] {
        let listed = fs::read_dir(lab.namespace.seen(folder)).into_iter().flatten().flatten();
        let core = listed.map(|e| e.file_name()).find(|n| n.to_string_lossy().starts_with("core."));
        assert_eq!(core, None, "{folder}");
    }
    // The control: this process may have one if it likes.
    let own = fs::read_to_string("/proc/self/limits")?;
    let own = own.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let hard = own.split_whitespace().rev().nth(1);
    assert!(hard.is_some_and(|hard| hard != "0"), "the control: nobody here may: {own}");
    Ok(())
}
