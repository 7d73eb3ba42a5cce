//! A worker's own `/tmp`, `/run` and System V objects. Each denial has its
//! control: outside the worker the same account can do it.

use std::fs;

use anyhow::Result;
use gaggle_tests::lab::Lab;

fn lab() -> Result<Option<Lab>> {
    Lab::builder().start_if_possible()
}

fn outside(lab: &Lab, name: &str, command: &str) -> Result<String> {
    let uid = lab.person(name)?.uid;
    let output = lab.namespace.run(uid, &["sh", "-c", command])?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn temporary_files_are_shared_by_a_persons_threads_and_by_nobody_else() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let look = "run: cat /tmp/mark /var/tmp/mark /dev/shm/mark 2>&1";
    lab.answer("alice", "run: echo of-alice > /dev/shm/mark; chmod 644 /tmp/mark; echo made")?;
    let again = lab.answer("alice", look)?;
    assert_eq!(again.matches("of-alice").count(), 3, "{again}");
    let bobs = lab.answer("bob", look)?;
    assert!(!bobs.contains("of-alice"), "{bobs}");
    for folder in ["/tmp", "/dev/shm"] {
        assert!(!lab.namespace.seen(folder).join("mark").exists(), "{folder}");
    }
    Ok(())
}

#[test]
fn a_temporary_file_may_be_run_and_a_device_in_it_may_not() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let answer = lab.answer(
        "alice",
        "run: printf '#!/bin/sh\\necho it-runs\\n' > /tmp/x; chmod +x /tmp/x; /tmp/x; grep ' /tmp ' /proc/self/mounts | tail -1",
    )?;
    assert!(answer.contains("it-runs"), "{answer}");
    assert!(answer.contains("nosuid") && answer.contains("nodev"), "{answer}");
    Ok(())
}

#[test]
fn memory_that_other_programs_share_is_not_there_to_map() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let look = "ipcs -m | grep -c ^0x; true";
    let made = outside(&lab, "alice", "ipcmk -M 4096 -p 600")?;
    let id = made.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let seen = outside(&lab, "alice", look);
    let inside = lab.answer("alice", &format!("run: {look}"));
    outside(&lab, "alice", &format!("ipcrm -m {id}"))?;
    assert_ne!(seen?.trim(), "0", "the control");
    assert_eq!(inside?, "0");
    Ok(())
}

#[test]
fn tmp_and_run_are_the_agents_own() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let name = format!("gaggle-test-{}", lab.person("alice")?.uid);
    for folder in ["/tmp", "/run"] {
        fs::write(lab.namespace.seen(folder).join(&name), "seen")?;
    }
    let mut thread =
        lab.ask("alice", &format!("run: echo mine > /tmp/mine; cat /tmp/{name} 2>&1"))?;
    let seen = thread.answer()?;
    let in_run = thread.then(&format!("run: cat /run/{name} /run/gaggle/control.sock 2>&1"));
    let outside = lab.namespace.seen("/tmp");
    let leaked = outside.join("mine").exists();
    fs::remove_file(outside.join(&name))?;
    assert!(!seen.contains("seen") && !leaked, "{seen}");
    assert!(!in_run?.contains("seen"));
    assert_eq!(thread.then("run: cat /tmp/mine")?, "mine");
    // Another person's agent has another one.
    let bob = lab.answer("bob", "run: cat /tmp/mine 2>&1")?;
    assert!(bob.contains("No such file"), "{bob}");
    Ok(())
}
