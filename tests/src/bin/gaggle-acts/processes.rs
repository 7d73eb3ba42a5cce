//! Acts on other processes.
//!
//! Trust: as in the module above.

use std::fs::{File, OpenOptions};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{Pid, write};

use crate::{Outcome, errno, sys};

pub(crate) fn act(words: &[&str]) -> Option<Outcome> {
    let [verb, pid, rest @ ..] = words else { return None };
    let pid = Pid::from_raw(pid.parse().ok()?);
    let outcome = match (*verb, rest) {
        ("trace", []) => sys::ptrace_seize(pid),
        ("read-memory", []) => read_memory(pid),
        ("open-memory", []) => open_memory(pid),
        ("take-descriptor", [fd]) => take_descriptor(pid, fd.parse().ok()?),
        ("signal", [signal]) => kill(pid, signal.parse::<Signal>().ok()?),
        ("signal-by-socket", []) => signal_by_socket(pid),
        ("enter", [namespace]) => enter(pid, namespace),
        _ => return None,
    };
    Some(outcome)
}

/// Whether the signal arrives is seen at the other process alone.
fn signal_by_socket(pid: Pid) -> Outcome {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (here, there) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    sys::own_by(&here, pid)?;
    write(&there, b"x").map(drop)
}

fn read_memory(pid: Pid) -> Outcome {
    match sys::process_vm_readv(pid) {
        // Nothing is mapped at the address that was asked for, and that is an
        // answer for those alone who may ask.
        Err(Errno::EFAULT) => Ok(()),
        outcome => outcome,
    }
}

fn open_memory(pid: Pid) -> Outcome {
    let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"));
    memory.map(drop).map_err(errno)
}

fn take_descriptor(pid: Pid, fd: i32) -> Outcome {
    let process = sys::pidfd_open(pid)?;
    sys::pidfd_getfd(&process, fd).map(drop)
}

fn enter(pid: Pid, namespace: &str) -> Outcome {
    let file = File::open(format!("/proc/{pid}/ns/{namespace}")).map_err(errno)?;
    setns(file, CloneFlags::empty())
}
