//! The admin's command against a running supervisor, and on a machine where it
//! finds what it does not understand.

use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{Lab, needs, programs};
use serde_json::Value;

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
