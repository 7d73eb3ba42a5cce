//! What the admin changes while people are at work, and what stops them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, RUNTIME};
use gaggle_tests::lab::{Lab, Which, wait};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// Alice and bob have each been answered, so each has a worker.
fn at_work() -> Result<Option<Lab>> {
    let Some(lab) = Lab::builder().person("carol").start_if_possible()? else { return Ok(None) };
    for name in ["alice", "bob"] {
        assert_eq!(lab.answer(name, "run: id -un")?, name);
    }
    Ok(Some(lab))
}

/// Changes the mapping's entries and has the supervisor read them.
fn change(lab: &mut Lab, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Result<()> {
    let path = lab.namespace.seen(CONFIG).join("user_mapping.json");
    let mut mapping: Value = serde_json::from_slice(&fs::read(&path)?)?;
    change(mapping.as_object_mut().context("an object")?);
    fs::write(&path, serde_json::to_vec(&mapping)?)?;
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)
}

fn stopped(lab: &Lab, name: &str, reason: &str) -> Result<()> {
    let id = lab.person(name)?.mattermost.id.to_string();
    let reason = format!("stopped {reason}");
    lab.record("worker_exited", SOON, |r| {
        r.field("GAGGLE_USER") == id && r.field("GAGGLE_REASON") == reason
    })?;
    Ok(())
}

#[test]
fn a_changed_account_counts_from_the_next_message() -> Result<()> {
    let Some(mut lab) = at_work()? else { return Ok(()) };
    let alice = lab.person("alice")?.mattermost.id.to_string();
    let carol = lab.person("carol")?.mattermost.id.to_string();
    change(&mut lab, |entries| {
        entries.remove(&carol);
        entries.insert(alice, json!("carol"));
    })?;
    stopped(&lab, "alice", "mapping_changed")?;
    assert_eq!(lab.answer("alice", "run: id -un")?, "carol");
    Ok(())
}

/// Sets the expiry of alice's account to a day long ago.
fn expire(lab: &Lab) -> Result<()> {
    let shadow = lab.namespace.seen("/etc/shadow");
    let expired: Vec<String> = fs::read_to_string(&shadow)?
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            if let ["alice", .., expires, _] = fields.as_mut_slice() {
                *expires = "1";
            }
            fields.join(":")
        })
        .collect();
    Ok(fs::write(&shadow, expired.join("\n") + "\n")?)
}

#[test]
fn an_account_that_expires_is_switched_off_while_it_runs() -> Result<()> {
    let Some(mut lab) = at_work()? else { return Ok(()) };
    expire(&lab)?;
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    stopped(&lab, "alice", "account_expired")?;
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    Ok(())
}

#[test]
fn a_broken_file_does_not_keep_an_expired_account_at_work() -> Result<()> {
    let Some(mut lab) = at_work()? else { return Ok(()) };
    expire(&lab)?;
    fs::write(lab.namespace.seen(CONFIG).join("user_mapping.json"), "{")?;
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    lab.record("configuration_refused", SOON, |_| true)?;
    stopped(&lab, "alice", "account_expired")?;
    assert_eq!(lab.answer("bob", "run: id -un")?, "bob");
    Ok(())
}

#[test]
fn a_broken_file_at_start_is_fatal_and_named() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    for (name, content, why) in [
        ("supervisor.toml", "landlock_flor = 3", "landlock_flor"),
        ("goose.env", "LD_PRELOAD=/tmp/x", "LD_PRELOAD"),
        ("user_mapping.json", "[]", "user_mapping.json"),
    ] {
        let path = lab.namespace.seen(CONFIG).join(name);
        let good = fs::read(&path)?;
        fs::write(&path, content)?;
        lab.service(Which::Supervisor)?.stop()?;
        assert!(lab.start(Which::Supervisor).is_err(), "it serves with a broken {name}");
        assert!(lab.logs().contains(why), "{name}\n{}", lab.logs());
        fs::write(&path, good)?;
        lab.start(Which::Supervisor)?;
    }
    Ok(())
}

#[test]
fn sigterm_ends_every_worker_before_the_supervisor() -> Result<()> {
    let Some(mut lab) = at_work()? else { return Ok(()) };
    assert!(!lab.namespace.processes("workers").is_empty());
    let status = lab.service(Which::Supervisor)?.stop()?;
    assert!(status.success(), "{status}\n{}", lab.logs());
    assert!(lab.namespace.processes("workers").is_empty());
    stopped(&lab, "alice", "shutting_down")?;
    stopped(&lab, "bob", "shutting_down")
}

#[test]
fn without_a_journal_nobody_is_started_and_nothing_is_silent() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let socket = lab.namespace.seen("/run/systemd/journal/socket");
    let aside = socket.with_file_name("aside");
    fs::rename(&socket, &aside)?;
    lab.ask("alice", "run: id -un")?;
    let said = |lab: &mut Lab| -> Option<()> {
        let log = lab.service(Which::Supervisor).ok()?.log();
        (log.contains("start_attempt") && log.contains("audit_unavailable")).then_some(())
    };
    assert!(wait::until(SOON, || said(&mut lab)).is_some(), "{}", lab.logs());
    assert!(lab.namespace.processes("workers").is_empty());
    // The control: with the journal back, the same question is answered.
    fs::rename(&aside, &socket)?;
    assert_eq!(lab.answer("alice", "run: id -un")?, "alice");
    Ok(())
}

#[test]
fn a_second_supervisor_does_not_touch_the_first() -> Result<()> {
    let Some(lab) = at_work()? else { return Ok(()) };
    let workers = lab.namespace.cgroup().join("workers");
    let workers = workers.to_str().context("a readable path")?;
    let program = format!("{PROGRAMS}/gaggle-supervisor");
    let second = lab.namespace.run(
        0,
        &[&program, "--config-dir", CONFIG, "--runtime-dir", RUNTIME, "--cgroup", workers],
    )?;
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another supervisor is running"), "{said}");
    assert_eq!(lab.answer("alice", "run: id -un")?, "alice");
    Ok(())
}

#[test]
fn a_goose_kept_beside_the_homes_opens_none_of_them() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let goose = lab.namespace.seen("/home/goose");
    fs::copy(lab.namespace.seen(format!("{PROGRAMS}/goose")), goose)?;
    let settings = lab.namespace.seen(CONFIG).join("supervisor.toml");
    fs::write(settings, "require_limits = false\ngoose_path = \"/home/goose\"")?;
    lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
    let secret = lab.namespace.seen("/home/alice/secret");
    fs::write(&secret, "of alice's own")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644))?;
    let answer = lab.answer("alice", "run: cat ~/secret 2>&1; id -un")?;
    assert!(answer.contains("Permission denied") && answer.contains("alice"), "{answer}");
    Ok(())
}

#[test]
fn a_changed_profile_counts_at_once() -> Result<()> {
    let full = serde_json::json!({"account": "alice", "home": "full"});
    let Some(mut lab) = Lab::builder().entry("alice", full).start_if_possible()? else {
        return Ok(());
    };
    let look = "run: ls -d ~ && touch ~/mine && echo wrote";
    assert!(lab.answer("alice", look)?.contains("wrote"), "the control");
    lab.set_entry("alice", serde_json::json!("alice"))?;
    lab.record("worker_exited", SOON, |r| r.field("GAGGLE_REASON") == "stopped mapping_changed")?;
    assert!(!lab.answer("alice", look)?.contains("wrote"));
    Ok(())
}
