//! The child between fork and exec: from root to the account, step by step.
//!
//! Trust: the parent's plan, made before the fork, and of the system what was
//! looked up here once more. The order is the point of this file; each line says
//! what must come before it.
//! A step that fails reports itself on the error pipe and the child is gone.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use caps::CapSet;
use gaggle_ipc::control::RefusalCode;
use gaggle_ipc::launch::{CGROUP_FD, LaunchStep, SESSION_FD};
use gaggle_policy::account;
use gaggle_policy::configuration::Person;
use gaggle_policy::programs::Programs;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, SFlag, stat, umask};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{
    Gid, Pid, Uid, chdir, execve, getgroups, getppid, getresgid, getresuid, setgroups, setresgid,
    setresuid, setsid, write,
};

use crate::{cgroup, home, mounts, sys};

/// NOROOT, NO_CAP_AMBIENT_RAISE and their locks, and the locks of KEEP_CAPS and
/// NO_SETUID_FIXUP in their off position. See capabilities(7).
const SECUREBITS: i32 = 0x01 | 0x02 | 0x08 | 0x20 | 0x40 | 0x80;

/// All that the child needs, resolved beforehand.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) supervisor: Pid,
    /// As they were when the mapping was read.
    pub(crate) person: &'a Person,
    pub(crate) programs: &'a Programs,
    /// The folder of root's own files.
    pub(crate) hidden: &'a Path,
    /// The primary group first, then those of the mapping entry.
    pub(crate) groups: Vec<Gid>,
    pub(crate) home: CString,
    pub(crate) program: CString,
    pub(crate) environment: Vec<CString>,
    pub(crate) cgroup: cgroup::ForChild,
    pub(crate) null: OwnedFd,
    pub(crate) log: OwnedFd,
    pub(crate) session: OwnedFd,
    pub(crate) error: OwnedFd,
}

/// Of 1000: before the system's own services, which have 0 or less.
const OOM_SCORE: &str = "500";
/// Open files of a process, and how far it may raise that.
const OPEN_FILES: u64 = 4096;
const MOST_OPEN_FILES: u64 = 65_536;

/// Length of one report on the error pipe, in bytes.
pub(crate) const REPORT: usize = 5;

type Step = Result<(), (LaunchStep, Errno)>;

