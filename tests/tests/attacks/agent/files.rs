//! Files that are not the agent's: of other people, of the services, of the
//! person beside the workspace.
//!
//! Trust: none of the agent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS};
use gaggle_tests::lab::{ANSWER, Entry, Lab, TOKEN_FILE};
use nix::unistd::{Gid, Uid, chown};
use serde_json::json;

use super::{ACTS, Actor, Agent, Outside, armed, held, install, lab, row};

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

#[test]
fn a17_a18_a19_nothing_that_runs_at_a_login_can_be_written() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let mut alice = Outside::login(&lab, "alice", &[])?;
    let paths = AT_LOGIN.iter().map(|(id, path)| (*id, format!("/home/alice/{path}")));
    let acts: Vec<_> = paths
        .map(|(id, path)| row(id, format!("mkdir -p $(dirname {path}) && echo x >> {path}")))
        .collect();
    // Once they are not there yet; and again when the control has made them.
    held(&mut agent, &mut alice, &acts)?;
    held(&mut agent, &mut alice, &acts)
}

/// Below a home: what acts in the person's name the next time they are here.
const AT_LOGIN: &[(&str, &str)] = &[
    ("A17", ".config/systemd/user/default.target.wants/x.service"),
    ("A17", ".local/share/systemd/user/x.service"),
    ("A17", ".config/environment.d/x.conf"),
    ("A18", ".ssh/authorized_keys"),
    ("A18", ".ssh/authorized_keys2"),
    ("A18", ".ssh/config"),
    ("A18", ".ssh/rc"),
    ("A19", ".bashrc"),
    ("A19", ".bash_profile"),
    ("A19", ".bash_login"),
    ("A19", ".bash_logout"),
    ("A19", ".bash_aliases"),
    ("A19", ".profile"),
    ("A19", ".zshrc"),
    ("A19", ".zshenv"),
    ("A19", ".config/fish/config.fish"),
    ("A19", ".config/autostart/x.desktop"),
    ("A19", ".local/share/applications/x.desktop"),
    ("A19", ".local/share/bash-completion/completions/ls"),
    ("A19", ".local/bin/ls"),
    ("A19", "bin/ls"),
    ("A19", ".pam_environment"),
    ("A19", ".xprofile"),
    ("A19", ".gitconfig"),
    ("A19", ".config/git/config"),
    ("A19", ".cargo/config.toml"),
    ("A19", ".npmrc"),
    ("A19", ".vimrc"),
    ("A19", ".tmux.conf"),
    ("A19", ".forward"),
];

#[test]
fn a21_jobs_for_later_cannot_be_left() -> Result<()> {
    const CRONTAB: u32 = 4242;
    let Some(lab) = lab()? else { return Ok(()) };
    let mut root = Outside::root(&lab);
    let made = root.shell(&format!(
        "mount -t tmpfs -o mode=755 spool /var/spool && cd /var/spool \
         && mkdir -p cron/crontabs cron/atjobs && chgrp {CRONTAB} cron/* && chmod 1770 cron/* \
         && mkdir -m 1777 open && echo made"
    ))?;
    assert_eq!(made, "made");
    install(&lab, "crontab", 0o755)?;
    root.shell(&format!("chgrp {CRONTAB} {ACTS}/crontab && chmod 2755 {ACTS}/crontab"))?;
    for name in ["crontabs/alice", "atjobs/alice"] {
        root.shell(&format!(
            "cd /var/spool/cron && touch {name} && chgrp {CRONTAB} {name} && chmod 660 {name}"
        ))?;
    }
    let mut agent = Agent::of(&lab, "alice")?;
    let crontab = |file: &str| format!("{ACTS}/crontab write /var/spool/cron/{file} x | grep open");
    let acts = [
        row("A21", crontab("crontabs/alice")),
        row("A21", crontab("atjobs/alice")),
        // And where the mode is no hindrance.
        row("A21", "touch /var/spool/open/job"),
    ];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}

#[test]
fn a47_what_is_open_for_reading_cannot_be_cut_or_written() -> Result<()> {
    let entry = json!({"account": "alice", "read": ["/srv/shared"]});
    let Some(lab) = armed(Lab::builder().entry("alice", entry))? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    put(&lab, "/srv/shared/file", alice, 0o644)?;
    chown(&lab.namespace.seen("/srv/shared"), Some(Uid::from_raw(alice)), None)?;
    let mut agent = Agent::of(&lab, "alice")?;
    assert_eq!(agent.shell("cat /srv/shared/file")?, "private");
    let acts = [
        row("A47", "act truncate /srv/shared/file"),
        row("A47", "act write /srv/shared/file more"),
        row("A47", "true > /srv/shared/file"),
        row("A47", "touch /srv/shared/new"),
        row("A47", "mv /srv/shared/file /srv/shared/other"),
        row("A47", "rm /srv/shared/other"),
    ];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)?;
    // Landlock lets an owner set modes and times; the home's mount does not.
    put(&lab, "/home/alice/.netrc", lab.person("alice")?.uid, 0o600)?;
    let modes = [
        row("A47", "chmod 755 /home/alice && chmod 700 /home/alice"),
        row("A47", "chmod 644 /home/alice/.netrc"),
        row("A47", "touch -d 2020-01-01 /home/alice/.netrc"),
        row("A47", "setfattr -n user.x -v y /home/alice/.netrc || chmod 600 /home/alice/.netrc"),
    ];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &modes)?;
    let mode = row("A47", "chmod 777 /etc/passwd");
    held(&mut agent, &mut Outside::root(&lab), &[mode])
}

