//! The kernel's own interfaces: namespaces, mounts, keyrings, and the large and
//! young calls that no agent needs.
//!
//! Trust: none of the agent.

use anyhow::Result;

use super::{ACTS, Actor, Agent, Outside, held, lab, row};

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

#[test]
fn a08_what_hides_the_machine_cannot_be_taken_away() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let journal = "test -e /run/systemd/journal/socket";
    let acts = [
        row("A08", "act unmount /run"),
        row("A08", "act unmount /tmp"),
        row("A08", "act unmount /sys/fs/cgroup"),
        row("A08", "act mount /home/alice/workspace"),
        row("A08", "unshare --user --map-root-user --mount umount /run"),
        row("A08", journal),
    ];
    let words: Vec<&str> = acts.iter().map(|(_, act)| act.as_str()).collect();
    for (act, became) in words.iter().zip(agent.try_all(&words)?) {
        assert!(became.starts_with("held"), "{act}: {became}");
    }
    // The control: root does the same to the very mounts the agent lives in,
    // and then the agent sees the machine.
    let worker = super::processes::worker_of_alice(&lab)?;
    let enter = format!("nsenter --mount --target {worker} {ACTS}/act");
    let unmounted = Outside::root(&lab).shell(&format!("{enter} unmount /run"))?;
    assert_eq!(unmounted, "open");
    assert_eq!(agent.try_all(&[journal])?, ["open"]);
    Ok(())
}

#[test]
fn a48_a49_calls_that_no_agent_needs_are_refused() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let acts = [
        row("A48", "act io-uring"),
        row("A48", "act bpf"),
        row("A48", "act userfaultfd"),
        row("A48", "act perf"),
        row("A48", "act secret-memory"),
        row("A48", "act type-into-terminal"),
        // Packets past the network's rules, ciphers of the kernel's, virtual machines.
        row("A48", "act family 17"),
        row("A48", "act family 38"),
        row("A48", "act family 40"),
        row("A49", "act keyring"),
        row("A49", "act add-key"),
        row("A49", "act request-key"),
    ];
    let words: Vec<&str> = acts.iter().map(|(_, act)| act.as_str()).collect();
    let inside = Agent::of(&lab, "alice")?.try_all(&words)?;
    let outside = Outside::root(&lab).try_all(&words)?;
    for (((id, act), inside), outside) in acts.iter().zip(inside).zip(&outside) {
        // The filter's word, whether this kernel has the call or not.
        assert_eq!(inside, "held EPERM", "{id}: {act}");
        assert_ne!(outside, "held EPERM", "{id}: the control of {act}");
    }
    // The program itself is no slip of the pen.
    let open = outside.iter().filter(|outside| *outside == "open").count();
    assert!(open >= 3, "{outside:?}");
    Ok(())
}
