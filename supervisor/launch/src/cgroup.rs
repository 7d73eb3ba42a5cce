//! One cgroup folder per worker: made, handed to the account, killed, removed.
//!
//! Trust: the tree above the workers is root's alone. A worker's folder belongs
//! to its account, so root keeps the files it needs open from before it is
//! handed over, and takes the folder back before it walks into it. Names in
//! cgroupfs cannot be links and cannot be renamed, so paths are safe here.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaggle_ipc::WorkerId;
use gaggle_ipc::launch::WORKER_LEAF;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use gaggle_policy::configuration::Person;

/// Levels and folders an account may make below its own.
const MAX_DEPTH: &str = "3";
const MAX_DESCENDANTS: &str = "64";
/// How long a left-over folder may take to empty.
const LEFTOVER_LOOKS: u32 = 200;
const LEFTOVER_PAUSE: Duration = Duration::from_millis(10);
/// Deeper than an account can make them.
const REMOVE_DEPTH: usize = 8;

/// The files of a folder that a worker needs to move processes within it.
const DELEGATED: &[&str] = &["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// The controllers that limits need.
const CONTROLLERS: &[&str] = &["memory", "pids", "cpu"];

/// The folder under which workers get theirs.
#[derive(Debug)]
pub struct Tree {
    path: PathBuf,
    /// Those of [`CONTROLLERS`] that work here.
    controllers: Vec<&'static str>,
}

/// One worker's folder.
#[derive(Debug)]
pub struct WorkerCgroup {
    path: PathBuf,
    kill: File,
    events: File,
}

/// What the child needs of its folder.
#[derive(Debug)]
pub struct ForChild {
    /// `worker/cgroup.procs`: writing `0` joins.
    pub procs: OwnedFd,
    /// The folder itself.
    pub folder: OwnedFd,
}

impl Tree {
    /// Takes the folder given, or finds the unit's own under systemd and moves
    /// this process into a leaf of it.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn open(given: Option<&Path>) -> Result<Self, String> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => own_unit()?,
        };
        let kind =
            statfs(&path).map_err(|errno| format!("{}: {}", path.display(), errno.desc()))?;
        if kind.filesystem_type() != CGROUP2_SUPER_MAGIC {
            return Err(format!("{}: not in a cgroup2 file system", path.display()));
        }
        let mut tree = Self { path, controllers: Vec::new() };
        if given.is_none() {
            // Delegated controllers can only be passed on by a folder without processes.
            let leaf = tree.path.join("supervisor");
            make(&leaf).and_then(|()| fs::write(leaf.join("cgroup.procs"), "0")).map_err(
                |error| format!("{}: {error}; the unit needs Delegate=", leaf.display()),
            )?;
        }
        tree.controllers = enable(&tree.path, CONTROLLERS);
        Ok(tree)
    }

    /// The controllers that are missing, with spaces; empty if every limit holds.
    pub fn missing_controllers(&self) -> String {
        let missing: Vec<_> =
            CONTROLLERS.iter().copied().filter(|name| !self.controllers.contains(name)).collect();
        missing.join(" ")
    }

    /// The workers whose folders an earlier supervisor left.
    ///
    /// # Errors
    /// A sentence that names the tree.
    pub fn leftovers(&self) -> Result<Vec<WorkerId>, String> {
        let entries =
            fs::read_dir(&self.path).map_err(|e| format!("{}: {e}", self.path.display()))?;
        let id = |entry: fs::DirEntry| {
            entry.file_name().to_str()?.strip_prefix('w')?.parse().ok().map(WorkerId)
        };
        Ok(entries.flatten().filter_map(id).collect())
    }

    /// Kills what runs in such a folder and removes it; `false` if it does not
    /// empty.
    ///
    /// # Errors
    /// A sentence that names the folder.
    pub fn remove_leftover(&self, worker: WorkerId) -> Result<bool, String> {
        let path = self.path.join(worker.to_string());
        let remove = || {
            take_back(&path)?;
            let mut cgroup = open_worker(&path)?;
            cgroup.kill_all()?;
            // At start nobody waits for us yet, so waiting here is fine; the
            // kill needs some milliseconds.
            for _ in 0..LEFTOVER_LOOKS {
                if !cgroup.is_populated() {
                    return cgroup.remove().map(|()| true);
                }
                std::thread::sleep(LEFTOVER_PAUSE);
            }
            Ok(false)
        };
        remove()
            .map_err(|e: io::Error| format!("{}: left over and not removable: {e}", path.display()))
    }

    /// Makes a worker's folder and hands it to its account.
    ///
    /// # Errors
    /// The system's.
    pub fn make_worker(
        &self,
        worker: WorkerId,
        person: &Person,
    ) -> io::Result<(WorkerCgroup, ForChild)> {
        let path = self.path.join(worker.to_string());
        // What is there already is somebody else's.
        fs::create_dir(&path)?;
        let made = self.fill_worker(&path, person);
        if made.is_err() {
            // Best effort: what stays is found as a left-over at the next start.
            let _ = take_back(&path).and_then(|()| remove_below(&path, REMOVE_DEPTH));
        }
        made
    }

    fn fill_worker(&self, path: &Path, person: &Person) -> io::Result<(WorkerCgroup, ForChild)> {
        let leaf = path.join(WORKER_LEAF);
        fs::create_dir(&leaf)?;
        fs::write(path.join("cgroup.max.depth"), MAX_DEPTH)?;
        fs::write(path.join("cgroup.max.descendants"), MAX_DESCENDANTS)?;
        for (controller, file, limit) in person.limits.files() {
            let file = path.join(file);
            // A kernel may account no swap; then there is none to limit.
            if self.controllers.contains(&controller) && file.exists() {
                fs::write(file, limit)?;
            }
        }
        // In the leaves as well, so that one Goose alone can be found too hungry.
        enable(path, &self.controllers);
        let cgroup = open_worker(path)?;
        let procs = OpenOptions::new().write(true).open(leaf.join("cgroup.procs"))?.into();
        let folder =
            OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?.into();
        // Last: from here on root itself has no way in but what it holds open.
        for name in DELEGATED.iter().rev() {
            let file = if name.is_empty() { path.to_owned() } else { path.join(name) };
            chown(file, Some(person.account.uid), Some(person.account.gid))?;
        }
        Ok((cgroup, ForChild { procs, folder }))
    }
}