#[test]
fn a47_what_is_mounted_below_the_home_is_no_way_around_it() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    let mount = format!(
        "mkdir ~alice/data && mount -t tmpfs -o uid={uid},mode=700 none ~alice/data \
         && echo private > ~alice/data/letter && chown {uid} ~alice/data/letter \
         && chmod 600 ~alice/data/letter && echo made"
    );
    Outside::root(&lab).shell(&mount)?;
    let mut agent = Agent::of(&lab, "alice")?;
    let modes =
        [row("A47", "chmod 644 /home/alice/data/letter"), row("A47", "chmod 755 /home/alice/data")];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &modes)
}

#[test]
fn a47_a_home_behind_a_group_of_the_entry_is_covered_as_well() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    let team =
        "echo team:x:7777: >> /etc/group && chgrp 7777 /home && chmod 750 /home && echo made";
    Outside::root(&lab).shell(team)?;
    lab.set_entry("alice", json!({"account": "alice", "groups": ["team"]}))?;
    let mut agent = Agent::of(&lab, "alice")?;
    assert!(agent.shell("id -G")?.contains("7777"));
    let modes = [row("A47", "chmod 711 /home/alice && chmod 700 /home/alice")];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[7777])?, &modes)
}

#[test]
fn a47_an_admin_may_give_the_whole_home_to_write() -> Result<()> {
    let entry = json!({"account": "alice", "write": ["/home/alice"]});
    let Some(lab) = armed(Lab::builder().entry("alice", entry))? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    assert_eq!(agent.shell("echo x > /home/alice/new && cat /home/alice/new")?, "x");
    Ok(())
}

#[test]
fn a51_private_files_do_not_come_into_the_workspace() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    put(&lab, "/home/alice/letter", alice, 0o600)?;
    put(&lab, "/home/alice/folder/inner", alice, 0o600)?;
    chown(&lab.namespace.seen("/home/alice/folder"), Some(Uid::from_raw(alice)), None)?;
    let mut agent = Agent::of(&lab, "alice")?;
    let acts = [
        row("A51", "cat /home/alice/letter"),
        row("A51", "cp /home/alice/letter /home/alice/workspace/copy"),
        row("A51", "ln /home/alice/letter /home/alice/workspace/link"),
        row("A51", "cd /home/alice/workspace && ln -sf ../letter soft && cat soft"),
        row("A51", "mv /home/alice/letter /home/alice/workspace/moved"),
        row("A51", "mv /home/alice/folder /home/alice/workspace/moved-folder"),
        // And out of it: what a person takes for their own file.
        row("A51", "touch /home/alice/workspace/x && mv /home/alice/workspace/x /home/alice/x"),
    ];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}

#[test]
fn a52_a_workspace_that_became_a_link_is_not_followed() -> Result<()> {
    // To replace its workspace an agent needs the home.
    let entry = json!({"account": "alice", "home": "full"});
    let Some(lab) = armed(Lab::builder().entry("alice", entry))? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let swap = "cd ~ && mv workspace kept && ln -s /etc workspace && echo swapped";
    assert_eq!(agent.shell(swap)?, "swapped");
    // For a new Goose of the running worker.
    let told = lab.answer("alice", "run: echo got in")?;
    assert!(told.contains("sandbox") && !told.contains("got in"), "{told}");
    let named = |r: &Entry| r.field("DETAIL").contains("/home/alice/workspace is a link");
    assert!(lab.namespace.records().iter().any(named), "{}", lab.logs());
    // For a new worker.
    let worker = super::processes::worker_of_alice(&lab)?;
    Outside::root(&lab).shell(&format!("kill -9 {worker}"))?;
    lab.record("worker_exited", ANSWER, |_| true)?;
    let told = lab.answer("alice", "run: echo got in")?;
    assert!(!told.contains("got in"), "{told}");
    lab.record("sandbox_refused", ANSWER, |r| r.field("GAGGLE_STEP") == "worker_folders")?;
    Ok(())
}
