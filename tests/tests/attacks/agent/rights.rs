//! Ways to more rights than the account has.
//!
//! Trust: none of the agent.

use std::fs;

use anyhow::{Result, ensure};
use nix::unistd::{Gid, chown};

use super::{ACTS, Actor, Agent, Outside, held, install, lab, row};

/// A group whose set-gid programs are of interest.
const CRONTAB: u32 = 4242;
/// A group that may read devices and logs.
const DISK: u32 = 4244;

#[test]
fn a03_a04_a05_programs_that_give_rights_give_none() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    install(&lab, "set-uid", 0o4755)?;
    // A change of owner takes the bit away.
    install(&lab, "set-gid", 0o755)?;
    let set_gid = lab.namespace.seen(ACTS).join("set-gid");
    chown(&set_gid, None, Some(Gid::from_raw(CRONTAB)))?;
    let mut root = Outside::root(&lab);
    root.shell(&format!("chmod 2755 {ACTS}/set-gid"))?;
    install(&lab, "capable", 0o755)?;
    let granted = root.shell(&format!("{ACTS}/act grant {ACTS}/capable"))?;
    ensure!(granted == "open", "file capabilities: {granted}");
    let uid = lab.person("alice")?.uid;
    let mut agent = Agent::of(&lab, "alice")?;
    let mut alice = Outside::login(&lab, "alice", &[])?;
    for (id, program, gained) in
        [("A03", "set-uid", format!("0 {uid}")), ("A04", "set-gid", format!("{uid} {CRONTAB}"))]
    {
        let act = format!("{ACTS}/{program} ids");
        assert_eq!(agent.shell(&act)?, format!("{uid} {uid}"), "{id}");
        assert_eq!(alice.shell(&act)?, gained, "{id}: the control");
    }
    // With the bounding set empty such a program cannot even be started.
    let act = format!("{ACTS}/capable read /etc/shadow");
    let said = agent.shell(&act)?;
    assert!(said.contains("not permitted") && !said.contains("open"), "A05: {said}");
    assert_eq!(alice.shell(&act)?, "open", "A05: the control");
    let status = agent.shell("grep -E '^(NoNewPrivs|Cap)' /proc/self/status")?;
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert_eq!(status.matches("0000000000000000").count(), 5, "{status}");
    Ok(())
}

#[test]
fn a03_nobody_becomes_root_by_asking() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let acts = [row("A03", "act become-root"), row("A03", "setpriv --reuid 0 true")];
    held(&mut Agent::of(&lab, "alice")?, &mut Outside::root(&lab), &acts)
}

#[test]
fn a23_groups_that_open_devices_and_logs_are_not_the_agents() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    // The cage lets an agent read in this folder, so that groups alone decide.
    let made = Outside::root(&lab).shell(&format!(
        "cd {ACTS} && mknod disk c 1 5 && echo log > log && chgrp {DISK} disk log && chmod 640 disk log && echo made"
    ))?;
    ensure!(made == "made", "{made}");
    let group = lab.namespace.seen("/etc/group");
    fs::write(&group, format!("{}disk:x:{DISK}:alice\n", fs::read_to_string(&group)?))?;
    let acts =
        [row("A23", format!("act read {ACTS}/disk")), row("A23", format!("act read {ACTS}/log"))];
    let mut agent = Agent::of(&lab, "alice")?;
    held(&mut agent, &mut Outside::login(&lab, "alice", &[DISK])?, &acts)?;
    // Where a mode lets everybody in, a device is closed by the cage.
    let everybody = [row("A23", "true < /dev/ptmx")];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &everybody)
}

#[test]
fn a54_limits_stay_where_they_were_put() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let mut alice = Outside::login(&lab, "alice", &[])?;
    let raise = [row("A54", "act raise-core-limit"), row("A54", "ulimit -c unlimited")];
    held(&mut agent, &mut Outside::root(&lab), &raise)?;
    assert_eq!(agent.shell("ulimit -H -c")?, "0");
    // The cage has the file for reading only; and the kernel lets nobody sink
    // below where root put them.
    held(&mut agent, &mut alice, &[row("A54", "echo 900 > /proc/self/oom_score_adj")])?;
    let sink = "echo 900 > /proc/self/oom_score_adj; echo -900 > /proc/self/oom_score_adj";
    assert_eq!(agent.try_all(&[sink])?, ["held"]);
    assert_eq!(alice.try_all(&[sink])?, ["held"]);
    Ok(())
}