/// Passes controllers on to the folders below, one by one, so that a missing one
/// does not take the others with it; gives back those that it worked for.
fn enable(path: &Path, controllers: &[&'static str]) -> Vec<&'static str> {
    let control = path.join("cgroup.subtree_control");
    let works = |name: &&&str| fs::write(&control, format!("+{name}")).is_ok();
    controllers.iter().filter(works).copied().collect()
}

fn open_worker(path: &Path) -> io::Result<WorkerCgroup> {
    let kill = OpenOptions::new().write(true).open(path.join("cgroup.kill"))?;
    let events = File::open(path.join("cgroup.events"))?;
    Ok(WorkerCgroup { path: path.to_owned(), kill, events })
}

impl WorkerCgroup {
    /// Kills everything in it: double-forked, stopped and SIGTERM-ignoring alike.
    ///
    /// # Errors
    /// The system's.
    pub fn kill_all(&mut self) -> io::Result<()> {
        self.kill.write_all(b"1")
    }

    /// Something still runs in it. Doubt counts as yes.
    pub fn is_populated(&mut self) -> bool {
        let mut text = String::new();
        let read = self.events.rewind().and_then(|()| self.events.read_to_string(&mut text));
        read.is_err() || !text.lines().any(|line| line == "populated 0")
    }

    /// Takes the folder back from its account and removes it.
    ///
    /// # Errors
    /// The system's; `EBUSY` while something runs in it.
    pub fn remove(&self) -> io::Result<()> {
        take_back(&self.path)?;
        remove_below(&self.path, REMOVE_DEPTH)
    }
}

/// Makes the folder root's again, so that neither its mode nor its account can
/// keep root, which has no right to override modes, out of it.
fn take_back(path: &Path) -> io::Result<()> {
    chown(path, Some(0), Some(0))?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

fn remove_below(path: &Path, depth: usize) -> io::Result<()> {
    if depth == 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            take_back(&entry.path())?;
            remove_below(&entry.path(), depth - 1)?;
        }
    }
    fs::remove_dir(path)
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// The folder of this process's own unit.
fn own_unit() -> Result<PathBuf, String> {
    let text = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
    let own = text
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .filter(|own| own.ends_with(".service"))
        .ok_or(
            "not started by systemd in a unit of its own; give a cgroup2 folder with --cgroup",
        )?;
    Ok(Path::new("/sys/fs/cgroup").join(own))
}
