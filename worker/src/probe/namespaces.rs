//! Namespaces, mounts and cgroups.
//!
//! Trust: every attack runs in a process of its own, so a namespace that it
//! gets into ends with it; nothing is mounted, nothing unmounted.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use nix::sched::{CloneFlags, setns, unshare};

use super::attempt::{Absence, Outcome, Tries, reaches, single, to_errno};
use super::files::{read, write};
use super::ground::Ground;
use super::syscalls;

/// Makes a user namespace, in which this process would be root.
pub(super) fn user_namespace(_: &Ground) -> Outcome {
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Err(Errno::ENOSPC) => Outcome::held("ENOSPC: the machine allows none"),
        result => single("unshare CLONE_NEWUSER", result),
    }
}

/// Makes the other kinds.
pub(super) fn other_namespaces(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for (flag, name) in [
        (CloneFlags::CLONE_NEWNS, "mount"),
        (CloneFlags::CLONE_NEWNET, "net"),
        (CloneFlags::CLONE_NEWPID, "pid"),
        (CloneFlags::CLONE_NEWIPC, "ipc"),
        (CloneFlags::CLONE_NEWUTS, "uts"),
        (CloneFlags::CLONE_NEWCGROUP, "cgroup"),
    ] {
        tries.add(format!("unshare {name}"), unshare(flag));
    }
    tries.outcome()
}

/// Makes a process with the call whose flags no filter can see.
pub(super) fn clone3(_: &Ground) -> Outcome {
    match syscalls::clone3() {
        Err(Errno::ENOSYS) => Outcome::held("ENOSYS"),
        result => single("clone3", reaches(result, &[Errno::EINVAL, Errno::E2BIG, Errno::EFAULT])),
    }
}

/// Enters the namespaces of the first process, and of the worker.
pub(super) fn enter_namespace(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for pid in ["1".to_owned(), ground.worker.to_string()] {
        for kind in ["mnt", "net"] {
            let path = format!("/proc/{pid}/ns/{kind}");
            let entered = read(&path).map_err(|error| to_errno(&error));
            let entered = entered.and_then(|space: File| setns(space, CloneFlags::empty()));
            tries.add(format!("setns {path}"), entered);
        }
    }
    tries.outcome()
}

/// Mounts a file system of a kind that there is not, and prepares one that
/// there is.
pub(super) fn mount(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let nothing: Option<&str> = None;
    let kind = Some("gaggle-no-such-kind");
    let mounted = nix::mount::mount(nothing, Path::new("/"), kind, MsFlags::empty(), nothing);
    // A kind that is not there is asked for only once mounting is allowed.
    tries.add("mount", reaches(mounted, &[Errno::ENODEV]));
    tries.add("fsopen", syscalls::open_file_system(c"tmpfs"));
    tries.outcome()
}

/// Unmounts a folder that is no mount point.
pub(super) fn umount(ground: &Ground) -> Outcome {
    let folder = ground.fresh(&ground.workspace());
    if let Err(error) = fs::create_dir(&folder) {
        return Outcome::untried(format!("no folder in the workspace: {error}"));
    }
    let unmounted = nix::mount::umount2(&folder, MntFlags::empty());
    let _ = fs::remove_dir(&folder);
    single("umount", reaches(unmounted, &[Errno::EINVAL]))
}

/// Makes a folder of its own the root.
pub(super) fn chroot(ground: &Ground) -> Outcome {
    single("chroot", nix::unistd::chroot(&ground.workspace()))
}

/// Opens the cgroup files with which a process leaves its limits, or ends others.
pub(super) fn cgroup_escape(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    for folder in cgroup_folders() {
        for file in ["cgroup.procs", "cgroup.kill", "cgroup.freeze", "memory.max", "pids.max"] {
            let path = folder.join(file);
            tries.add_io(path.display().to_string(), write(&path));
        }
    }
    tries.outcome()
}

/// Takes the cgroup's mode bits away from whoever has to end it: sets them as
/// they are.
pub(super) fn cgroup_chmod(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    for folder in cgroup_folders() {
        for path in [folder.join("cgroup.procs"), folder.join("cgroup.kill"), folder] {
            let changed = fs::metadata(&path).and_then(|found| {
                let same = fs::Permissions::from_mode(found.permissions().mode());
                fs::set_permissions(&path, same)
            });
            tries.add_io(path.display().to_string(), changed);
        }
    }
    tries.outcome()
}

/// Where this process's cgroup, those above it, and the root of all would be
/// seen.
fn cgroup_folders() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut folders = Vec::new();
    for mount in mounts.lines().filter_map(cgroup_mount) {
        folders.extend(Path::new(own).ancestors().map(|below| Path::new(mount).join(below)));
    }
    folders
}

/// The mount point of a line that is of cgroup version 2.
fn cgroup_mount(line: &str) -> Option<&str> {
    let (place, kind) = line.split_once(" - ")?;
    (kind.split(' ').next() == Some("cgroup2")).then(|| place.split(' ').nth(4)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_point_of_version_2_is_found() {
        let line = "35 24 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup rw";
        assert_eq!(cgroup_mount(line), Some("/sys/fs/cgroup/unified"));
        assert_eq!(cgroup_mount("36 24 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw"), None);
    }
}
