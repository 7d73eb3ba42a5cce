//! The system calls that no safe wrapper offers.
//!
//! Trust: nobody; it takes no input. The only file of this crate with `unsafe`.
#![allow(unsafe_code)]

use nix::errno::Errno;

/// Marks every descriptor above standard error as close-on-exec.
///
/// # Errors
/// The system's: `ENOSYS` before Linux 5.11.
pub(crate) fn close_above_stdio_on_exec() -> Result<(), Errno> {
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC closes nothing and touches
    // no memory; it sets a flag on descriptors, whoever owns them.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop)
}

/// The Landlock ABI of the running kernel; 0 if it has none.
pub(crate) fn landlock_abi() -> u8 {
    const VERSION: libc::c_long = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: asking for the version reads no memory and makes no descriptor.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, VERSION) };
    u8::try_from(abi).unwrap_or(0)
}