/// Runs the plan; returns only by leaving the process.
pub(crate) fn run(plan: &Plan<'_>) -> ! {
    let (step, errno) = match steps(plan) {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    // Nothing can be done if even the report fails: the parent then sees an
    // exit without one, which is a failed launch too.
    let _ = write(&plan.error, &report(Some((step, errno))));
    sys::exit_now(1)
}

/// Bytes on the error pipe: the step that failed and its errno, or zeros when
/// only the program is left to come.
pub(crate) fn report(failed: Option<(LaunchStep, Errno)>) -> [u8; REPORT] {
    let (code, errno) = failed.map_or((0, 0), |(step, errno)| (step as u8, errno as i32));
    let [a, b, c, d] = errno.to_le_bytes();
    [code, a, b, c, d]
}

fn steps(plan: &Plan<'_>) -> Result<Infallible, (LaunchStep, Errno)> {
    let (uid, gid) =
        (Uid::from_raw(plan.person.account.uid), Gid::from_raw(plan.person.account.gid));
    default_signals()?;
    // Its own session: no controlling terminal to push input into.
    setsid().map_err(|errno| (LaunchStep::NewSession, errno))?;
    // Before anything else can be forked, so that every descendant is in it.
    write(&plan.cgroup.procs, b"0").map_err(|errno| (LaunchStep::JoinCgroup, errno))?;
    descriptors(plan).map_err(|errno| (LaunchStep::Descriptors, errno))?;
    // Here and not in the loop, because a name service may hang; the parent has
    // a deadline. It may leave descriptors of its own behind.
    look_again(plan)?;
    close_all_but(&plan.error).map_err(|errno| (LaunchStep::Descriptors, errno))?;
    // Root's last act for the account: needs CAP_SYS_ADMIN and readable modes.
    umask(Mode::from_bits_truncate(0o022));
    mounts::make_private(uid, gid, plan.hidden).map_err(|errno| (LaunchStep::Mounts, errno))?;
    umask(Mode::from_bits_truncate(0o077));
    let covered = home::make_read_only(plan.person, &plan.groups)?;
    // When memory is short the kernel takes agents before anything of the system's.
    fs::write("/proc/self/oom_score_adj", OOM_SCORE).map_err(|error| {
        (LaunchStep::Umask, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    })?;
    limit_resources().map_err(|errno| (LaunchStep::Limits, errno))?;
    // Both need CAP_SETPCAP, so before the uid changes.
    sys::set_securebits(SECUREBITS).map_err(|errno| (LaunchStep::Securebits, errno))?;
    empty_capability_sets()?;
    // Groups first, while it is still allowed; then gid; uid last, for good.
    setgroups(&plan.groups).map_err(|errno| (LaunchStep::Groups, errno))?;
    setresgid(gid, gid, gid).map_err(|errno| (LaunchStep::Gid, errno))?;
    setresuid(uid, uid, uid).map_err(|errno| (LaunchStep::Uid, errno))?;
    verify_drop(plan)?;
    die_with_supervisor(plan)?;
    enter_home(plan, covered)?;
    // From here on the pipe's end is the program's beginning. Before, it is the
    // end of a child that somebody killed.
    write(&plan.error, &report(None)).map_err(|errno| (LaunchStep::Exec, errno))?;
    let name = [c"gaggle-worker"];
    execve(&plan.program, &name, &plan.environment).map_err(|errno| (LaunchStep::Exec, errno))
}

/// P1 and P2: the account is still the one of the mapping, and not switched
/// off; the programs are still root's own, which an upgrade may have changed.
fn look_again(plan: &Plan<'_>) -> Step {
    let refuse = |code| {
        let step = match code {
            RefusalCode::AccountUnknown => LaunchStep::AccountUnknown,
            RefusalCode::LookupFailed => LaunchStep::AccountLookup,
            RefusalCode::AccountExpired => LaunchStep::AccountExpired,
            _ => LaunchStep::AccountChanged,
        };
        (step, Errno::UnknownErrno)
    };
    let now = account::look_up(&plan.person.account.name).map_err(refuse)?;
    if now != plan.person.account {
        return Err(refuse(RefusalCode::AccountChanged));
    }
    if account::is_expired(&now).map_err(refuse)? {
        return Err(refuse(RefusalCode::AccountExpired));
    }
    plan.programs.check().map_err(|_| (LaunchStep::Programs, Errno::EACCES))
}

/// C6. Not NPROC: it counts all processes of the uid, the person's own too.
fn limit_resources() -> Result<(), Errno> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.min(hard), MOST_OPEN_FILES.min(hard))
}

/// Ignored signals survive an exec, and Rust ignores SIGPIPE.
fn default_signals() -> Step {
    let failed = |errno| (LaunchStep::Signals, errno);
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            sys::default_signal(signal).map_err(failed)?;
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).map_err(failed)
}

/// Leaves exactly 0 to 4 and the error pipe. An inherited descriptor would
/// bypass every sandbox rule, so what is not named here is closed.
fn descriptors(plan: &Plan<'_>) -> Result<(), Errno> {
    // No source has one of these numbers: start-up reserved them.
    sys::duplicate_onto(&plan.null, 0)?;
    sys::duplicate_onto(&plan.log, 1)?;
    sys::duplicate_onto(&plan.log, 2)?;
    sys::duplicate_onto(&plan.session, SESSION_FD)?;
    sys::duplicate_onto(&plan.cgroup.folder, CGROUP_FD)?;
    close_all_but(&plan.error)
}

