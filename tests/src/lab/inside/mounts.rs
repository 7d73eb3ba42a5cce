//! The lab's own `/srv`, `/home` and `/run`.
//!
//! Trust: everything mounted here is seen by this process and its descendants
//! alone, and vanishes with the last of them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, chown};

use crate::lab::spec::{
    Account, CONFIG, ConfigFile, FRONTEND_UID, Home, PROGRAMS, REAL, RUNTIME, STATE, Spec,
};
use crate::lab::write_goose_config;

const NOTHING: Option<&str> = None;
const BUILT: [&str; 4] = ["gaggle-supervisor", "gaggle-worker", "gaggle-frontend", "gaggle"];

/// Leaves the host's mount namespace; no mount below travels back.
pub(super) fn own_namespace() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NOTHING, "/", NOTHING, private, NOTHING).context("make the mounts private")
}

/// Programs, configuration and the frontend's state below `/srv/gaggle`.
pub(super) fn programs_and_config(spec: &Spec) -> Result<()> {
    // Filled elsewhere and then bound to its place: what is copied from may lie
    // in the folder that it will cover.
    let stage = spec.outside.join("stage");
    fs::create_dir(&stage)?;
    tmpfs(&stage)?;
    let at = |path: &str| stage.join(Path::new(path).strip_prefix("/srv").unwrap_or(&stage));
    for folder in [PROGRAMS, CONFIG, STATE] {
        fs::create_dir_all(at(folder))?;
    }
    for name in BUILT {
        install(&spec.built.join(name), &at(PROGRAMS).join(name))?;
    }
    goose(spec, &at(PROGRAMS))?;
    if let Some(worker) = &spec.worker {
        other_worker(worker, &at(PROGRAMS), &at(REAL))?;
    }
    for file in &spec.config {
        config(file, &at(CONFIG))?;
    }
    give(&at(STATE), FRONTEND_UID, 0o700)?;
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&stage), "/srv", NOTHING, bind, NOTHING).context("mount over /srv")?;
    umount2(&stage, MntFlags::MNT_DETACH).context("leave the stage")
}

fn install(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| {
        format!("copy {}; build it first (`cargo build --workspace`)", from.display())
    })?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(0o755))?)
}

fn goose(spec: &Spec, programs: &Path) -> Result<()> {
    let to = programs.join("goose");
    let found = fs::metadata(&spec.goose)
        .with_context(|| format!("find Goose at {}", spec.goose.display()))?;
    ensure!(found.is_file(), "{} is no file", spec.goose.display());
    // It is large. A file that only root can change serves as it lies.
    if found.uid() == 0 && found.mode() & 0o022 == 0 {
        fs::write(&to, "")?;
        mount(Some(&spec.goose), &to, NOTHING, MsFlags::MS_BIND, NOTHING).context("bind Goose")?;
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(NOTHING, &to, NOTHING, read_only, NOTHING).context("make Goose read-only")?;
    } else {
        install(&spec.goose, &to)?;
    }
    symlink("gaggle-worker", programs.join("goose-shell"))?;
    fs::create_dir(programs.join("goose-home"))?;
    Ok(write_goose_config(programs)?)
}

/// What the worker needs beside itself moves with it.
fn other_worker(other: &Path, programs: &Path, real: &Path) -> Result<()> {
    fs::create_dir(real)?;
    for name in ["gaggle-worker", "goose-shell", "goose-home", "goose-config"] {
        fs::rename(programs.join(name), real.join(name))?;
    }
    install(other, &programs.join("gaggle-worker"))
}

fn config(file: &ConfigFile, folder: &Path) -> Result<()> {
    let path = folder.join(&file.name);
    fs::write(&path, &file.content)?;
    let owner = if file.of_frontend { FRONTEND_UID } else { 0 };
    give(&path, owner, file.mode)
}

/// `/home` with a home for each account.
pub(super) fn homes(accounts: &[Account]) -> Result<()> {
    tmpfs("/home")?;
    for account in accounts {
        let home = Path::new("/home").join(&account.name);
        let (owner, mode) = match account.home {
            Home::Missing => continue,
            Home::Proper => (account.uid, 0o700),
            Home::OfRoot => (0, 0o755),
            Home::OpenToAll => (account.uid, 0o777),
        };
        fs::create_dir(&home)?;
        give(&home, owner, mode)?;
    }
    Ok(())
}

/// `/run` with the folders that systemd would have made.
pub(super) fn runtime() -> Result<()> {
    tmpfs("/run")?;
    fs::create_dir(RUNTIME)?;
    give(Path::new(RUNTIME), 0, 0o755)
}

fn tmpfs(at: impl AsRef<Path>) -> Result<()> {
    let at = at.as_ref();
    mount(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some("mode=0755"),
    )
    .with_context(|| format!("mount a tmpfs over {}", at.display()))
}

fn give(path: &Path, owner: u32, mode: u32) -> Result<()> {
    chown(path, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
