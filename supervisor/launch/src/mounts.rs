//! C5: what a worker sees of the system beyond what Landlock rules.
//!
//! Trust: every path is fixed here. Landlock does not stop connecting to a
//! socket that has a path (before ABI 9) nor `chmod`; what is not there can be
//! neither connected to nor changed.

use std::fs::DirBuilder;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};

/// Size of a worker's own `/tmp`, and how many files it holds.
const TMP_SIZE: &str = "2g";
const TMP_INODES: &str = "200k";

/// What stays of `/run`: folders that `/etc/resolv.conf` may lead into.
const KEPT_OF_RUN: &[&str] = &["/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf"];

const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);
const NONE: Option<&str> = None;

/// Gives this process and its descendants a `/tmp`, `/var/tmp`, `/dev/shm`,
/// `/run` and System V objects of their own, and takes the cgroup tree and the folder of
/// root's files, `hidden`, out of their sight.
///
/// # Errors
/// The system's.
pub(crate) fn make_private(uid: Uid, gid: Gid, hidden: &Path) -> Result<(), Errno> {
    // Held open before `/run` is covered.
    let kept: Vec<(&str, OwnedFd)> =
        KEPT_OF_RUN.iter().filter_map(|path| Some((*path, folder(path).ok()?))).collect();
    // System V memory has no path that Landlock could rule: without a space of
    // its own an agent could map that of the account's other programs.
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC)?;
    // Nothing mounted here may show outside; what is mounted outside may show here.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE)?;
    let own = format!("mode=0700,uid={uid},gid={gid},size={TMP_SIZE},nr_inodes={TMP_INODES}");
    mount(Some("tmpfs"), "/tmp", Some("tmpfs"), QUIET, Some(own.as_str()))?;
    mount(Some("/tmp"), "/var/tmp", NONE, MsFlags::MS_BIND, NONE)?;
    // POSIX memory and semaphores, which tools share among their processes.
    if_there(mount(Some("/tmp"), "/dev/shm", NONE, MsFlags::MS_BIND, NONE))?;
    let run = "mode=0755,size=1m,nr_inodes=1k";
    mount(Some("tmpfs"), "/run", Some("tmpfs"), QUIET | MsFlags::MS_NOEXEC, Some(run))?;
    for (path, folder) in &kept {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
        made.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        mount(Some(held(folder).as_str()), *path, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    }
    // The worker's part of it is reached through a descriptor alone.
    let nothing = Some("mode=0555,size=4k,nr_inodes=2");
    let flags = QUIET | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
    // Modes keep others out of it; what is not there needs none.
    mount(Some("tmpfs"), hidden, Some("tmpfs"), flags, nothing)?;
    if_there(mount(Some("tmpfs"), "/sys/fs/cgroup", Some("tmpfs"), flags, nothing))
}

/// Without the folder there is nothing to hide.
fn if_there(mounted: Result<(), Errno>) -> Result<(), Errno> {
    mounted.or_else(|error| if error == Errno::ENOENT { Ok(()) } else { Err(error) })
}

/// The path that leads to what is held open, whatever stands at its own by now.
pub(crate) fn held(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn folder(path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(Path::new(path), flags, Mode::empty())
}