/// Above those with a meaning the error pipe alone stays. It is close-on-exec:
/// that it closes is the good news for the parent.
fn close_all_but(error: &OwnedFd) -> Result<(), Errno> {
    let first = u32::try_from(CGROUP_FD).map_err(|_| Errno::EBADF)? + 1;
    sys::close_all_but(first, error)
}

fn empty_capability_sets() -> Step {
    let failed = |_| (LaunchStep::Capabilities, Errno::EPERM);
    // The bounding set first: dropping from it needs a capability that the
    // change of uid takes away, and it is what an exec could regain.
    caps::clear(None, CapSet::Bounding).map_err(failed)?;
    caps::clear(None, CapSet::Ambient).map_err(failed)?;
    caps::clear(None, CapSet::Inheritable).map_err(failed)
}

/// Believes the drop only after trying to undo it.
fn verify_drop(plan: &Plan<'_>) -> Step {
    let surprise = Err((LaunchStep::Verify, Errno::EPERM));
    let uids = getresuid().map_err(|errno| (LaunchStep::Verify, errno))?;
    let gids = getresgid().map_err(|errno| (LaunchStep::Verify, errno))?;
    if [uids.real, uids.effective, uids.saved].map(Uid::as_raw) != [plan.person.account.uid; 3]
        || [gids.real, gids.effective, gids.saved].map(Gid::as_raw) != [plan.person.account.gid; 3]
    {
        return surprise;
    }
    let mut groups = getgroups().map_err(|errno| (LaunchStep::Verify, errno))?;
    let mut planned = plan.groups.clone();
    groups.sort_unstable_by_key(|gid| gid.as_raw());
    planned.sort_unstable_by_key(|gid| gid.as_raw());
    planned.dedup();
    groups.dedup();
    if groups != planned {
        return surprise;
    }
    let root = Uid::from_raw(0);
    let wheel = Gid::from_raw(0);
    if setresuid(root, root, root).is_ok()
        || setresgid(wheel, wheel, wheel).is_ok()
        || setgroups(&[wheel]).is_ok()
    {
        return surprise;
    }
    for set in [
        CapSet::Bounding,
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Permitted,
        CapSet::Effective,
    ] {
        if !caps::read(None, set).is_ok_and(|left| left.is_empty()) {
            return surprise;
        }
    }
    if prctl::get_no_new_privs() == Ok(true) { Ok(()) } else { surprise }
}

/// After the drop: a change of uid clears this setting.
fn die_with_supervisor(plan: &Plan<'_>) -> Step {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| (LaunchStep::DeathSignal, errno))?;
    // It may have died before the line above.
    if getppid() == plan.supervisor { Ok(()) } else { Err((LaunchStep::DeathSignal, Errno::ESRCH)) }
}

/// As the account, so that root probes nobody's home and a home that root may
/// not enter (root-squashed NFS) works. No fallback to another folder.
fn enter_home(plan: &Plan<'_>, covered: bool) -> Step {
    chdir(plan.home.as_c_str()).map_err(|errno| (LaunchStep::HomeMissing, errno))?;
    // Whoever owns a folder above may have put another in its place since.
    if covered && !statvfs(".").is_ok_and(|home| home.flags().contains(FsFlags::ST_RDONLY)) {
        return Err((LaunchStep::Mounts, Errno::ESTALE));
    }
    let home = stat(".").map_err(|errno| (LaunchStep::HomeMissing, errno))?;
    if SFlag::from_bits_truncate(home.st_mode) & SFlag::S_IFMT != SFlag::S_IFDIR
        || home.st_uid != plan.person.account.uid
    {
        return Err((LaunchStep::HomeOwner, Errno::EPERM));
    }
    if home.st_mode & 0o022 != 0 {
        return Err((LaunchStep::HomeMode, Errno::EPERM));
    }
    Ok(())
}
