//! The worker's share of the cgroup tree: one leaf per Goose.
//!
//! Trust: the tree is root's and reached only through the descriptor that root
//! gave. An agent owns its leaf's files too and may `chmod` what it can name,
//! so a leaf is killed through a descriptor held since it was made.

use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use tokio::time::{Instant, sleep};

use crate::folders::FolderError;

/// How long a killed leaf may take to become empty.
const EMPTY_DEADLINE: Duration = Duration::from_secs(10);
/// How often an unfinished kill is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The folder of this worker.
#[derive(Debug)]
pub(crate) struct Tree {
    folder: Rc<OwnedFd>,
    made: u64,
}

/// The cgroup of one Goose and all its descendants.
#[derive(Debug)]
pub(crate) struct Leaf {
    tree: Rc<OwnedFd>,
    name: String,
    procs: OwnedFd,
    kill: std::fs::File,
    events: std::fs::File,
    /// Where the kernel has the controller.
    memory: Option<std::fs::File>,
}

/// Why a leaf could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a cgroup leaf cannot be made ({step}: {errno}); check the limits of the worker's cgroup")]
pub(crate) struct LeafError {
    step: &'static str,
    errno: Errno,
}

impl Tree {
    /// The tree whose folder was inherited.
    pub(crate) fn new(folder: OwnedFd) -> Self {
        Self { folder: Rc::new(folder), made: 0 }
    }

    /// The folder once more, for a rule.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub(crate) fn clone_folder(&self) -> Result<OwnedFd, FolderError> {
        self.folder.try_clone().map_err(|_| FolderError::System {
            path: "the worker's cgroup folder".into(),
            errno: Errno::EMFILE,
        })
    }

    /// Makes the next leaf and opens what is needed to end it.
    ///
    /// # Errors
    /// [`LeafError`].
    pub(crate) fn make_leaf(&mut self) -> Result<Leaf, LeafError> {
        let failed = |step| move |errno| LeafError { step, errno };
        self.made += 1;
        let name = format!("g{}", self.made);
        let mode = Mode::from_bits_truncate(0o755);
        mkdirat(&*self.folder, name.as_str(), mode).map_err(failed("mkdir"))?;
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder =
            openat(&*self.folder, name.as_str(), flags, Mode::empty()).map_err(failed("open"))?;
        let file = |name: &'static str, flags: OFlag| {
            openat(&folder, name, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed(name))
        };
        // One killed process of a Goose leaves it in an unknown state.
        if let Ok(group) = file("memory.oom.group", OFlag::O_WRONLY) {
            let _ = std::fs::File::from(group).write(b"1");
        }
        Ok(Leaf {
            procs: file("cgroup.procs", OFlag::O_WRONLY)?,
            kill: file("cgroup.kill", OFlag::O_WRONLY)?.into(),
            events: file("cgroup.events", OFlag::O_RDONLY)?.into(),
            memory: file("memory.events", OFlag::O_RDONLY).ok().map(Into::into),
            tree: Rc::clone(&self.folder),
            name,
        })
    }
}

impl Leaf {
    /// `cgroup.procs`, through which a process joins by writing `0`.
    pub(crate) fn procs(&self) -> &OwnedFd {
        &self.procs
    }

    /// Kills everything in the leaf. Does not wait.
    pub(crate) fn kill(&self) {
        if let Err(error) = (&self.kill).write_all(b"1") {
            tracing::error!("cgroup.kill of {} failed: {error}", self.name);
        }
    }

    /// Kills, waits until nothing lives in the leaf, and removes it.
    pub(crate) async fn end(mut self) {
        self.kill();
        let deadline = Instant::now() + EMPTY_DEADLINE;
        while self.is_populated() && Instant::now() < deadline {
            sleep(LOOK_AGAIN).await;
        }
        if self.memory.as_mut().is_some_and(ran_out) {
            tracing::warn!(
                "{}: out of memory, ended as a whole; memory_max is the limit",
                self.name
            );
        }
        while let Err(errno) = unlinkat(&*self.tree, self.name.as_str(), UnlinkatFlags::RemoveDir) {
            if errno != Errno::EBUSY || Instant::now() >= deadline {
                tracing::warn!("cgroup leaf {} stays: {errno}", self.name);
                return;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    fn is_populated(&mut self) -> bool {
        let mut text = String::new();
        let read = self.events.rewind().and_then(|()| self.events.read_to_string(&mut text));
        // What cannot be read is taken as living until the deadline.
        read.is_err() || !text.lines().any(|line| line == "populated 0")
    }
}

/// `memory.events` counts a process that the kernel has killed for memory.
fn ran_out(events: &mut std::fs::File) -> bool {
    let mut text = String::new();
    let read = events.rewind().and_then(|()| events.read_to_string(&mut text));
    let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    read.is_ok() && kills.is_some_and(|kills| kills != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_for_memory_is_one() {
        for (text, expected) in [
            ("low 0\nmax 9\noom 1\noom_kill 0\noom_group_kill 0\n", false),
            ("low 0\nmax 9\noom 1\noom_kill 3\noom_group_kill 1\n", true),
            ("", false),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(ran_out(&mut file), expected, "{text:?}");
        }
    }
}
