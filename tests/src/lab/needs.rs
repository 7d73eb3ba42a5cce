//! Whether a lab can be built here, and the loud word when it cannot.
//!
//! Trust: the kernel's answers about this process.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

use nix::unistd::geteuid;

use super::inside;

/// Names the file in which tests note that they could not run.
pub const ENV_NOT_RUN: &str = "GAGGLE_TEST_NOT_RUN";

/// The highest capability a lab needs is `CAP_SYS_ADMIN`, number 21.
const SYS_ADMIN: u64 = 1 << 21;

/// What keeps a lab from being built here; `None` if nothing does.
#[must_use]
pub fn missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    if effective_capabilities() & SYS_ADMIN == 0 {
        return Some("needs CAP_SYS_ADMIN, to mount in a namespace of its own".to_owned());
    }
    inside::cgroup_can_be_made().err().map(|error| format!("needs a cgroup: {error:#}"))
}

fn effective_capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

/// Whether the calling test can run; if not it says so loudly and is counted.
#[must_use]
#[track_caller]
pub fn can_run() -> bool {
    missing().is_none_or(|missing| say(&missing))
}

/// The same for a test about limits: whether a lab's workers get this cgroup
/// controller here.
#[must_use]
#[track_caller]
pub fn has_controller(lab: &super::Lab, controller: &str) -> bool {
    let offered = lab.namespace.cgroup().join("workers/cgroup.controllers");
    let offered = std::fs::read_to_string(offered).unwrap_or_default();
    offered.split_whitespace().any(|name| name == controller)
        || say(&format!("needs the cgroup2 controller {controller}"))
}

/// Notes that the calling test does not run; `false`.
#[track_caller]
pub fn say(missing: &str) -> bool {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("{test} ({}): {missing}\n", Location::caller().file());
    // Past the test harness, which keeps what passing tests print to itself; in
    // one piece, as others write there too.
    let _ = std::io::stderr().write_all(format!("\nNOT RUN: {line}").as_bytes());
    if let Some(file) = std::env::var_os(ENV_NOT_RUN) {
        let file = OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    false
}
