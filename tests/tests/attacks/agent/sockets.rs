//! Sockets of the machine and of the person's other programs: whoever reaches
//! one has its program act outside of the cage.
//!
//! Trust: none of the agent. The listeners here are the test's; nobody behind
//! them has to do anything for a connection to succeed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use anyhow::{Context, Result};
use gaggle_tests::lab::Lab;
use nix::unistd::{Gid, Uid, chown};

use super::{Actor, Agent, Outside, held, lab, row};

/// Listens at a path of the lab.
fn listen(lab: &Lab, path: &str, owner: u32, group: u32, mode: u32) -> Result<UnixListener> {
    let at = lab.namespace.seen(path);
    let folder = at.parent().context("a folder")?;
    if !folder.exists() {
        fs::create_dir_all(folder)?;
        chown(folder, Some(Uid::from_raw(owner)), None)?;
    }
    let listener = UnixListener::bind(&at).with_context(|| format!("listen at {path}"))?;
    chown(&at, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
    fs::set_permissions(&at, Permissions::from_mode(mode))?;
    Ok(listener)
}

#[test]
fn a16_a17_the_buses_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    let own = |name: &str| format!("/run/user/{uid}/{name}");
    let sockets = [
        ("A16", own("bus"), uid, 0o600),
        ("A16", own("systemd/private"), uid, 0o600),
        ("A17", "/run/dbus/system_bus_socket".to_owned(), 0, 0o666),
        ("A17", "/run/systemd/private".to_owned(), 0, 0o666),
    ];
    let mut listening = Vec::new();
    let mut acts = Vec::new();
    for (id, path, owner, mode) in &sockets {
        listening.push(listen(&lab, path, *owner, *owner, *mode)?);
        acts.push(row(id, format!("act connect {path}")));
    }
    let mut agent = Agent::of(&lab, "alice")?;
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)?;
    let names =
        agent.shell("env | grep -E '^(DBUS|XDG_RUNTIME|SSH|GPG|DISPLAY|WAYLAND)'; echo -")?;
    assert_eq!(names, "-");
    Ok(())
}
