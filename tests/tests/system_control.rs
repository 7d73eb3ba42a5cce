//! The control socket as a taken-over frontend and other accounts meet it.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::programs;
use gaggle_tests::lab::{Lab, Which, wait};

const SOCKET: &str = "/run/gaggle/control.sock";
const FRONTEND: u32 = 950;
const SOON: Duration = Duration::from_secs(20);

/// A probe at work; killed when dropped.
struct Probe {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Probe {
    fn start(lab: &Lab, uid: u32) -> Result<(Self, String)> {
        let program = programs::built("gaggle-probe")?;
        let id = uid.to_string();
        let program = program.to_str().context("a readable path")?;
        let mut command = lab.namespace.command(&[
            "setpriv",
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--",
            program,
            SOCKET,
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("stdin")?;
        let output = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let mut probe = Self { child, input, output };
        let greeting = probe.line()?;
        Ok((probe, greeting))
    }

    /// A probe that got in.
    fn connected(lab: &Lab) -> Result<Self> {
        // The one before may still be on its way out.
        let probe = wait::until(SOON, || {
            let (mut probe, greeting) = Self::start(lab, FRONTEND).ok()?;
            let served = greeting == "connected"
                && probe.say("list").is_ok_and(|sent| sent == "sent")
                && probe.receive().is_ok_and(|reply| reply.starts_with("Workers"));
            served.then_some(probe)
        });
        probe.with_context(|| format!("never served\n{}", lab.logs()))
    }

    fn line(&mut self) -> Result<String> {
        Ok(self.output.next().context("the probe ended")??)
    }

    fn say(&mut self, command: &str) -> Result<String> {
        writeln!(self.input, "{command}")?;
        self.line()
    }

    fn receive(&mut self) -> Result<String> {
        self.say("receive")
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        self.say(command)?;
        self.receive()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lab() -> Result<Option<Lab>> {
    Lab::builder().without_frontend().start_if_possible()
}

#[test]
fn only_the_frontends_account_is_served() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let (_alice, greeting) = Probe::start(&lab, alice.uid)?;
    assert_eq!(greeting, "connect: EACCES");
    // Root may open any socket; it is not the frontend all the same.
    let (mut root, greeting) = Probe::start(&lab, 0)?;
    assert_eq!(greeting, "connected");
    assert!(root.receive()?.contains("PeerNotAllowed"));
    let refused = lab.record("peer_refused", SOON, |_| true)?;
    assert_eq!(refused.field("GAGGLE_UID"), "0");
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn what_is_no_request_ends_the_connection_and_is_audited() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let start = "7a".repeat(26);
    let list = "0102000000010000";
    let cases = [
        ("oversize", "01".repeat(600)),
        ("trailing bytes", format!("{list}0000")),
        ("cut short", list.to_owned()),
        ("unknown variant", "01ff000000".to_owned()),
        ("another version", "0202000000010000".to_owned() + "00"),
        ("bad id", format!("010000000001000000{}", start.replacen("7a", "2f", 1))),
        ("random", "01deadbeefdeadbeef".to_owned()),
    ];
    for (count, (what, bytes)) in (1..).zip(&cases) {
        let mut probe = Probe::connected(&lab)?;
        assert_eq!(probe.say(&format!("raw {bytes}"))?, "sent");
        let first = probe.receive()?;
        assert!(first.starts_with("Closing"), "{what}: {first}");
        assert_eq!(probe.receive()?, "end", "{what}");
        let violations = wait::until(SOON, || {
            let records = lab.namespace.records();
            (records.iter().filter(|r| r.is("protocol_violation")).count() == count).then_some(())
        });
        assert!(violations.is_some(), "{what} is not audited\n{}", lab.logs());
    }
    // And it still serves.
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn one_frontend_at_a_time() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut first = Probe::connected(&lab)?;
    let (mut second, _) = Probe::start(&lab, FRONTEND)?;
    assert!(second.receive()?.contains("InUse"));
    assert_eq!(second.receive()?, "end");
    assert!(first.ask("list")?.starts_with("Workers"), "the first is not disturbed");
    Ok(())
}

#[test]
fn descriptors_sent_to_root_do_not_arrive() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let pid = lab.service(Which::Supervisor)?.pid();
    let count = || fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).unwrap_or(0);
    let before = count();
    assert!(before > 0, "the supervisor's descriptors cannot be seen");
    for _ in 0..20 {
        assert!(probe.ask("gifts 50")?.starts_with("Workers"));
    }
    assert_eq!(count(), before);
    Ok(())
}

#[test]
fn a_worker_is_started_once_and_ends_with_its_frontend() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    let started = probe.ask(&format!("start {}", alice.mattermost.id))?;
    assert!(started.starts_with("Started") && started.ends_with("fds=1"), "{started}");
    assert!(started.contains("AccountName(alice)"), "{started}");
    let again = probe.ask(&format!("start {}", alice.mattermost.id))?;
    assert!(again.starts_with("Running") && again.ends_with("fds=0"), "{again}");
    let record = lab.record("worker_started", SOON, |r| r.field("GAGGLE_ACCOUNT") == "alice")?;
    assert_eq!(record.uid, 0, "the record is root's own");
    drop(probe);
    lab.record("worker_exited", SOON, |r| {
        r.field("GAGGLE_USER") == alice.mattermost.id.to_string()
    })?;
    assert!(
        wait::until(SOON, || lab.namespace.processes("workers").is_empty().then_some(())).is_some()
    );
    Ok(())
}

#[test]
fn a_stopped_worker_is_gone_before_it_is_reported_and_can_be_started_again() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    for worker in 1..=2 {
        let started = probe.ask(&format!("start {}", alice.mattermost.id))?;
        assert!(started.contains(&format!("WorkerId({worker})")), "{started}");
        assert!(!lab.namespace.processes("workers").is_empty());
        assert!(probe.ask(&format!("stop {worker}"))?.starts_with("Stopping"));
        let exited = probe.receive()?;
        assert!(exited.contains("Stopped(Requested)"), "{exited}");
        assert!(lab.namespace.processes("workers").is_empty(), "reported too early");
    }
    // A number of the past hits nobody.
    let started = probe.ask(&format!("start {}", alice.mattermost.id))?;
    assert!(started.contains("WorkerId(3)"), "{started}");
    assert!(probe.ask("stop 1")?.starts_with("Stopping"));
    let list = probe.ask("list")?;
    assert!(list.contains("[WorkerId(3)]"), "{list}");
    Ok(())
}

