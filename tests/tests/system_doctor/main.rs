//! `gaggle doctor isolation`: every attack holds in a real cage, and each is
//! seen to be open outside of it, as the account or as root.

mod list;
mod profiles;
mod sessions;

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{Account, CONFIG, Home, PROGRAMS};
use gaggle_tests::lab::{Builder, Lab, programs, wait};
use serde_json::{Value, json};

use list::{ATTACKS, Control};

const SOON: Duration = Duration::from_secs(20);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn doctor(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    let program = programs::built("gaggle")?;
    let mut all = vec![program.to_str().context("a readable path")?];
    all.extend(["doctor", "isolation"]);
    all.extend(arguments);
    lab.namespace.run(0, &all)
}

/// Carol has no agent, and a home that everybody may read and write.
fn with_carol() -> Builder {
    let open =
        Account { name: "carol".to_owned(), uid: 19_990, expires: None, home: Home::OpenToAll };
    Lab::builder().without_frontend().account(open)
}

/// Name, outcome and detail by name.
type Outcomes = BTreeMap<String, (String, String)>;

fn outcomes_of(report: &Value, account: &str) -> Result<Outcomes> {
    let people = report["people"].as_array().context("people")?;
    let person = people.iter().find(|person| person["account"] == account).context("a person")?;
    ensure!(person["complete"] == true, "not complete: {person:#}");
    let word = |attack: &Value, key: &str| attack[key].as_str().unwrap_or_default().to_owned();
    let attacks = person["attacks"].as_array().context("attacks")?.iter();
    Ok(attacks.map(|a| (word(a, "name"), (word(a, "outcome"), word(a, "detail")))).collect())
}

/// The list by hand, outside of any cage, with all that a careless start leaves.
fn by_hand(lab: &Lab, identity: &[&str]) -> Result<Outcomes> {
    let probe = format!(
        "export HOME=/home/alice NOTIFY_SOCKET=/x; ulimit -Hc unlimited; \
         {PROGRAMS}/gaggle-worker isolation-probe 3</etc/hostname; true"
    );
    let mut all = vec!["setpriv"];
    all.extend(identity);
    all.extend(["--", "sh", "-c", &probe]);
    let output = lab.namespace.command(&all).stdin(Stdio::null()).output()?;
    let line = |line: &str| {
        let [name, word, detail] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        Some((name.to_owned(), (word.to_owned(), detail.to_owned())))
    };
    Ok(text(&output.stdout).lines().filter_map(line).collect())
}

/// What a lab does not have and an installed Gaggle has.
fn furnish(lab: &Lab) -> Result<()> {
    let script = format!(
        "set -e; mount -t tmpfs -o mode=755 tmpfs /mnt; cp -a /etc /mnt/etc; \
         mkdir -p /mnt/etc/gaggle; cp -a {CONFIG}/. /mnt/etc/gaggle/; mount --bind /mnt/etc /etc; \
         mkdir -m 700 -p /run/credentials/gaggle-frontend.service"
    );
    let done = lab.namespace.command(&["sh", "-c", &script]).output()?;
    ensure!(done.status.success(), "{}", text(&done.stderr));
    let alice = lab.person("alice")?.uid;
    let made = lab.namespace.run(alice, &["sh", "-c", "echo alias >> /home/alice/.bashrc"])?;
    ensure!(made.status.success(), "{}", text(&made.stderr));
    Ok(())
}

/// A process of the account outside of its cage; ended with the test.
struct Login(Child);

impl Login {
    fn of(lab: &Lab, uid: u32) -> Result<Self> {
        let id = uid.to_string();
        let sleep = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "sleep", "600"];
        Ok(Self(lab.namespace.command(&sleep).stdin(Stdio::null()).spawn()?))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_attack_holds_in_the_cage_and_is_open_without_it() -> Result<()> {
    let ports = json!({ "account": "bob", "connect_ports": [443] });
    let Some(lab) = with_carol().entry("bob", ports).start_if_possible()? else { return Ok(()) };
    furnish(&lab)?;
    let alice = lab.person("alice")?.uid;
    let _login = Login::of(&lab, alice)?;
    let name = SocketAddr::from_abstract_name(format!("gaggle-test-{alice}"))?;
    let _service = UnixListener::bind_addr(&name)?;

    let output = doctor(&lab, &["--json"])?;
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&report["version"], &report["held"]), (&json!(1), &json!(true)));
    let caged = outcomes_of(&report, "alice")?;
    let with_ports = outcomes_of(&report, "bob")?;
    let names: Vec<&str> = caged.keys().map(String::as_str).collect();
    assert_eq!(names, ATTACKS.iter().map(|(name, _)| *name).collect::<Vec<_>>());

    let id = alice.to_string();
    let as_account = by_hand(&lab, &["--reuid", &id, "--regid", &id, "--groups", "42"])?;
    let as_root = by_hand(&lab, &["--clear-groups"])?;
    for (name, control) in ATTACKS {
        let by_ports = ["connect_ports", "listen_ports"].contains(name);
        let found = if by_ports { &with_ports[*name] } else { &caged[*name] };
        let expected = if *name == "agent_sockets" { "untried" } else { "held" };
        assert_eq!(found.0, expected, "{name}: {}", found.1);
        let seen = match control {
            Control::Account => &as_account[*name],
            Control::Root => &as_root[*name],
            Control::Nowhere(_) => continue,
        };
        assert_eq!(seen.0, "open", "control of {name} ({control:?}): {}", seen.1);
    }
    assert!(caged["connect_ports"].1.contains("connect_ports"), "{:?}", caged["connect_ports"]);
    Ok(())
}

