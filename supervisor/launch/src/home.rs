//! C5, profile `workspace`: of the home only the agent's folders stay writable.
//!
//! Trust: none in what lies in the home: it is walked with the account's own
//! rights and without following links. Landlock does not stop a `chmod`; an
//! agent could open its person's files to everybody. A read-only mount does.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use gaggle_ipc::launch::{HOME_FOLDERS, LaunchStep, Profile};
use gaggle_policy::configuration::Person;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid, setgroups};

use crate::mounts::held;
use crate::sys;

const FOLDER: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
const NONE: Option<&str> = None;

/// Covers the home by a read-only mount of itself, but for the folders of
/// [`HOME_FOLDERS`], made where they are missing, and the entry's `write` paths;
/// `false` where all of it is the agent's. What is no folder of the account's is
/// left for the worker to refuse.
///
/// # Errors
/// The step and the system's word.
pub(crate) fn make_read_only(person: &Person, groups: &[Gid]) -> Result<bool, (LaunchStep, Errno)> {
    let home = &person.account.home;
    // An admin's word for all of it, in either way.
    let whole = person.entry.write.iter().any(|path| home.starts_with(path));
    if whole || person.entry.profile == Profile::Full {
        return Ok(false);
    }
    let mounts = |errno| (LaunchStep::Mounts, errno);
    let (uid, gid) = (Uid::from_raw(person.account.uid), Gid::from_raw(person.account.gid));
    // From here on files are opened and made as the account would, with the same
    // groups as later on; the right to mount does not depend on it.
    setgroups(groups).map_err(mounts)?;
    act_as(uid, gid).map_err(mounts)?;
    let done = open(home, FOLDER, Mode::empty())
        .map_err(|errno| (LaunchStep::HomeMissing, errno))
        .and_then(|folder| cover(home, &folder, person).map_err(mounts));
    act_as(Uid::from_raw(0), Gid::from_raw(0)).map_err(mounts)?;
    done.map(|()| true)
}

/// Whose rights count for files.
fn act_as(uid: Uid, gid: Gid) -> Result<(), Errno> {
    setfsgid(gid);
    setfsuid(uid);
    // Each answers what was in force before: asked once more, what is.
    if setfsgid(gid) == gid && setfsuid(uid) == uid { Ok(()) } else { Err(Errno::EPERM) }
}

fn cover(home: &Path, folder: &OwnedFd, person: &Person) -> Result<(), Errno> {
    let made = HOME_FOLDERS.iter().filter_map(|name| make(folder, Path::new(name)));
    let asked = person.entry.write.iter().filter_map(|path| path.strip_prefix(home).ok());
    let asked = asked.filter_map(|path| Some((path.to_owned(), below(folder, path)?)));
    let writable: Vec<_> = made.chain(asked).collect();
    mount(Some(&*held(folder)), &*held(folder), NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    // The same path leads to the mount just made.
    let covered = open(home, FOLDER, Mode::empty())?;
    // With what is mounted further below.
    sys::make_mounts_read_only(&covered)?;
    for (path, open) in &writable {
        let place = below(&covered, path).ok_or(Errno::ENOENT)?;
        mount(Some(&*held(open)), &*held(&place), NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    }
    Ok(())
}

/// The folder `path` below `home`, made with its parents where it is missing.
fn make(home: &OwnedFd, path: &Path) -> Option<(PathBuf, OwnedFd)> {
    let mut walked = PathBuf::new();
    for component in path.components() {
        let Component::Normal(name) = component else { return None };
        let parent = if walked.as_os_str().is_empty() { None } else { below(home, &walked) };
        walked.push(name);
        // It is there as a rule; whether it is one shows below.
        let _ = mkdirat(parent.as_ref().unwrap_or(home), name, Mode::S_IRWXU);
    }
    below(home, path).map(|folder| (walked, folder))
}

/// What is at `path` below a folder, without a link on the way.
fn below(folder: &OwnedFd, path: &Path) -> Option<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    openat2(folder, path, how).ok()
}
