//! The system calls that `nix` does not wrap safely.
//!
//! Trust: nothing here interprets anything. The only file of this crate with
//! `unsafe`; the block says who keeps its contract.
#![allow(unsafe_code)]

use std::ffi::CString;

use nix::errno::Errno;

/// The day (since 1970) on which an account expires; `None` if it never does,
/// or has no shadow entry.
///
/// # Errors
/// The system's, if the shadow file could not be read.
pub(crate) fn expiry_day(account: &CString) -> Result<Option<i64>, Errno> {
    Errno::clear();
    // SAFETY: the name is a C string that outlives the call. The result points
    // into storage of libc that stays until the next look-up; this process has
    // one thread, so nothing looks up in between.
    let entry = unsafe { libc::getspnam(account.as_ptr()).as_ref() };
    match (entry, Errno::last()) {
        (Some(entry), _) => Ok((entry.sp_expire >= 0).then_some(entry.sp_expire)),
        // No such entry; which of them it says depends on the name service.
        (None, Errno::UnknownErrno | Errno::ENOENT | Errno::ESRCH) => Ok(None),
        (None, errno) => Err(errno),
    }
}