#[test]
fn a_door_that_the_admin_opened_is_reported_and_the_status_says_so() -> Result<()> {
    let opened = json!({ "account": "alice", "write": ["/home/carol"] });
    let lab = with_carol().entry("alice", opened).start_if_possible()?;
    let Some(lab) = lab else { return Ok(()) };
    let output = doctor(&lab, &["--account", "alice"])?;
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let line = shown.lines().find(|line| line.contains("other_homes")).context("the attack")?;
    assert!(line.contains("open") && line.contains("/home/carol"), "{line}");
    assert!(shown.contains("1 open") && shown.contains("did not hold"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours are for terminals: {shown}");
    // Everybody else's holds.
    let output = doctor(&lab, &["--account", "bob"])?;
    let shown = text(&output.stdout);
    assert!(output.status.success() && shown.contains("0 open"), "{shown}");
    assert!(!shown.contains("alice ("), "{shown}");
    Ok(())
}

#[test]
fn who_cannot_be_probed_is_named_with_the_reason() -> Result<()> {
    let lab = Lab::builder().without_frontend().entry("bob", json!("nobody-here"));
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let output = doctor(&lab, &["--json"])?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report["held"], false);
    assert!(outcomes_of(&report, "alice")?.values().all(|(outcome, _)| outcome != "open"));
    let people = report["people"].as_array().context("people")?;
    let bob = people.iter().find(|person| person["account"] == "nobody-here").context("bob")?;
    assert_eq!(bob["user"], lab.person("bob")?.mattermost.id.as_str());
    assert_eq!((&bob["complete"], &bob["attacks"]), (&json!(false), &json!([])));
    assert!(bob["problem"].as_str().is_some_and(|why| why.contains("no account")), "{bob}");
    Ok(())
}

#[test]
fn a_probe_leaves_a_running_worker_alone_and_nothing_behind() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    lab.answer("alice", "hello")?;
    let before = lab.namespace.people_running("gaggle-worker");
    let output = doctor(&lab, &["--account", "alice"])?;
    assert!(output.status.success(), "{}", text(&output.stdout));
    // One at once after the other: the earlier one need not be buried yet.
    assert!(doctor(&lab, &["--account", "alice"])?.status.success());
    let alone = wait::until(SOON, || {
        (lab.namespace.people_running("gaggle-worker") == before).then_some(())
    });
    alone.context("a worker of the probe is left")?;
    assert!(lab.answer("alice", "run: ls -A ~/workspace | wc -l")?.contains('0'));
    Ok(())
}

#[test]
fn without_root_or_a_supervisor_it_says_so() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let program = programs::built("gaggle")?;
    let program = program.to_str().context("a readable path")?;
    let alice = lab.person("alice")?.uid;
    let refused = lab.namespace.run(alice, &[program, "doctor", "isolation"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("sudo"), "{}", text(&refused.stderr));
    let nobody = doctor(&lab, &["--runtime-dir", "/run/nothing"])?;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("systemctl start"), "{}", text(&nobody.stderr));
    let unmapped = doctor(&lab, &["--account", "carol"])?;
    assert_eq!(unmapped.status.code(), Some(1));
    assert!(text(&unmapped.stderr).contains("nobody is mapped to carol"));
    let bare = lab.namespace.run(0, &[program, "doctor"])?;
    assert_eq!(bare.status.code(), Some(2));
    assert!(text(&bare.stderr).contains("isolation"), "{}", text(&bare.stderr));
    Ok(())
}
