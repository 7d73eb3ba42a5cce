//! The one thing of a lab, or of a container, outside its mount namespace: a
//! cgroup folder.
//!
//! Trust: its name holds the process id of its owner, so a folder whose owner
//! died without cleaning up is found and removed by the next one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::kill;
use nix::unistd::{AccessFlags, Pid, access};

/// Killing is prompt; a process in an uninterruptible wait is not.
const REMOVAL: Duration = Duration::from_secs(20);

/// The cgroup folder of this process's doings.
pub struct Tree(PathBuf);

impl Tree {
    /// Makes the folder, with `parts` in it, after removing those that dead
    /// processes have left under names that begin with `prefix`.
    ///
    /// # Errors
    /// There is no cgroup2 file system, or it is not writable.
    pub fn make(prefix: &str, parts: &[&str]) -> Result<Self> {
        let mount = mount_point()?;
        remove_left_over(&mount, prefix);
        let path = mount.join(format!("{prefix}{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("make the cgroup {}", path.display()))?;
        let tree = Self(path);
        enable_controllers(&tree.0);
        for part in parts {
            fs::create_dir(tree.0.join(part)).context("make a cgroup for the lab")?;
        }
        Ok(tree)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Kills everything in it and removes it.
    ///
    /// # Errors
    /// Something in it cannot be killed.
    pub fn remove(&self) -> Result<()> {
        kill_and_remove(&self.0)
    }
}

// A lab that could not be finished, or whose end went wrong, leaves nothing.
impl Drop for Tree {
    fn drop(&mut self) {
        if self.0.exists() {
            let _ = kill_and_remove(&self.0);
        }
    }
}

/// Whether this process may make cgroups; why not.
///
/// # Errors
/// There is no cgroup2 file system, or it is not writable.
pub fn can_be_made() -> Result<()> {
    let mount = mount_point()?;
    access(&mount, AccessFlags::W_OK)
        .with_context(|| format!("{} is not writable", mount.display()))
}

/// Where cgroup2 is mounted: alone at `/sys/fs/cgroup`, or beside version 1.
fn mount_point() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(place))
    });
    mount.context("no cgroup2 file system is mounted")
}

// What the kernel offers here is passed on; nothing is enabled on the host.
fn enable_controllers(tree: &Path) {
    let offered = fs::read_to_string(tree.join("cgroup.controllers")).unwrap_or_default();
    for controller in offered.split_whitespace().filter(|c| ["cpu", "memory", "pids"].contains(c)) {
        let _ = fs::write(tree.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

fn remove_left_over(mount: &Path, prefix: &str) {
    let Ok(folders) = fs::read_dir(mount) else {
        return;
    };
    for folder in folders.flatten() {
        let name = folder.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let Some(pid) = pid.and_then(|pid| pid.parse().ok()) else {
            continue;
        };
        if kill(Pid::from_raw(pid), None).is_err() {
            let _ = kill_and_remove(&folder.path());
        }
    }
}

fn kill_and_remove(tree: &Path) -> Result<()> {
    let deadline = Instant::now() + REMOVAL;
    loop {
        let _ = fs::write(tree.join("cgroup.kill"), "1");
        let events = fs::read_to_string(tree.join("cgroup.events")).unwrap_or_default();
        if events.contains("populated 0") && remove_folders(tree).is_ok() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} still has processes; end them by hand", tree.display());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn remove_folders(tree: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_folders(&entry.path())?;
        }
    }
    fs::remove_dir(tree)
}
