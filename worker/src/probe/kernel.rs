//! System calls that no agent needs and that have been ways out before.
//!
//! Trust: each is called with arguments that the kernel refuses by another word
//! than a filter does; that word means that the call was let through.

use nix::errno::Errno;

use super::attempt::{Absence, Outcome, Tries, reaches, single};
use super::ground::Ground;
use super::syscalls;

/// Lets itself be traced: tracing is refused even among the agent's own.
pub(super) fn ptrace(_: &Ground) -> Outcome {
    single("PTRACE_TRACEME", syscalls::be_traced())
}

/// Reaches the keyrings, which everything of one account shares.
pub(super) fn keyrings(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add("keyctl", reaches(syscalls::user_keyring(), &[Errno::ENOKEY]));
    tries.add("add_key", reaches(syscalls::add_key(), &[Errno::EFAULT]));
    tries.outcome()
}

/// Asks for an io_uring.
pub(super) fn io_uring(_: &Ground) -> Outcome {
    let reached = reaches(syscalls::io_uring(), &[Errno::EFAULT, Errno::EINVAL]);
    single("io_uring_setup", reached)
}

/// Asks for BPF.
pub(super) fn bpf(_: &Ground) -> Outcome {
    single("bpf", reaches(syscalls::bpf(), &[Errno::EINVAL, Errno::EFAULT, Errno::E2BIG]))
}

/// Asks for performance counters.
pub(super) fn perf(_: &Ground) -> Outcome {
    let reached = reaches(syscalls::perf(), &[Errno::EFAULT, Errno::EINVAL]);
    single("perf_event_open", reached)
}

/// Asks for page faults to be handled here.
pub(super) fn userfaultfd(_: &Ground) -> Outcome {
    single("userfaultfd", reaches(syscalls::userfaultfd(), &[Errno::EINVAL]))
}

/// Makes sockets of families whose code is seldom looked at. The kernel would
/// load a module for one that it does not have.
pub(super) fn odd_sockets(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for (family, name) in [
        (libc::AF_ALG, "AF_ALG"),
        (libc::AF_VSOCK, "AF_VSOCK"),
        (libc::AF_TIPC, "AF_TIPC"),
        (libc::AF_BLUETOOTH, "AF_BLUETOOTH"),
    ] {
        let made = syscalls::socket(family, libc::SOCK_SEQPACKET, 0);
        let through =
            [Errno::EAFNOSUPPORT, Errno::ESOCKTNOSUPPORT, Errno::EPROTONOSUPPORT, Errno::EINVAL];
        tries.add(name, reaches(made, &through));
    }
    tries.outcome()
}

/// Makes sockets that see or forge what others send.
pub(super) fn raw_sockets(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add("AF_PACKET", syscalls::socket(libc::AF_PACKET, libc::SOCK_RAW, 0));
    let raw = syscalls::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
    tries.add("AF_INET raw", raw);
    tries.outcome()
}

/// Types into the terminal in the person's name.
pub(super) fn terminal_input(_: &Ground) -> Outcome {
    single("TIOCSTI", reaches(syscalls::type_character(), &[Errno::ENOTTY, Errno::EIO]))
}
