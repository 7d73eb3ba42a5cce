//! S7: the two sockets, and the lock that keeps a second supervisor away.
//!
//! Trust: systemd, for the sockets it passes; else a folder that is root's own.

use std::fs::{File, Permissions, TryLockError, set_permissions};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use gaggle_ipc::{fds, seqpacket};
use gaggle_launch::process;
use gaggle_policy::trusted_file;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// The two listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) control: OwnedFd,
    pub(crate) admin: OwnedFd,
}

/// S1 to S4, and the listeners that systemd passed taken over; beside them a
/// `/dev/null`.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn sanitise() -> Result<(Inherited, OwnedFd), String> {
    let passed = sd_notify::listen_fds_with_names().map_err(|e| format!("LISTEN_FDS: {e}"))?;
    let passed: Vec<_> = passed.collect();
    let first_unowned = passed.iter().map(|(fd, _)| fd + 1).max().unwrap_or(3);
    let first_unowned = u32::try_from(first_unowned).map_err(|_| "bad LISTEN_FDS".to_owned())?;
    let null = process::sanitise(first_unowned)?;
    let inherited = adopt(passed)?;
    // The sockets' own numbers became free when they were copied upwards.
    process::reserve_low_numbers()?;
    Ok((inherited, null))
}

/// Listeners from systemd, if it passed any.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    control: Option<OwnedFd>,
    admin: Option<OwnedFd>,
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

/// The listeners: systemd's, or made in `runtime_dir`.
///
/// # Errors
/// A sentence with what to do.
pub(crate) fn listeners(
    inherited: Inherited,
    runtime_dir: &Path,
    gid: u32,
) -> Result<Listeners, String> {
    let control = match inherited.control {
        Some(fd) => fd,
        None => {
            let (path, fd) = listen(runtime_dir, "control.sock")?;
            // Root's to change and the frontend's to connect to: its owner could
            // lock its successor out.
            chown(&path, None, Some(gid))
                .and_then(|()| set_permissions(&path, Permissions::from_mode(0o660)))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            fd
        }
    };
    let made = |name| listen(runtime_dir, name).map(|(_, fd)| fd);
    let admin = inherited.admin.map_or_else(|| made("admin.sock"), Ok)?;
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
