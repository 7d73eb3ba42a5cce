//! A worker that fails to begin, again and again, or is begun twice.
//!
//! Trust: none in the worker.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use gaggle_ipc::WorkerId;
use gaggle_ipc::control::ControlRequest;
use gaggle_tests::lab::probe::Probe;
use gaggle_tests::lab::{Lab, Which, wait};

use super::{SOON, hostile, nothing_is_left, order, order_none, processes_of, rouse, status_field};

/// How many workers of the account were started.
fn started(lab: &Lab, account: &str) -> usize {
    let records = lab.namespace.records();
    let of = |r: &&gaggle_tests::lab::Entry| {
        r.is("worker_started") && r.field("GAGGLE_ACCOUNT") == account
    };
    records.iter().filter(of).count()
}

#[test]
fn w24_a_crash_loop_has_to_rest_and_is_audited() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    order(&lab, "alice", "exit 1")?;
    for _ in 0..3 {
        let told = rouse(&lab, "alice")?.answer()?;
        assert!(told.contains("ended unexpectedly"), "{told}");
    }
    let told = rouse(&lab, "alice")?.answer()?;
    assert!(told.contains("failed several times in a row"), "{told}");
    assert_eq!(started(&lab, "alice"), 3);
    lab.record("start_refused", SOON, |r| r.field("GAGGLE_REASON") == "crash_loop")?;
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    // Once it has rested, an honest one is started again.
    order_none(&lab, "alice")?;
    let back = wait::until(SOON, || {
        lab.answer("alice", "run: echo back").ok().filter(|answer| answer == "back")
    });
    back.context("she is never served again")?;
    Ok(())
}

#[test]
fn w25_a_worker_that_never_says_hello_is_given_up() -> Result<()> {
    let Some(lab) = hostile(Lab::builder().person("carol"))? else { return Ok(()) };
    let ask = |name: &str| {
        order(&lab, name, "ignore / sleep")?;
        let thread = rouse(&lab, name)?;
        let uid = lab.person(name)?.uid;
        let runs = wait::until(SOON, || (!processes_of(&lab, uid).is_empty()).then_some(()));
        runs.context("a worker").map(|()| thread)
    };
    let (hers, carols) = (ask("alice")?, ask("carol")?);
    // Whoever does not wait for it is rid of it too.
    carols.command("!stop")?;
    let told = carols.answer()?;
    assert!(told.contains("Stopped before it began"), "{told}");
    nothing_is_left(&lab, "carol")?;
    // Others are served meanwhile.
    assert_eq!(lab.answer("bob", "run: echo served")?, "served");
    let told = hers.answer()?;
    assert!(told.contains("could not be started"), "{told}");
    nothing_is_left(&lab, "alice")?;
    // The control: one that does say it is served.
    order(&lab, "alice", "hello / await / begin / say here / end / sleep")?;
    assert_eq!(rouse(&lab, "alice")?.answer()?, "here");
    Ok(())
}

#[test]
fn w40_questions_at_once_start_one_worker() -> Result<()> {
    let Some(lab) = hostile(Lab::builder())? else { return Ok(()) };
    // Slow to begin, so that all of them come in between.
    let turn = "await / begin / say here / end";
    order(
        &lab,
        "alice",
        &format!("sh sleep 2 / hello / {turn} / {turn} / {turn} / {turn} / sleep"),
    )?;
    let threads = (0..4).map(|_| rouse(&lab, "alice")).collect::<Result<Vec<_>>>()?;
    for thread in &threads {
        assert_eq!(thread.answer()?, "here");
    }
    assert_eq!(started(&lab, "alice"), 1);
    // The control: somebody else's question does start another.
    lab.answer("bob", "hello")?;
    assert_eq!(started(&lab, "bob"), 1);
    Ok(())
}

/// Somebody's process, ended when dropped.
struct Stranger(Child);

impl Stranger {
    /// A stranger under the number that `pid` had; `None` if somebody else was
    /// faster.
    fn with_pid(pid: i32) -> Result<Option<Self>> {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string())?;
        let mut command = Command::new("sleep");
        let child = command.arg("1000").stdin(Stdio::null()).spawn()?;
        let stranger = Self(child);
        Ok((stranger.0.id() == pid.cast_unsigned()).then_some(stranger))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn w41_a_stop_that_comes_too_late_hits_no_stranger() -> Result<()> {
    let Some(mut lab) = hostile(Lab::builder().without_frontend())? else { return Ok(()) };
    order(&lab, "alice", "exit 0")?;
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    let answer = probe.worker_of(&alice)?;
    assert!(answer.starts_with("Started"), "{answer}");
    let record = lab.record("worker_exited", SOON, |_| true)?;
    assert_eq!(record.field("GAGGLE_REASON"), "status 0");
    let pid = lab.record("worker_started", SOON, |_| true)?;
    let pid: i32 = pid.field("GAGGLE_PID").parse()?;
    let stranger = wait::until(SOON, || Stranger::with_pid(pid).transpose());
    let mut stranger = stranger.context("the number is never free")??;
    probe.ask(&ControlRequest::Stop { request: 1, worker: WorkerId(1) })?;
    // Root has served that before it answers this.
    let list = wait::until(SOON, || probe.list().ok().filter(|list| list.starts_with("Workers")));
    assert!(list.is_some_and(|list| list.contains("[]")));
    lab.service(Which::Supervisor)?.stop()?;
    assert!(stranger.0.try_wait()?.is_none(), "the stranger was killed");
    Ok(())
}

#[test]
fn w42_root_cannot_even_enter_a_home() -> Result<()> {
    let Some(mut lab) = hostile(Lab::builder())? else { return Ok(()) };
    // What root would have to follow if it opened anything there.
    let traps = "cd; mkdir -p .local; ln -s /etc/passwd gaggle.log; ln -s /etc .gaggle";
    let alice = lab.person("alice")?.uid;
    let before = fs::metadata(lab.namespace.seen("/etc/passwd"))?.modified()?;
    lab.namespace.run(alice, &["env", "HOME=/home/alice", "bash", "-c", traps])?;
    assert_eq!(lab.answer("alice", "run: echo served")?, "served");
    assert_eq!(fs::metadata(lab.namespace.seen("/etc/passwd"))?.modified()?, before);
    let pid = lab.service(Which::Supervisor)?.pid();
    let capabilities = status_field(pid, "CapEff:");
    let bits = u64::from_str_radix(&capabilities, 16)?;
    // To pass by modes takes one of these: number 1, 2 or 3.
    assert_eq!(bits & 0b1110, 0, "{capabilities}");
    let home = fs::metadata(lab.namespace.seen("/home/alice"))?;
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&home) & 0o777, 0o700);
    let with = |set: &str| {
        let words = ["setpriv", "--inh-caps=-all", set, "--", "ls", "/home/alice"];
        lab.namespace.command(&words).output().map(|output| output.status.success())
    };
    let own = "--bounding-set=-all,+setuid,+setgid,+setpcap,+kill,+chown,+sys_admin";
    assert!(!with(own)?, "root with the supervisor's rights can enter it");
    // The control: with all rights it can.
    assert!(with("--bounding-set=+all")?);
    Ok(())
}
