//! The system calls that `nix` and `caps` do not wrap safely.
//!
//! Trust: nothing here interprets anything. The only file of this crate with
//! `unsafe`; every block says who keeps its contract.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, Pid, fork};

/// Forks. The caller has checked at start-up that this process has one thread.
pub fn fork_single_threaded() -> Result<ForkResult, Errno> {
    // SAFETY: the child may use the allocator and every lock because no other
    // thread exists that could have held one: start-up refuses to go on with
    // more than one, and nothing in this program makes threads.
    unsafe { fork() }
}

/// A descriptor that names the process `pid` for as long as it is open.
pub fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us alone; it is
    // close-on-exec from birth.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor from `first` to `last`.
pub fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: touches no memory. Descriptors owned by values of this process
    // are closed under them; the callers (start-up before anything is owned,
    // and children that will exec or exit) never use such a value again.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
    Ok(())
}

/// Closes every descriptor from `first` on but `kept`.
pub fn close_all_but(first: u32, kept: &OwnedFd) -> Result<(), Errno> {
    let kept = u32::try_from(kept.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    if first < kept {
        close_range(first, kept - 1)?;
    }
    close_range(kept + 1, u32::MAX)
}

/// Puts a duplicate of `from` at the number `to`, to survive an exec.
pub fn duplicate_onto(from: &OwnedFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: whatever was open at `to` is closed. Only the child between fork
    // and exec calls this, with numbers that start-up kept free of anything owned.
    let placed = unsafe { nix::unistd::dup2_raw(from, to) }?;
    // The number belongs to the program to come, not to this value.
    std::mem::forget(placed);
    Ok(())
}

/// Gives a signal its default action.
pub fn default_signal(which: Signal) -> Result<(), Errno> {
    // SAFETY: the default action runs no code of ours.
    unsafe { signal(which, SigHandler::SigDfl) }.map(drop)
}

/// Sets and locks the securebits given.
pub fn set_securebits(bits: libc::c_int) -> Result<(), Errno> {
    // SAFETY: takes integers only; unused arguments are zero as the call demands.
    let done = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits as libc::c_ulong, 0, 0, 0) };
    Errno::result(done).map(drop)
}

/// Makes the mount whose top `folder` is read-only, and all mounts below it. What
/// is mounted there outside from now on does not show here.
pub fn make_mounts_read_only(folder: &OwnedFd) -> Result<(), Errno> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let set = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    let size = size_of::<libc::mount_attr>();
    // SAFETY: the kernel reads an empty C string and `size` bytes of a structure
    // that is as it wants it; both outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            folder.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size,
        )
    };
    Errno::result(done).map(drop)
}

/// Leaves at once, without flushing or unwinding what the parent also has.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: ends the process; nothing runs afterwards.
    unsafe { libc::_exit(status) }
}

/// The Landlock ABI of the running kernel; 0 if it has none.
pub fn landlock_abi() -> u8 {
    const VERSION: libc::c_uint = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with a null attribute of size 0 and the version flag the kernel
    // reads nothing and answers a number.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, VERSION) };
    u8::try_from(abi).unwrap_or(0)
}

/// Removes every environment variable that is not in `keep`.
pub fn keep_environment(keep: &[&str]) {
    let names: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| !keep.iter().any(|kept| name == kept))
        .collect();
    for name in names {
        // SAFETY: the process has one thread, so nobody reads the environment
        // meanwhile.
        unsafe { std::env::remove_var(name) };
    }
}