#[test]
fn people_without_an_entry_share_the_fallback_account_and_a_refused_entry_does_not() -> Result<()> {
    let lab = Lab::builder()
        .person("carol")
        .entry("alice", serde_json::Value::Null)
        .entry("bob", serde_json::Value::from("nobody-here"))
        .entry("carol", serde_json::Value::Null)
        .supervisor("fallback_account = \"carol\"")
        .without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let mut probe = Probe::connected(&lab)?;
    let started = probe.ask(&format!("start {}", lab.person("alice")?.mattermost.id))?;
    assert!(
        started.contains("AccountName(carol)") && started.contains("shared: true"),
        "{started}"
    );
    let refused = probe.ask(&format!("start {}", lab.person("bob")?.mattermost.id))?;
    assert!(refused.contains("AccountUnknown"), "{refused}");
    Ok(())
}

#[test]
fn a_worker_that_is_stopped_on_its_way_is_never_called_started() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let mut probe = Probe::connected(&lab)?;
    for worker in 1..=5 {
        // Mostly before its program runs, and sometimes after.
        probe.say(&format!("start {}", alice.mattermost.id))?;
        probe.say(&format!("stop {worker}"))?;
        let first = probe.receive()?;
        if first.starts_with("Started") {
            assert!(probe.receive()?.starts_with("Stopping"));
            assert!(probe.receive()?.starts_with("Exited"));
        } else {
            assert!(first.starts_with("Stopping"), "{first}");
            let second = probe.receive()?;
            assert!(second.contains("LaunchFailed"), "{second}");
        }
    }
    Ok(())
}

#[test]
fn an_account_of_which_nobody_can_tell_whether_it_is_expired_is_refused() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let id = lab.person("alice")?.mattermost.id;
    let mut probe = Probe::connected(&lab)?;
    // As some systems keep it; root without its override cannot read it then.
    let shadow = lab.namespace.seen("/etc/shadow");
    fs::set_permissions(&shadow, Permissions::from_mode(0o0))?;
    let refused = probe.ask(&format!("start {id}"))?;
    assert!(refused.contains("LookupFailed"), "{refused}");
    // The control: readable again, it starts.
    fs::set_permissions(&shadow, Permissions::from_mode(0o600))?;
    let started = probe.ask(&format!("start {id}"))?;
    assert!(started.starts_with("Started"), "{started}");
    Ok(())
}

#[test]
fn the_frontends_own_account_is_nobodys_agent() -> Result<()> {
    let lab = Lab::builder().supervisor("frontend_user = \"bob\"").without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?;
    let (mut probe, greeting) = Probe::start(&lab, bob.uid)?;
    assert_eq!(greeting, "connected");
    let refused = probe.ask(&format!("start {}", bob.mattermost.id))?;
    assert!(refused.contains("AccountIsSystem"), "{refused}");
    let started = probe.ask(&format!("start {}", lab.person("alice")?.mattermost.id))?;
    assert!(started.starts_with("Started"), "{started}");
    Ok(())
}
