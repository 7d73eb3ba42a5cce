//! Files that are not the agent's: of other people, of the services, of the
//! person beside the workspace.
//!
//! Trust: none of the agent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use gaggle_tests::lab::{Lab, TOKEN_FILE};
use nix::unistd::{Gid, Uid, chown};

use super::{Agent, Outside, held, lab, row};

/// Writes a file, with its folders, that belongs to `owner` and has `mode`.
fn put(lab: &Lab, path: &str, owner: u32, mode: u32) -> Result<()> {
    let file = lab.namespace.seen(path);
    fs::create_dir_all(file.parent().context("a folder")?)?;
    fs::write(&file, "private\n")?;
    chown(&file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    Ok(fs::set_permissions(&file, Permissions::from_mode(mode))?)
}

fn open_to_all(path: &Path) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(0o777))?)
}

#[test]
fn a01_the_home_of_another_is_closed_even_where_its_modes_are_open() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let mut login = Outside::login(&lab, "alice", &[])?;
    let bob = lab.person("bob")?.uid;
    put(&lab, "/home/bob/diary", bob, 0o600)?;
    let private = [row("A01", "cat /home/bob/diary"), row("A01", "ls /home/bob")];
    held(&mut agent, &mut Outside::login(&lab, "bob", &[])?, &private)?;
    // Modes aside it is closed as well: the control is alice herself.
    put(&lab, "/home/bob/diary", bob, 0o666)?;
    put(&lab, "/home/bob/program", bob, 0o755)?;
    fs::write(lab.namespace.seen("/home/bob/program"), "#!/bin/sh\n")?;
    open_to_all(&lab.namespace.seen("/home/bob"))?;
    let acts = [
        row("A01", "cat /home/bob/diary"),
        row("A01", "ls /home/bob"),
        row("A01", "echo more >> /home/bob/diary"),
        row("A01", "/home/bob/program"),
        row("A01", "touch /home/bob/new && rm /home/bob/new"),
        row("A01", "mkdir /home/bob/folder"),
        row("A01", "ln -s /etc /home/bob/link"),
        row("A01", "mv /home/bob/diary /home/bob/stolen"),
        row("A01", "rm /home/bob/stolen"),
    ];
    held(&mut agent, &mut login, &acts)
}

#[test]
fn a02_the_services_files_and_the_machines_secrets_are_closed() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    // As they stand: their modes alone keep an account out.
    let modes = [
        row("A02", "cat /etc/shadow"),
        row("A02", format!("cat {CONFIG}/goose.env")),
        row("A02", format!("cat {CONFIG}/{TOKEN_FILE}")),
        row("A02", "echo x >> /etc/passwd"),
        row("A02", format!("touch {PROGRAMS}/gaggle-worker")),
    ];
    held(&mut agent, &mut Outside::root(&lab), &modes)?;
    // With modes that let everybody in, the cage still does not.
    put(&lab, "/run/credentials/gaggle-frontend.service/token", 0, 0o644)?;
    let mut paths = vec!["/run/credentials/gaggle-frontend.service/token".to_owned()];
    for name in [TOKEN_FILE, "gaggle.toml", "supervisor.toml", "goose.env", "user_mapping.json"] {
        open_to_all(&lab.namespace.seen(CONFIG).join(name))?;
        paths.push(format!("{CONFIG}/{name}"));
    }
    let acts: Vec<_> = paths.iter().map(|path| row("A02", format!("cat {path}"))).collect();
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}
