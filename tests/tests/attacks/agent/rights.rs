//! Ways to more rights than the account has.
//!
//! Trust: none of the agent.

use anyhow::{Result, ensure};
use nix::unistd::{Gid, chown};

use super::{ACTS, Actor, Agent, Outside, held, install, lab, row};

/// A group whose set-gid programs are of interest.
const CRONTAB: u32 = 4242;

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
fn a06_a07_no_new_namespace() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let login = super::processes::worker_of_alice(&lab)?;
    let mut acts = Vec::new();
    for namespace in ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"] {
        acts.push(row("A06", format!("act unshare {namespace}")));
        acts.push(row("A06", format!("act clone {namespace}")));
        acts.push(row("A07", format!("act clone3 {namespace}")));
    }
    acts.push(row("A06", "unshare --user --map-root-user true"));
    acts.push(row("A06", format!("act enter {login} mnt")));
    held(&mut agent, &mut Outside::root(&lab), &acts)?;
    assert_eq!(agent.shell(&format!("{ACTS}/act clone3 user"))?, "held ENOSYS", "A07");
    assert_eq!(agent.shell(&format!("{ACTS}/act clone user"))?, "held EPERM", "A06");
    Ok(())
}
