//! Ways to more rights than the account's.
//!
//! Trust: the kernel's word about this process; a set-id program is started
//! only to be looked at.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use caps::CapSet;
use gaggle_ipc::launch::POWERFUL_GROUPS;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::prctl;
use nix::unistd::{
    Gid, Group, Uid, getegid, getgid, getgroups, pipe2, setgroups, setresgid, setresuid, write,
};

use super::attempt::{Absence, Outcome, Tries};
use super::ground::Ground;
use super::syscalls;

/// Programs that are set-id somewhere and say how they are used when asked.
const SET_ID: &[&str] = &[
    "/usr/bin/passwd",
    "/usr/bin/chsh",
    "/usr/bin/newgrp",
    "/usr/bin/su",
    "/usr/bin/sudo",
    "/usr/bin/pkexec",
    "/usr/bin/mount",
    "/bin/su",
    "/bin/mount",
];

/// `SECBIT_NOROOT` and its lock.
const NO_ROOT_LOCKED: i32 = 0x03;

/// Reads the bit without which no set-id program gains anything.
pub(super) fn no_new_privs(_: &Ground) -> Outcome {
    match prctl::get_no_new_privs() {
        Ok(set) => Outcome::held_if(set, format!("no_new_privs is {}", i32::from(set))),
        Err(errno) => Outcome::untried(format!("PR_GET_NO_NEW_PRIVS: {errno:?}")),
    }
}

/// Runs a set-id program and looks whose it became.
pub(super) fn set_id_program(ground: &Ground) -> Outcome {
    let is_set_id = |path: &&&str| {
        fs::metadata(path).is_ok_and(|found| {
            found.uid() != ground.uid.as_raw() && found.permissions().mode() & 0o4001 == 0o4001
        })
    };
    let Some(program) = SET_ID.iter().find(is_set_id) else {
        return Outcome::untried("no set-id program of those that are tried is installed");
    };
    match effective_uid_of(program) {
        Ok(Some(uid)) => Outcome::held_if(
            uid == ground.uid.as_raw(),
            format!("{program} ran with effective uid {uid}"),
        ),
        Ok(None) => Outcome::untried(format!("{program} could not be looked at")),
        Err(error) => Outcome::untried(format!("{program}: {error}")),
    }
}

/// Runs `PROGRAM --help` into a pipe that is full, so that it stays long
/// enough to be looked at.
fn effective_uid_of(program: &str) -> std::io::Result<Option<u32>> {
    let (_output, input) = pipe2(OFlag::O_CLOEXEC)?;
    let input = File::from(input);
    fcntl(&input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    while write(&input, &[0; 4096]).is_ok() {}
    fcntl(&input, FcntlArg::F_SETFL(OFlag::empty()))?;
    let mut child = Command::new(program)
        .arg("--help")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    let found = look_until_it_waits(&child);
    end(&mut child);
    Ok(found)
}

fn look_until_it_waits(child: &Child) -> Option<u32> {
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        if field("State:")?.trim_start().starts_with('S') {
            return field("Uid:")?.split_whitespace().nth(1)?.parse().ok();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

fn end(child: &mut Child) {
    // The real uid is ours still, so this is allowed whatever it became.
    let _ = child.kill();
    let _ = child.wait();
}

/// Becomes root, and somebody else.
pub(super) fn set_user(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let other = Uid::from_raw(ground.uid.as_raw().wrapping_add(1));
    for uid in [Uid::from_raw(0), other] {
        tries.add(format!("setresuid {uid}"), setresuid(uid, uid, uid));
    }
    tries.outcome()
}

/// Becomes a member of other groups.
pub(super) fn set_group(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let root = Gid::from_raw(0);
    tries.add("setgroups 0", setgroups(&[root]));
    tries.add("setresgid 0", setresgid(root, root, root));
    tries.outcome()
}

/// Names the groups of this process, and those that are as good as root.
pub(super) fn groups(_: &Ground) -> Outcome {
    let mut all = match getgroups() {
        Ok(all) => all,
        Err(errno) => return Outcome::untried(format!("getgroups: {errno:?}")),
    };
    all.extend([getgid(), getegid()]);
    all.sort_unstable_by_key(|gid| gid.as_raw());
    all.dedup();
    let name = |gid: &Gid| match Group::from_gid(*gid) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    };
    let names: Vec<String> = all.iter().map(name).collect();
    let powerful = names.iter().filter(|name| POWERFUL_GROUPS.contains(&name.as_str()));
    let powerful: Vec<&str> = powerful.map(String::as_str).collect();
    if powerful.is_empty() {
        Outcome::held(format!("member of {}", names.join(", ")))
    } else {
        Outcome::open(format!("member of {}", powerful.join(", ")))
    }
}

/// Reads the capabilities of this process.
pub(super) fn capabilities(_: &Ground) -> Outcome {
    let sets = [
        (CapSet::Effective, "effective"),
        (CapSet::Permitted, "permitted"),
        (CapSet::Inheritable, "inheritable"),
        (CapSet::Ambient, "ambient"),
    ];
    let held: Vec<&str> =
        sets.into_iter().filter(|(set, _)| !is_empty(*set)).map(|(_, name)| name).collect();
    if held.is_empty() {
        Outcome::held("effective, permitted, inheritable and ambient are empty")
    } else {
        Outcome::open(format!("not empty: {}", held.join(", ")))
    }
}

/// Reads the capabilities that a program could bring back.
pub(super) fn bounding_set(_: &Ground) -> Outcome {
    let empty = is_empty(CapSet::Bounding);
    Outcome::held_if(empty, if empty { "empty" } else { "not empty" })
}

fn is_empty(set: CapSet) -> bool {
    caps::read(None, set).is_ok_and(|held| held.is_empty())
}

/// Reads the bits by which uid 0 means nothing, and loosens them.
pub(super) fn securebits(_: &Ground) -> Outcome {
    let before = syscalls::securebits().unwrap_or(0);
    let cleared = syscalls::clear_securebits();
    let locked = before & NO_ROOT_LOCKED == NO_ROOT_LOCKED && cleared == Err(Errno::EPERM);
    let said = cleared.map_or_else(|errno| format!("{errno:?}"), |()| "done".to_owned());
    Outcome::held_if(locked, format!("{before:#x}; clearing them: {said}"))
}
