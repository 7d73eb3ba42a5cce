//! The lab itself: it must not touch the host, and leave nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use gaggle_tests::lab::namespace::process_name;
use gaggle_tests::lab::{Lab, Which, wait};

#[test]
fn a_lab_stands_and_leaves_nothing() -> Result<()> {
    let passwd = std::fs::read("/etc/passwd")?;
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?;
    let seen = lab.namespace.run(alice.uid, &["id", "-un"])?;
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "alice\n");
    let cgroup = lab.namespace.cgroup().to_owned();
    let daemon = "echo 0 > \"$0/services/cgroup.procs\" && setsid sleep 1000 >&- 2>&- &";
    let cgroup_text = cgroup.to_string_lossy().into_owned();
    lab.namespace.run(0, &["sh", "-c", daemon, &cgroup_text])?;
    let services = || lab.namespace.processes("services");
    let sleeping = || services().into_iter().find(|pid| is_sleep(*pid));
    let daemon = wait::until(Duration::from_secs(10), sleeping).unwrap();
    let outside = lab.namespace.outside().to_owned();
    drop(lab);
    assert!(!cgroup.exists() && !outside.exists());
    assert!(!is_sleep(daemon));
    assert_eq!(std::fs::read("/etc/passwd")?, passwd);
    assert!(!Path::new("/home/alice").exists() || !Path::new("/srv/gaggle").exists());
    Ok(())
}

fn is_sleep(pid: i32) -> bool {
    process_name(pid) == "sleep"
}

#[test]
fn the_supervisor_comes_up_again_after_a_kill() -> Result<()> {
    let Some(mut lab) = Lab::builder().without_frontend().start_if_possible()? else {
        return Ok(());
    };
    let before = lab.service(Which::Supervisor)?.pid();
    lab.kill_and_restart(Which::Supervisor)?;
    assert_ne!(lab.service(Which::Supervisor)?.pid(), before);
    Ok(())
}
