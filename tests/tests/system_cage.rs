//! What an agent's cage keeps from it beside files: other processes, the cgroup
//! tree, `/tmp` and `/run` of the machine, ways to more rights.

use std::fs;

use anyhow::{Context, Result};
use gaggle_tests::lab::Lab;

#[test]
fn tmp_and_run_are_the_agents_own() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
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

#[test]
fn the_cgroup_tree_is_out_of_sight() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let tree = lab.namespace.cgroup().to_string_lossy().into_owned();
    let own = format!("find {tree} /sys/fs/cgroup -name cgroup.procs 2>/dev/null | wc -l");
    assert_eq!(lab.answer("alice", &format!("run: {own}"))?, "0");
    // The control: to a process of hers outside of the cage it is visible.
    let control = lab.namespace.run(lab.person("alice")?.uid, &["sh", "-c", &own])?;
    assert_ne!(String::from_utf8_lossy(&control.stdout).trim(), "0");
    Ok(())
}

#[test]
fn other_processes_of_the_account_are_out_of_reach() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let other = lab.ask("alice", "run: until test -e go; do sleep 0.1; done; echo unharmed")?;
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    let worker = *lab.namespace.people_running("gaggle-worker").first().context("her worker")?;
    // Its own Goose is in the same cage and hides nothing from it.
    let own: i32 = thread.then("run: echo $PPID")?.parse()?;
    let mut targets = lab.namespace.people_running("goose");
    assert!(targets.contains(&own), "{own} {targets:?}");
    targets.retain(|pid| *pid != own);
    targets.push(worker);
    let alice = lab.person("alice")?;
    for pid in &targets {
        for file in ["environ", "maps", "root/etc/hostname", "cwd/"] {
            let said =
                thread.then(&format!("run: ls /proc/{pid}/{file} && cat /proc/{pid}/{file}"))?;
            assert!(said.contains("denied") || said.contains("No such"), "{pid} {file}: {said}");
        }
    }
    let kill = targets.iter().map(|pid| format!("kill -9 {pid}; ")).collect::<String>();
    // The control: a process of hers outside of the cage may signal them.
    let control = lab.namespace.run(alice.uid, &["sh", "-c", &format!("kill -0 {worker}")])?;
    assert!(control.status.success());
    // Its own Goose may end; the worker and the other thread may not notice.
    thread.say(&format!("run: ({kill}) 2>&1; kill -9 -1"))?;
    thread.answer()?;
    lab.namespace.run(alice.uid, &["touch", "/home/alice/workspace/go"])?;
    assert_eq!(other.answer()?, "unharmed");
    assert_eq!(lab.namespace.people_running("gaggle-worker"), [worker]);
    Ok(())
}

#[test]
fn no_way_leads_to_more_rights() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    // Each prints `got through` when it works.
    for try_it in [
        "unshare --user --map-root-user true",
        "unshare --mount true",
        "mount -t tmpfs none /home/alice/workspace",
        "su -c true nobody </dev/null",
        "touch /srv/gaggle/lib/gaggle-worker",
        "touch /etc/passwd",
        "cat /etc/shadow",
        "chroot / true",
        "nsenter --mount --target 1 true",
        "setpriv --reuid 0 true",
    ] {
        let said = thread.then(&format!("run: {try_it} && echo got through"))?;
        assert!(!said.contains("got through"), "{try_it}: {said}");
    }
    // The control: a shell that can do nothing would pass all of the above.
    assert!(thread.then("run: true && echo got through")?.contains("got through"));
    Ok(())
}
