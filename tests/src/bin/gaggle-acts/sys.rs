//! The system calls that no safe wrapper offers: most exist to be refused.
//!
//! Trust: none is needed; arguments are fixed here or plain numbers. The only
//! file of this program with `unsafe`.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, c_void};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::Outcome;

/// Takes over a descriptor that a call has just made.
fn descriptor(result: c_long) -> Result<OwnedFd, Errno> {
    let fd = RawFd::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has made it for this process a moment ago; nobody else
    // here knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn ptrace_seize(pid: Pid) -> Outcome {
    let nothing = std::ptr::null_mut::<c_void>();
    // SAFETY: this request reads no memory of ours; the tracee goes on, and is
    // let go when this process ends.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid.as_raw(), nothing, nothing) };
    Errno::result(done).map(drop)
}

/// Reads a byte at an address where nothing is mapped.
pub(crate) fn process_vm_readv(pid: Pid) -> Outcome {
    let mut byte = 0_u8;
    let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let there = libc::iovec { iov_base: std::ptr::without_provenance_mut(4096), iov_len: 1 };
    // SAFETY: `here` is one byte of ours; `there` is an address of the other
    // process and is never looked at in this one.
    let done =
        unsafe { libc::process_vm_readv(pid.as_raw(), &raw const here, 1, &raw const there, 1, 0) };
    Errno::result(done).map(drop)
}

/// Has the kernel tell `pid` by signal that a socket can be read.
pub(crate) fn own_by(socket: &OwnedFd, pid: Pid) -> Outcome {
    // SAFETY: takes three integers.
    let owned = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETOWN, pid.as_raw()) };
    Errno::result(owned)?;
    // SAFETY: takes three integers.
    let told = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, libc::O_ASYNC) };
    Errno::result(told).map(drop)
}

pub(crate) fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })
}

pub(crate) fn pidfd_getfd(process: &OwnedFd, fd: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: takes three integers.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) })
}

/// What parent and child of a raw clone do: the child ends, the parent waits.
fn fork_ended(result: c_long) -> Outcome {
    if result == 0 {
        // SAFETY: the child of a fork; it ends without running anything else.
        unsafe { libc::_exit(0) }
    }
    let pid = Errno::result(result)?;
    let pid = Pid::from_raw(i32::try_from(pid).map_err(|_| Errno::EBADF)?);
    waitpid(pid, None).map(drop)
}

pub(crate) fn clone(namespace: c_int) -> Outcome {
    let flags = c_long::from(namespace | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack of its own this is a fork; this
    // process has one thread.
    fork_ended(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })
}

pub(crate) fn clone3(namespace: c_int) -> Outcome {
    // SAFETY: all fields are integers, for which zero means "not given".
    let mut order: libc::clone_args = unsafe { std::mem::zeroed() };
    order.flags = u64::from(namespace.cast_unsigned());
    order.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    let size = size_of::<libc::clone_args>();
    // SAFETY: as for `clone`; the structure is ours and of the size said.
    fork_ended(unsafe { libc::syscall(libc::SYS_clone3, &raw mut order, size) })
}

pub(crate) fn io_uring_setup() -> Outcome {
    let mut parameters = [0_u8; 120];
    // SAFETY: the kernel's structure is 120 bytes of integers.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr()) };
    descriptor(ring).map(drop)
}

/// Makes a small map.
pub(crate) fn bpf_map() -> Outcome {
    const CREATE: c_int = 0;
    // Kind array, four bytes of key, four of value, one entry.
    let attributes = [2_u32, 4, 4, 1];
    let size = size_of_val(&attributes);
    // SAFETY: reads as many bytes of ours as are said.
    descriptor(unsafe { libc::syscall(libc::SYS_bpf, CREATE, attributes.as_ptr(), size) }).map(drop)
}

pub(crate) fn userfaultfd() -> Outcome {
    const USER_MODE_ONLY: c_int = 1;
    // SAFETY: takes an integer.
    descriptor(unsafe { libc::syscall(libc::SYS_userfaultfd, USER_MODE_ONLY) }).map(drop)
}

/// A software clock of this process: there is one without any hardware.
pub(crate) fn perf_event_open() -> Outcome {
    let mut attributes = [0_u32; 16];
    let [kind, size, ..] = &mut attributes;
    (*kind, *size) = (1, 64);
    // SAFETY: reads 64 bytes of ours, as said in them.
    let event =
        unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) };
    descriptor(event).map(drop)
}

/// Makes a page that can be written one that can be run, as injected code needs it.
pub(crate) fn make_code() -> Outcome {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let nowhere = std::ptr::null_mut();
    // SAFETY: a new page, where the kernel likes; nothing of ours is replaced.
    let page =
        unsafe { libc::mmap(nowhere, 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    // SAFETY: that page alone, which nobody else knows; nothing in it is ever run.
    let done = unsafe { libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC) };
    Errno::result(done).map(drop)
}

pub(crate) fn memfd_secret() -> Outcome {
    // SAFETY: takes an integer.
    descriptor(unsafe { libc::syscall(libc::SYS_memfd_secret, 0) }).map(drop)
}

pub(crate) fn tiocsti() -> Outcome {
    // SAFETY: reads one byte of ours.
    let done = unsafe { libc::ioctl(0, libc::TIOCSTI, c"x".as_ptr()) };
    Errno::result(done).map(drop)
}

pub(crate) fn socket_of_family(family: c_int) -> Outcome {
    // SAFETY: takes three integers.
    descriptor(unsafe { libc::socket(family, libc::SOCK_STREAM, 0) }.into()).map(drop)
}

pub(crate) fn session_keyring() -> Outcome {
    const GET_ID: c_int = 0;
    const SESSION: c_int = -3;
    // SAFETY: takes integers.
    let found = unsafe { libc::syscall(libc::SYS_keyctl, GET_ID, SESSION, 0) };
    Errno::result(found).map(drop)
}

pub(crate) fn add_key() -> Outcome {
    const OF_PROCESS: c_int = -2;
    let (kind, name, value) = (c"user".as_ptr(), c"gaggle-acts".as_ptr(), c"x".as_ptr());
    // SAFETY: reads two strings of ours that end, and one byte.
    let added = unsafe { libc::syscall(libc::SYS_add_key, kind, name, value, 1, OF_PROCESS) };
    Errno::result(added).map(drop)
}

pub(crate) fn request_key() -> Outcome {
    let (kind, name) = (c"user".as_ptr(), c"gaggle-acts-none".as_ptr());
    let nothing = std::ptr::null::<c_void>();
    // SAFETY: reads two strings of ours that end.
    let found = unsafe { libc::syscall(libc::SYS_request_key, kind, name, nothing, 0) };
    Errno::result(found).map(drop)
}

/// Gives a program `CAP_DAC_READ_SEARCH`: to read whatever there is.
pub(crate) fn grant_read_of_everything(path: &str) -> Outcome {
    const VERSION_2_EFFECTIVE: u32 = 0x0200_0001;
    const DAC_READ_SEARCH: u32 = 1 << 2;
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    let words = [VERSION_2_EFFECTIVE, DAC_READ_SEARCH, 0, 0, 0].map(u32::to_le);
    let name = c"security.capability".as_ptr();
    // SAFETY: reads two strings that end, and as many bytes as are said.
    let done = unsafe {
        libc::setxattr(path.as_ptr(), name, words.as_ptr().cast(), size_of_val(&words), 0)
    };
    Errno::result(done).map(drop)
}
