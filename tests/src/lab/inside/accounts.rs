//! Accounts of the lab's own, in place of the host's.
//!
//! Trust: the files are written by root from the test's list; every look-up in
//! the lab goes through them and through no name service.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

use crate::lab::spec::{Account, FRONTEND_UID, FRONTEND_USER, ROOT};

/// Binds the lab's own files over those of `/etc`.
pub(super) fn replace(accounts: &[Account]) -> Result<()> {
    let folder = Path::new(ROOT).join("accounts");
    fs::create_dir(&folder)?;
    let files = [
        ("passwd", passwd(accounts), 0o644),
        ("group", group(accounts), 0o644),
        ("shadow", shadow(accounts), 0o600),
        ("nsswitch.conf", SWITCH.to_owned(), 0o644),
    ];
    for (name, content, mode) in files {
        let ours = folder.join(name);
        fs::write(&ours, content)?;
        fs::set_permissions(&ours, fs::Permissions::from_mode(mode))?;
        let theirs = Path::new("/etc").join(name);
        // Where the host has no such file the library's default is `files` too.
        if theirs.exists() {
            mount(Some(&ours), &theirs, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .with_context(|| format!("replace {}", theirs.display()))?;
        }
    }
    Ok(())
}

const SWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n";

fn passwd(accounts: &[Account]) -> String {
    let mut lines = format!(
        "root:x:0:0:root:/root:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
         {FRONTEND_USER}:x:{FRONTEND_UID}:{FRONTEND_UID}::/nonexistent:/usr/sbin/nologin\n"
    );
    for Account { name, uid, .. } in accounts {
        lines += &format!("{name}:x:{uid}:{uid}::/home/{name}:/usr/sbin/nologin\n");
    }
    lines
}

fn group(accounts: &[Account]) -> String {
    let mut lines =
        format!("root:x:0:\nshadow:x:42:\nnogroup:x:65534:\n{FRONTEND_USER}:x:{FRONTEND_UID}:\n");
    for Account { name, uid, .. } in accounts {
        lines += &format!("{name}:x:{uid}:\n");
    }
    lines
}

fn shadow(accounts: &[Account]) -> String {
    let mut lines =
        format!("root:*:20000::::::\nnobody:*:20000::::::\n{FRONTEND_USER}:!:20000::::::\n");
    for Account { name, expires, .. } in accounts {
        let expires = expires.map(|day| day.to_string()).unwrap_or_default();
        lines += &format!("{name}:!:20000:0:99999:7::{expires}:\n");
    }
    lines
}
