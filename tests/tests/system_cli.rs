//! The admin's command against a running supervisor, and on a machine of its
//! own where it may make accounts.

use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{Lab, needs, programs};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);
const CAROL: &str = "carolcarolcarolcarolcarol1";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn gaggle(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    let program = programs::built("gaggle")?;
    let mut all = vec![program.to_str().context("a readable path")?];
    all.extend(["--config-dir", gaggle_tests::lab::spec::CONFIG]);
    all.extend(arguments);
    lab.namespace.run(0, &all)
}

#[test]
fn status_shows_people_workers_and_what_is_refused() -> Result<()> {
    let lab = Lab::builder().entry("bob", Value::from("nobody-here")).without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let status = gaggle(&lab, &["status", "--json"])?;
    // A refused entry and no frontend: something is not as it should be.
    assert_eq!(status.status.code(), Some(3), "{}", text(&status.stderr));
    let status: Value = serde_json::from_slice(&status.stdout)?;
    assert_eq!(status["running"], true);
    assert_eq!(status["frontend_connected"], false);
    let people = status["people"].as_array().context("people")?;
    let of = |account: &str| people.iter().find(|p| p["account"] == account).cloned();
    assert_eq!(of("alice").context("alice")?["problem"], Value::Null);
    let problem = of("nobody-here").context("bob's entry")?["problem"].to_string();
    assert!(problem.contains("no account"), "{problem}");
    let plain = gaggle(&lab, &["status"])?;
    let plain = text(&plain.stdout);
    assert!(plain.contains("running") && plain.contains("not connected"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "colours are for terminals: {plain}");
    let list = text(&gaggle(&lab, &["user", "list"])?.stdout);
    assert!(list.contains("alice") && list.contains("workspace"), "{list}");
    Ok(())
}

#[test]
fn an_adopted_person_is_in_force_at_once_and_only_once() -> Result<()> {
    let lab = Lab::builder().person("carol").entry("carol", Value::Null).without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let add = ["user", "add", "carol", "--mattermost", CAROL];
    let refused = gaggle(&lab, &add)?;
    assert!(text(&refused.stderr).contains("--adopt"), "{}", text(&refused.stderr));
    let adopted = gaggle(&lab, &[&add[..], &["--adopt"]].concat())?;
    assert!(adopted.status.success(), "{}", text(&adopted.stderr));
    assert!(text(&adopted.stdout).contains(CAROL));
    lab.record("configuration_loaded", SOON, |r| r.field("GAGGLE_USABLE") == "3")?;
    let again = gaggle(&lab, &[&add[..], &["--adopt"]].concat())?;
    assert!(again.status.success());
    assert!(text(&again.stdout).contains("already"), "{}", text(&again.stdout));
    let stolen = gaggle(&lab, &["user", "add", "alice", "--mattermost", CAROL, "--adopt"])?;
    assert!(!stolen.status.success());
    let twice =
        gaggle(&lab, &["user", "add", "carol", "--adopt", "--mattermost", &"z".repeat(26)])?;
    assert!(text(&twice.stderr).contains("--shared"), "{}", text(&twice.stderr));
    Ok(())
}

#[test]
fn an_account_that_the_supervisor_would_refuse_is_refused_before_it_is_mapped() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let cases = [("root", "root"), ("gaggle", "system account"), ("alice", "already the account")];
    for (account, why) in cases {
        let refused = gaggle(&lab, &["user", "add", account, "--mattermost", CAROL, "--adopt"])?;
        assert_eq!(refused.status.code(), Some(1), "{account}");
        assert!(text(&refused.stderr).contains(why), "{account}: {}", text(&refused.stderr));
    }
    for bad in [
        ["user", "add", "Alice", "--mattermost", CAROL],
        ["user", "add", "x", "--mattermost", "carol"],
    ] {
        assert_eq!(gaggle(&lab, &bad)?.status.code(), Some(2), "{bad:?}");
    }
    let alice = lab.person("alice")?;
    let home = lab.namespace.seen("/home/alice");
    std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o770))?;
    let id = alice.mattermost.id.to_string();
    let loose = gaggle(&lab, &["user", "add", "alice", "--mattermost", &id, "--adopt"])?;
    assert!(text(&loose.stderr).contains("chmod go-w"), "{}", text(&loose.stderr));
    let unprivileged = programs::built("gaggle")?;
    let unprivileged = unprivileged.to_str().context("a readable path")?;
    let unprivileged =
        lab.namespace.run(alice.uid, &[unprivileged, "user", "add", "x", "--mattermost", CAROL])?;
    assert!(text(&unprivileged.stderr).contains("sudo"), "{}", text(&unprivileged.stderr));
    Ok(())
}

/// Runs a script where /etc and /home are copies that vanish with it.
fn on_a_copy(script: &str) -> Result<Output> {
    let program = programs::built("gaggle")?;
    let prepare = "set -e; mount -t tmpfs -o mode=755 tmpfs /mnt; cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc; \
                   mount -t tmpfs -o mode=755 tmpfs /home; mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p -m 755 /etc/gaggle; gaggle=$0; ";
    let all = format!("{prepare}{script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", &all]).arg(program);
    command.output().context("unshare")
}

#[test]
fn a_dedicated_account_is_made_once_with_its_folders() -> Result<()> {
    if !needs::can_run() {
        return Ok(());
    }
    let script = format!(
        "$gaggle user add carol --mattermost {CAROL}; $gaggle user add carol --mattermost {CAROL}; \
         getent passwd carol; stat -c '%U %a %n' /home/carol /home/carol/workspace; \
         getent shadow carol | cut -d: -f2; cat /etc/gaggle/user_mapping.json; $gaggle user list --json"
    );
    let output = on_a_copy(&script)?;
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}{}", text(&output.stderr));
    assert!(out.contains("made and mapped") && out.contains("nothing to do"), "{out}");
    assert!(out.contains("/usr/sbin/nologin"), "{out}");
    assert!(out.contains("carol 700 /home/carol\ncarol 700 /home/carol/workspace"), "{out}");
    assert!(out.contains("\n!\n") || out.contains("\n*\n"), "the account has a password: {out}");
    assert!(out.contains(&format!("\"{CAROL}\": \"carol\"")), "{out}");
    assert!(text(&output.stderr).contains("not running"), "{}", text(&output.stderr));
    Ok(())
}

#[test]
fn a_mapping_that_is_not_understood_is_not_touched() -> Result<()> {
    if !needs::can_run() {
        return Ok(());
    }
    let twice = format!(r#"{{"{CAROL}": "a", "{CAROL}": "b"}}"#);
    for (content, why) in [("{", "EOF"), (&*twice, "more than once")] {
        let script = format!(
            "printf %s '{content}' > /etc/gaggle/user_mapping.json; $gaggle user add dora --mattermost {} || true; cat /etc/gaggle/user_mapping.json; getent passwd dora || echo none",
            "d".repeat(26)
        );
        let output = on_a_copy(&script)?;
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), format!("{content}none\n"));
    }
    Ok(())
}
