//! Taking ownership of descriptors that arrive as numbers.
//!
//! Trust: the numbers come from the kernel (`SCM_RIGHTS`) or from the process
//! that started this one. The only file of this crate with `unsafe`.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Descriptors already adopted in this process: each number only once.
static ADOPTED: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Takes a descriptor that was inherited at `number` from the process that
/// started this one, and marks it close-on-exec.
///
/// # Errors
/// `EBADF` if nothing is open there, `EEXIST` if this number was taken before.
pub fn adopt_inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    let mut adopted = ADOPTED.lock().map_err(|_| Errno::EDEADLK)?;
    if number < 0 {
        return Err(Errno::EBADF);
    }
    if adopted.contains(&number) {
        return Err(Errno::EEXIST);
    }
    // SAFETY: the borrow lasts for this one call, which fails with EBADF and
    // touches nothing if the number is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    adopted.push(number);
    // SAFETY: the descriptor is open (F_SETFD succeeded) and nobody owns it
    // yet: callers name numbers that a parent passed by agreement, at start-up,
    // and the list above hands out each number once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Takes descriptors that the kernel has just installed for `SCM_RIGHTS`.
pub(crate) fn adopt_received(numbers: Vec<RawFd>) -> Vec<OwnedFd> {
    numbers
        .into_iter()
        // SAFETY: recvmsg put these numbers in our table for us alone; the
        // caller passes them straight from the control message, once.
        .map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect()
}
