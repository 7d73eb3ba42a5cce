//! The parent's half of a launch: everything that allocates or can run out
//! happens here, before the fork.
//!
//! Trust: the person comes from the snapshot in force. The child looks the
//! account up once more: its name may have been given to somebody else since.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gaggle_ipc::control::{Refusal, RefusalCode};
use gaggle_ipc::{WorkerId, seqpacket};
use gaggle_policy::configuration::Person;
use gaggle_policy::programs::Programs;
use gaggle_policy::settings::Settings;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{ForkResult, Gid, Pid, getpid, pipe2};

use crate::become_user::{self, Plan};
use crate::cgroup::{Tree, WorkerCgroup};
use crate::sys;

/// A child on its way to its program.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// Its reports and its end: see [`become_user`](crate::become_user).
    pub(crate) error: OwnedFd,
    pub(crate) log: OwnedFd,
    pub(crate) peer_end: OwnedFd,
    pub(crate) cgroup: WorkerCgroup,
}

/// What is the same for every launch.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) tree: Tree,
    /// The folder of this program and its companions, root's own.
    pub(crate) programs: PathBuf,
    pub(crate) null: OwnedFd,
}

/// Starts a worker for `person`.
///
/// # Errors
/// The refusal for the frontend and the audit.
pub(crate) fn launch(
    ground: &Ground,
    settings: &Settings,
    person: &Person,
    worker: WorkerId,
) -> Result<Launched, Refusal> {
    let resources =
        |errno: Errno| Refusal { code: RefusalCode::Resources, step: None, errno: errno as i32 };
    let (peer_end, session) = seqpacket::pair().map_err(resources)?;
    let (log, log_in) = pipe2(OFlag::O_CLOEXEC).map_err(resources)?;
    // Our end alone: a worker that floods its log waits, it is not to lose lines.
    fcntl(&log, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(resources)?;
    let (error, error_in) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(resources)?;
    let null = ground.null.try_clone().map_err(|_| resources(Errno::EMFILE))?;
    let programs = Programs::of(&ground.programs, settings);
    let environment = programs.environment(settings, person).and_then(|set| {
        set.into_iter().map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect()
    });
    let environment = environment.ok_or(RefusalCode::EntryRefused)?;
    let home = c_path(&person.account.home).ok_or(RefusalCode::HomeUnusable)?;
    let program = c_path(&programs.worker).ok_or(RefusalCode::LaunchFailed)?;
    let groups = [person.account.gid].into_iter().chain(person.groups.iter().copied());
    let groups = groups.map(Gid::from_raw).collect();
    // Last: what fails after this would leave the folder behind.
    let (cgroup, for_child) = ground.tree.make_worker(worker, person).map_err(|error| Refusal {
        code: RefusalCode::CgroupFailed,
        step: None,
        errno: error.raw_os_error().unwrap_or(0),
    })?;
    let plan = Plan {
        supervisor: getpid(),
        account: &person.account,
        programs: &programs,
        groups,
        home,
        program,
        environment,
        cgroup: for_child,
        null,
        log: log_in,
        session,
        error: error_in,
    };
    match start(&plan) {
        Ok((pid, pidfd)) => Ok(Launched { pid, pidfd, error, log, peer_end, cgroup }),
        Err(errno) => {
            // Nothing runs in it: best effort, what stays is found at the next start.
            let _ = cgroup.remove();
            Err(resources(errno))
        }
    }
}

fn start(plan: &Plan<'_>) -> Result<(Pid, OwnedFd), Errno> {
    match sys::fork_single_threaded()? {
        ForkResult::Child => become_user::run(plan),
        ForkResult::Parent { child } => match sys::pidfd_open(child) {
            Ok(pidfd) => Ok((child, pidfd)),
            Err(errno) => {
                // Not reaped yet, so the number is still this child's.
                let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
                let _ = nix::sys::wait::waitpid(child, None);
                Err(errno)
            }
        },
    }
}

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}
