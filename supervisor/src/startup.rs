//! What must be true before the first request is read: S1 to S4 and S7 of the
//! launch checklist.
//!
//! Trust: whoever started this process is root, but may have left anything
//! behind: descriptors, environment, masks, capabilities.

use std::fs::{File, TryLockError};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability, CapsHashSet};
use gaggle_ipc::{fds, seqpacket};
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, getresuid};

use crate::sys;
use gaggle_policy::trusted_file;

/// All the power this process keeps, and what each is for.
const CAPABILITIES: &[Capability] = &[
    // Become the account.
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    // Empty the bounding set of what is started.
    Capability::CAP_SETPCAP,
    // Stop workers.
    Capability::CAP_KILL,
    // Hand cgroup folders and the control socket to their users.
    Capability::CAP_CHOWN,
    // Private mounts of workers.
    Capability::CAP_SYS_ADMIN,
];

/// Descriptors below this one have a meaning in a worker, so nothing of ours
/// may ever have such a number.
const FIRST_FREE: RawFd = 10;

/// The two listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) control: OwnedFd,
    pub(crate) admin: OwnedFd,
}

/// Refuses or cleans up whatever this process inherited. Gives back the
/// listeners that systemd passed, by name, and a `/dev/null`.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn sanitise() -> Result<(Inherited, OwnedFd), String> {
    refuse_unless_root_and_alone()?;
    let passed = systemd_sockets()?;
    let first_unowned = passed.iter().map(|(fd, _)| fd + 1).max().unwrap_or(3);
    let first_unowned = u32::try_from(first_unowned).map_err(|_| "bad LISTEN_FDS".to_owned())?;
    sys::close_range(first_unowned, u32::MAX).map_err(|e| format!("close_range: {}", e.desc()))?;
    let null = reserve_low_numbers()?;
    sys::keep_environment(&["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]);
    umask(Mode::from_bits_truncate(0o077));
    let failed = |what: &'static str| move |e: nix::errno::Errno| format!("{what}: {}", e.desc());
    chdir("/").map_err(failed("chdir /"))?;
    prctl::set_dumpable(false).map_err(failed("PR_SET_DUMPABLE"))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed("RLIMIT_CORE"))?;
    // Inherited by every worker: no set-id program ever gains anything.
    prctl::set_no_new_privs().map_err(failed("PR_SET_NO_NEW_PRIVS"))?;
    keep_capabilities()?;
    let inherited = adopt(passed)?;
    // The sockets' own numbers became free when they were copied upwards.
    reserve_low_numbers()?;
    Ok((inherited, null))
}

/// Listeners from systemd, if it passed any.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    control: Option<OwnedFd>,
    admin: Option<OwnedFd>,
}

fn refuse_unless_root_and_alone() -> Result<(), String> {
    let uids = getresuid().map_err(|errno| errno.desc().to_owned())?;
    if ![uids.real, uids.effective, uids.saved].iter().all(|uid| uid.is_root()) {
        return Err("must be started as root: sudo systemctl start gaggle-supervisor".to_owned());
    }
    // Fork without exec is only sound with a single thread.
    let threads = std::fs::read_dir("/proc/self/task").map_err(|e| format!("/proc: {e}"))?.count();
    if threads == 1 { Ok(()) } else { Err(format!("{threads} threads at start, expected 1")) }
}

fn systemd_sockets() -> Result<Vec<(RawFd, String)>, String> {
    let sockets = sd_notify::listen_fds_with_names().map_err(|e| format!("LISTEN_FDS: {e}"))?;
    Ok(sockets.collect())
}

fn adopt(passed: Vec<(RawFd, String)>) -> Result<Inherited, String> {
    let mut inherited = Inherited::default();
    // Closed only when all are copied, or a copy would get a number just freed.
    let mut originals = Vec::new();
    for (number, name) in passed {
        let fd =
            fds::adopt_inherited(number).map_err(|e| format!("socket {name}: {}", e.desc()))?;
        // A copy above the reserved numbers, whatever systemd chose.
        let copy = fd.try_clone().map_err(|e| format!("socket {name}: {e}"))?;
        // A peer that is gone again by then must not keep `accept` waiting.
        fcntl(&copy, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|e| format!("socket {name}: {}", e.desc()))?;
        originals.push(fd);
        match name.as_str() {
            "control" | "control.sock" => inherited.control = Some(copy),
            "admin" | "admin.sock" => inherited.admin = Some(copy),
            other => return Err(format!("unknown socket {other:?} from systemd")),
        }
    }
    Ok(inherited)
}

/// Fills every number below [`FIRST_FREE`], 0 to 2 included, for good.
fn reserve_low_numbers() -> Result<OwnedFd, String> {
    loop {
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| format!("/dev/null: {}", errno.desc()))?;
        if null.as_fd().as_raw_fd() >= FIRST_FREE {
            return Ok(null);
        }
        // Never closed: that is what reserves the number.
        std::mem::forget(null);
    }
}

fn keep_capabilities() -> Result<(), String> {
    let has = caps::read(None, CapSet::Permitted).map_err(|e| e.to_string())?;
    let missing: Vec<_> =
        CAPABILITIES.iter().filter(|cap| !has.contains(cap)).map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Err(format!(
            "missing {}; see CapabilityBoundingSet= of the unit",
            missing.join(" ")
        ));
    }
    let failed = |e: caps::errors::CapsError| format!("capabilities: {e}");
    for cap in caps::read(None, CapSet::Bounding).map_err(failed)? {
        if !CAPABILITIES.contains(&cap) {
            caps::drop(None, CapSet::Bounding, cap).map_err(failed)?;
        }
    }
    let keep: CapsHashSet = CAPABILITIES.iter().copied().collect();
    caps::clear(None, CapSet::Ambient).map_err(failed)?;
    caps::set(None, CapSet::Effective, &keep).map_err(failed)?;
    caps::set(None, CapSet::Permitted, &keep).map_err(failed)?;
    caps::clear(None, CapSet::Inheritable).map_err(failed)
}

/// The listeners: systemd's, or made in `runtime_dir`.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn listeners(
    inherited: Inherited,
    runtime_dir: &Path,
    (uid, gid): (u32, u32),
) -> Result<Listeners, String> {
    let control = match inherited.control {
        Some(fd) => fd,
        None => {
            let (path, fd) = listen(runtime_dir, "control.sock")?;
            // Made with mode 0600 by the umask; then handed to the one who connects.
            chown(&path, Some(uid), Some(gid))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            fd
        }
    };
    let admin = match inherited.admin {
        Some(fd) => fd,
        None => listen(runtime_dir, "admin.sock")?.1,
    };
    Ok(Listeners { control, admin })
}

/// Makes sure that no second supervisor uses this runtime folder; the lock
/// lasts as long as the file.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn lock(runtime_dir: &Path) -> Result<File, String> {
    // A folder that others can write would let them put files of theirs here.
    trusted_file::open_folder(runtime_dir).map_err(|untrusted| untrusted.to_string())?;
    let path = runtime_dir.join("supervisor.lock");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(format!("{}: another supervisor is running", path.display()))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn listen(runtime_dir: &Path, name: &str) -> Result<(PathBuf, OwnedFd), String> {
    let path = runtime_dir.join(name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", path.display()));
        }
        _ => {}
    }
    let fd =
        seqpacket::listen_at(&path).map_err(|e| format!("{}: {}", path.display(), e.desc()))?;
    Ok((path, fd))
}
