//! The system calls of the probe that no safe wrapper offers.
//!
//! Trust: nobody. Each is called so that it can do no harm where it is let
//! through: with null pointers, invalid flags or nothing to act on. With
//! `worker/src/sys.rs` the only code of this crate with `unsafe`.
#![allow(unsafe_code)]

use std::ffi::CStr;

use libc::{c_int, c_long};
use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

const NULL: c_long = 0;

/// A system call; what `arguments` leaves out is 0.
fn call(number: c_long, arguments: &[c_long]) -> Result<c_long, Errno> {
    let mut all = [0; 6];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = *argument;
    }
    let [a, b, c, d, e, f] = all;
    // SAFETY: private to this file. The functions below pass numbers, null
    // pointers, and pointers to what lives through the call and is only read;
    // none of these calls, so made, writes into this process's memory or takes
    // a descriptor away from its owner.
    Errno::result(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// Splits this process in two.
pub(super) fn fork() -> Result<ForkResult, Errno> {
    // SAFETY: the probe has one thread, so no lock is held by a thread that
    // the child would not have.
    unsafe { nix::unistd::fork() }
}

/// Ends this process at once: no buffer of the parent's is written twice.
pub(super) fn leave() -> ! {
    // SAFETY: ends the process and returns to nobody.
    unsafe { libc::_exit(0) }
}

/// Begins to trace `pid` without stopping it. It ends with this process.
pub(super) fn trace(pid: Pid) -> Result<(), Errno> {
    const SEIZE: c_long = 0x4206;
    call(libc::SYS_ptrace, &[SEIZE, pid.as_raw().into()]).map(drop)
}

/// Lets the parent trace this process.
pub(super) fn be_traced() -> Result<(), Errno> {
    const TRACEME: c_long = 0;
    call(libc::SYS_ptrace, &[TRACEME]).map(drop)
}

/// Asks for a byte of another process's memory at an address where nothing
/// is: `EFAULT` once the kernel has let the caller through.
pub(super) fn read_memory(pid: Pid) -> Result<(), Errno> {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 1 };
    // SAFETY: both vectors live through the call, and the kernel writes at most
    // one byte into the local one.
    let result = unsafe { libc::process_vm_readv(pid.as_raw(), &local, 1, &remote, 1, 0) };
    Errno::result(result).map(drop)
}

/// Takes a copy of a descriptor of another process; it ends with this one.
pub(super) fn steal_descriptor(pid: Pid, number: i32) -> Result<(), Errno> {
    let handle = call(libc::SYS_pidfd_open, &[pid.as_raw().into()])?;
    call(libc::SYS_pidfd_getfd, &[handle, number.into()]).map(drop)
}

/// `clone3` without arguments: `EINVAL` where it is let through.
pub(super) fn clone3() -> Result<(), Errno> {
    call(libc::SYS_clone3, &[NULL]).map(drop)
}

/// `io_uring_setup` without entries: `EFAULT` or `EINVAL`.
pub(super) fn io_uring() -> Result<(), Errno> {
    call(libc::SYS_io_uring_setup, &[0, NULL]).map(drop)
}

/// `bpf` with a command that there is not: `EINVAL`.
pub(super) fn bpf() -> Result<(), Errno> {
    call(libc::SYS_bpf, &[0xffff, NULL]).map(drop)
}

/// `perf_event_open` without a description: `EFAULT`.
pub(super) fn perf() -> Result<(), Errno> {
    call(libc::SYS_perf_event_open, &[NULL, 0, -1, -1]).map(drop)
}

/// `userfaultfd` for user memory alone, with a flag that there is not: `EINVAL`.
pub(super) fn userfaultfd() -> Result<(), Errno> {
    call(libc::SYS_userfaultfd, &[0x4001]).map(drop)
}

/// Asks for the number of the account's keyring, without making one.
pub(super) fn user_keyring() -> Result<(), Errno> {
    const GET_KEYRING_ID: c_long = 0;
    const USER_KEYRING: c_long = -4;
    call(libc::SYS_keyctl, &[GET_KEYRING_ID, USER_KEYRING]).map(drop)
}

/// `add_key` without a key: `EFAULT`.
pub(super) fn add_key() -> Result<(), Errno> {
    call(libc::SYS_add_key, &[NULL, NULL, NULL]).map(drop)
}

/// `init_module` without a module: `ENOEXEC` or `EFAULT`.
pub(super) fn load_module() -> Result<(), Errno> {
    call(libc::SYS_init_module, &[NULL, 0, NULL]).map(drop)
}

/// `reboot` without the numbers that make it one: `EINVAL`.
pub(super) fn reboot() -> Result<(), Errno> {
    call(libc::SYS_reboot, &[0]).map(drop)
}

/// Asks how large the kernel's log is.
pub(super) fn kernel_log() -> Result<(), Errno> {
    const SIZE_BUFFER: c_long = 10;
    call(libc::SYS_syslog, &[SIZE_BUFFER, NULL]).map(drop)
}

/// Prepares a file system of the given kind without mounting it.
pub(super) fn open_file_system(kind: &CStr) -> Result<(), Errno> {
    call(libc::SYS_fsopen, &[kind.as_ptr() as c_long]).map(drop)
}

/// Types a space into the terminal at descriptor 0; `ENOTTY` where the request
/// is let through and there is none.
pub(super) fn type_character() -> Result<(), Errno> {
    let request = libc::TIOCSTI.try_into().map_err(|_| Errno::EINVAL)?;
    let space = b' ';
    call(libc::SYS_ioctl, &[0, request, &raw const space as c_long]).map(drop)
}

/// A socket of any family.
pub(super) fn socket(family: c_int, kind: c_int, protocol: c_int) -> Result<(), Errno> {
    call(libc::SYS_socket, &[family.into(), kind.into(), protocol.into()]).map(drop)
}

/// The securebits of this process.
pub(super) fn securebits() -> Result<c_int, Errno> {
    // SAFETY: reads a number of this process.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS) })
}

/// Loosens the securebits of this process.
pub(super) fn clear_securebits() -> Result<(), Errno> {
    // SAFETY: sets a number of this process.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, 0) }).map(drop)
}
