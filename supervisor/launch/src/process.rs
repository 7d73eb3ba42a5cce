//! What must be true of this process before it reads anything: S1 to S4 of the
//! launch checklist.
//!
//! Trust: whoever started this process is root, but may have left anything
//! behind: descriptors, environment, masks, capabilities.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use caps::{CapSet, Capability, CapsHashSet};
use nix::fcntl::{OFlag, open};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, getresuid};

use crate::sys;

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

/// Refuses or cleans up whatever this process inherited, and reserves the low
/// descriptors. `first_unowned` and above is what nobody passed on purpose.
/// Gives back a `/dev/null`.
///
/// # Errors
/// A sentence with what to do.
pub fn sanitise(first_unowned: u32) -> Result<OwnedFd, String> {
    refuse_unless_root_and_alone()?;
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
    Ok(null)
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

/// Fills every number below [`FIRST_FREE`], 0 to 2 included, for good.
///
/// # Errors
/// A sentence with what to do.
pub fn reserve_low_numbers() -> Result<OwnedFd, String> {
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
