//! The worker, other processes of the account, and those of others.
//!
//! Trust: signals are signal 0, which is checked like any other and does
//! nothing; memory is asked for where there is none.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid};

use super::attempt::{Absence, Outcome, Tries, reaches, to_errno};
use super::files::read;
use super::ground::Ground;
use super::syscalls;

/// Processes that are tried at most.
const MOST: usize = 200;
/// Numbers of processes are guessed up to here.
const LAST_GUESSED: i32 = 65_536;
/// The worker's session socket.
const SESSION: i32 = gaggle_ipc::launch::SESSION_FD;

/// Reads the worker's memory and traces it.
pub(super) fn worker_memory(ground: &Ground) -> Outcome {
    let pid = ground.worker;
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add("process_vm_readv", reaches(syscalls::read_memory(pid), &[Errno::EFAULT]));
    tries.add_io(format!("/proc/{pid}/mem"), read(format!("/proc/{pid}/mem")));
    tries.add("ptrace", syscalls::trace(pid));
    tries.outcome()
}

/// Looks at the worker through `/proc`.
pub(super) fn worker_files(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    inspect(&mut tries, ground.worker);
    tries.outcome()
}

fn inspect(tries: &mut Tries, pid: Pid) {
    let at = |name: &str| format!("/proc/{pid}/{name}");
    for file in ["environ", "maps"] {
        // A process without memory of its own, like a thread of the kernel,
        // shows nothing to anybody.
        let seen = fs::read(at(file)).map_err(|error| to_errno(&error));
        let seen = seen.and_then(|bytes| if bytes.is_empty() { Err(Errno::ESRCH) } else { Ok(()) });
        tries.add(at(file), seen);
    }
    for folder in ["root/", "cwd/"] {
        tries.add_io(at(folder), fs::read_dir(at(folder)));
    }
    // How many there are the kernel tells the whole account; not what they are.
    tries.add_io(at("fd/0"), fs::read_link(at("fd/0")));
}

/// Takes the worker's session socket.
pub(super) fn worker_descriptors(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for number in [0, SESSION] {
        let stolen = syscalls::steal_descriptor(ground.worker, number);
        tries.add(format!("pidfd_getfd {number}"), reaches(stolen, &[Errno::EBADF]));
        let path = format!("/proc/{}/fd/{number}", ground.worker);
        tries.add_io(path.clone(), fs::read_link(path));
    }
    tries.outcome()
}

/// Signals the worker.
pub(super) fn signal_worker(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add("kill with signal 0", kill(ground.worker, None));
    tries.outcome()
}

/// Signals and inspects every other process of the account, also those that
/// `/proc` does not show to whoever may not trace them.
pub(super) fn own_processes(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let own = [getpid(), ground.probe];
    let mut refused = false;
    for pid in (1..=LAST_GUESSED).map(Pid::from_raw).filter(|pid| !own.contains(pid)) {
        match kill(pid, None) {
            // Also what other accounts have.
            Err(Errno::EPERM) => refused = true,
            Ok(()) => tries.add(format!("signal {pid}"), Ok(())),
            Err(_) => {}
        }
    }
    if refused {
        tries.add("signals to every number", Err::<(), _>(Errno::EPERM));
    }
    for pid in processes(|uid| uid == ground.uid.as_raw()) {
        // A thread of work that is gone by now says ESRCH: no refusal, no success.
        if !own.contains(&pid) {
            inspect(&mut tries, pid);
        }
    }
    tries.outcome()
}

/// Signals and inspects processes of others, the first of the system among them.
pub(super) fn foreign_processes(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for pid in processes(|uid| uid != ground.uid.as_raw()) {
        tries.add(format!("signal {pid}"), kill(pid, None));
        inspect(&mut tries, pid);
    }
    tries.outcome()
}

fn processes(wanted: impl Fn(u32) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let wanted = numbers.filter(|pid| owner(*pid).is_some_and(&wanted));
    wanted.take(MOST).map(Pid::from_raw).collect()
}

/// By its status: the files of an undumpable process are root's.
fn owner(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}
