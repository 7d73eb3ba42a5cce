//! What this process was given, and what it may change about it.
//!
//! Trust: names of variables are told, never their values.

use std::fs;
use std::io::Write as _;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::attempt::{Absence, Outcome, Tries};
use super::files::{read, write};
use super::ground::Ground;

/// Variables that only a service, a worker or a login has.
const FOREIGN: &[&str] = &[
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "MATTERMOST_TOKEN",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "SUDO_COMMAND",
];
/// Settings that the worker restores for Goose under their own names.
const FOREIGN_PREFIX: &str = gaggle_ipc::launch::ENV_AGENT_PREFIX;

/// Counts descriptors beyond standard input, output and error.
pub(super) fn leftover_descriptors(ground: &Ground) -> Outcome {
    let found: Vec<String> = ground
        .descriptors
        .iter()
        .map(|number| {
            let leads = fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default();
            format!("{number} to {}", leads.display())
        })
        .collect();
    if found.is_empty() {
        Outcome::held("none beyond 0, 1 and 2")
    } else {
        Outcome::open(found.join(", "))
    }
}

/// Looks for variables that are none of an agent's.
pub(super) fn environment(_: &Ground) -> Outcome {
    let names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| FOREIGN.contains(&name.as_str()) || name.starts_with(FOREIGN_PREFIX))
        .collect();
    if names.is_empty() {
        Outcome::held("none of a service's, a worker's or a login's")
    } else {
        Outcome::open(names.join(", "))
    }
}

/// Reads how large a core dump may be, and asks for more.
pub(super) fn core_dumps(_: &Ground) -> Outcome {
    match getrlimit(Resource::RLIMIT_CORE) {
        Ok((_, hard)) => Outcome::held_if(hard == 0, format!("at most {hard} bytes")),
        Err(errno) => Outcome::untried(format!("getrlimit: {errno:?}")),
    }
}

/// Makes the kernel spare this process when memory is short: below others, or
/// no worse than them.
pub(super) fn oom_score(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for score in ["-1000", "0"] {
        let set = write("/proc/self/oom_score_adj").and_then(|mut f| f.write_all(score.as_bytes()));
        tries.add_io(format!("oom_score_adj {score}"), set);
    }
    tries.outcome()
}

/// Raises hard limits.
pub(super) fn raise_limits(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for (resource, name) in [
        (Resource::RLIMIT_NOFILE, "open files"),
        (Resource::RLIMIT_CORE, "core dumps"),
        (Resource::RLIMIT_MEMLOCK, "locked memory"),
        (Resource::RLIMIT_NICE, "priority"),
        (Resource::RLIMIT_RTPRIO, "real-time priority"),
    ] {
        let raised = getrlimit(resource).and_then(|(soft, hard)| match hard.checked_add(1) {
            Some(more) => setrlimit(resource, soft, more),
            // Unlimited already: nothing to raise.
            None => Err(Errno::EINVAL),
        });
        tries.add(name, raised);
    }
    tries.outcome()
}

/// Opens the terminal of whoever started this.
pub(super) fn terminal(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    tries.add_io("/dev/tty", read("/dev/tty"));
    tries.outcome()
}
