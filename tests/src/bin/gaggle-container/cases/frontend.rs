//! A frontend that somebody has taken over, in its unit.
//!
//! Trust: none of it. Each control is the same act with that line of the unit
//! taken back.

use std::net::TcpListener;

use anyhow::{Result, ensure};

use crate::played::{act, is_held};
use crate::session::ELSEWHERE;
use crate::stage::{FRONTEND, Stage};

/// Without these the frontend sees the machine's own file system.
const WHOLE_SYSTEM: &[&str] = &["RootDirectory=", "ProtectHome=no"];
const HOME: &str = "/home/everybodys";

pub(crate) fn f19_it_reads_neither_homes_nor_the_mapping(stage: &mut Stage) -> Result<()> {
    // Open for all by its modes: only the unit keeps the frontend out.
    let file = format!("{HOME}/note");
    stage.machine.sh(&format!("install -d -m 755 {HOME}; echo x > {file}; chmod 644 {file}"))?;
    is_held(stage, FRONTEND, WHOLE_SYSTEM, &["read", &file])?;
    stage.machine.run(&["rm", "-r", HOME])?;
    // The mapping and other people's keys: modes.
    stage.machine.sh("cp -a /etc/gaggle/user_mapping.json /etc/gaggle/readable.json")?;
    stage.machine.sh("chmod 644 /etc/gaggle/readable.json")?;
    for path in ["/etc/gaggle/user_mapping.json", "/etc/gaggle/goose.env", "/etc/shadow"] {
        let said = act(stage, FRONTEND, &[], &["read", path])?;
        ensure!(said == "held EACCES", "{path}: {said}");
    }
    let control = act(stage, FRONTEND, &[], &["read", "/etc/gaggle/readable.json"])?;
    ensure!(control == "open", "the control: {control}");
    stage.machine.run(&["rm", "/etc/gaggle/readable.json"])?;
    // Nor does it write anything but its state.
    let said = act(stage, FRONTEND, &[], &["write", "/etc/gaggle/gaggle.toml", "x"])?;
    ensure!(said.starts_with("held"), "its own configuration: {said}");
    Ok(())
}

pub(crate) fn the_token_is_the_frontends_alone(stage: &mut Stage) -> Result<()> {
    let token = "/run/credentials/played.service/mattermost-token";
    let said = act(stage, FRONTEND, &[], &["read", token])?;
    ensure!(said == "open", "the frontend itself cannot read its token: {said}");
    let file = act(stage, FRONTEND, &[], &["read", "/etc/gaggle/mattermost-token"])?;
    ensure!(file == "held EACCES", "the file: {file}");
    let real = "/run/credentials/gaggle-frontend.service/mattermost-token";
    let other =
        stage.machine.output(&["setpriv", "--reuid=mallory", "--clear-groups", "cat", real])?;
    ensure!(!other.status.success(), "mallory reads the token");
    Ok(())
}

pub(crate) fn f27_it_starts_no_shell(stage: &mut Stage) -> Result<()> {
    // Without its own root the rest of the machine's programs are in sight as well.
    is_held(stage, FRONTEND, &["NoExecPaths="], &["run", "/usr/bin/bash"])
}

pub(crate) fn f28_it_makes_no_namespace_and_traces_nobody(stage: &mut Stage) -> Result<()> {
    let off = &["RestrictNamespaces=", "SystemCallFilter="];
    for words in [&["unshare", "user"][..], &["clone", "user"]] {
        is_held(stage, FRONTEND, off, words)?;
    }
    for words in [&["bpf"][..], &["perf"], &["io-uring"], &["userfaultfd"]] {
        let said = act(stage, FRONTEND, &[], words)?;
        ensure!(said == "held EPERM", "{words:?}: {said}");
    }
    // The service manager's as well as everybody else's: it is not even seen.
    for pid in ["1", "2"] {
        let said = act(stage, FRONTEND, &[], &["trace", pid])?;
        ensure!(said.starts_with("held"), "process {pid}: {said}");
    }
    Ok(())
}

pub(crate) fn f29_it_makes_no_code(stage: &mut Stage) -> Result<()> {
    is_held(stage, FRONTEND, &["MemoryDenyWriteExecute=no"], &["make-code"])
}

pub(crate) fn f30_it_goes_where_the_admin_lets_it(stage: &mut Stage) -> Result<()> {
    let listener = TcpListener::bind((ELSEWHERE, 0))?;
    let address = listener.local_addr()?.to_string();
    let words = ["connect-to", &address];
    let open = act(stage, FRONTEND, &[], &words)?;
    ensure!(open == "open", "without a list it connects: {open}");
    let only = ["IPAddressDeny=any", "IPAddressAllow=localhost"];
    let said = act(stage, FRONTEND, &only, &words)?;
    ensure!(said.starts_with("held"), "with a list: {said}");
    Ok(())
}

pub(crate) fn f42_what_it_writes_holds_no_programs(stage: &mut Stage) -> Result<()> {
    for folder in ["/var/lib/gaggle", "/tmp", "/var/tmp", "/dev/shm"] {
        is_held(stage, FRONTEND, &["NoExecPaths="], &["run-copy", folder])?;
    }
    Ok(())
}
