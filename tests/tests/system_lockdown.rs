//! The admin switches everything off and on again with the command.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{Lab, Which, programs, spec, wait};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

fn gaggle(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    let program = programs::built("gaggle")?;
    let mut all = vec![program.to_str().context("a readable path")?];
    all.extend(["--config-dir", spec::CONFIG]);
    all.extend(arguments);
    lab.namespace.run(0, &all)
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn nobody_runs(lab: &Lab) {
    let gone = wait::until(SOON, || lab.namespace.processes("workers").is_empty().then_some(()));
    assert!(gone.is_some(), "{:?}", lab.namespace.processes("workers"));
}

#[test]
fn everybody_is_stopped_and_stays_so_until_it_is_lifted() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    for name in ["alice", "bob"] {
        assert_eq!(lab.answer(name, "run: id -un")?, name);
    }
    let on = gaggle(&lab, &["lockdown", "on"])?;
    assert!(
        on.status.success() && said(&on).contains("2 agents are being stopped"),
        "{}",
        said(&on)
    );
    nobody_runs(&lab);
    let told = lab.answer("alice", "run: echo working")?;
    assert!(told.contains("switched all agents off") && !told.contains("working"), "{told}");
    let again = gaggle(&lab, &["lockdown", "on", "--json"])?;
    let again: Value = serde_json::from_slice(&again.stdout)?;
    let expected = json!({"version": 1, "lockdown": true, "running": true, "stopped": 0});
    assert_eq!(again, expected, "twice is once");
    lab.kill_and_restart(Which::Supervisor)?;
    let told = lab.answer("bob", "run: echo working")?;
    assert!(told.contains("switched all agents off"), "it outlasts a restart: {told}");
    for _ in 0..2 {
        let off = gaggle(&lab, &["lockdown", "off"])?;
        assert!(off.status.success() && said(&off).contains("lifted"), "{}", said(&off));
    }
    assert_eq!(lab.answer("alice", "run: echo working")?, "working");
    Ok(())
}

#[test]
fn it_is_roots_alone_and_needs_a_word() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    let program = programs::built("gaggle")?;
    let program = program.to_str().context("a readable path")?;
    let alice = lab.person("alice")?.uid;
    let refused = lab.namespace.run(alice, &[program, "lockdown", "on"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("sudo"), "{}", said(&refused));
    assert_eq!(gaggle(&lab, &["lockdown"])?.status.code(), Some(2));
    assert_eq!(gaggle(&lab, &["lockdown", "maybe"])?.status.code(), Some(2));
    lab.service(Which::Supervisor)?.stop()?;
    let alone = gaggle(&lab, &["lockdown", "on"])?;
    assert!(alone.status.success() && said(&alone).contains("not running"), "{}", said(&alone));
    lab.start(Which::Supervisor)?;
    lab.record("lockdown", SOON, |r| r.field("GAGGLE_STATE") == "on")?;
    let status = gaggle(&lab, &["status"])?;
    assert!(said(&status).contains("gaggle lockdown off"), "{}", said(&status));
    let off = gaggle(&lab, &["lockdown", "off"])?;
    assert!(off.status.success(), "{}", said(&off));
    let status: Value = serde_json::from_slice(&gaggle(&lab, &["status", "--json"])?.stdout)?;
    assert_eq!(status["lockdown"], false);
    Ok(())
}
