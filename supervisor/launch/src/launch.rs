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
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::{WorkerId, seqpacket};
use gaggle_policy::configuration::Person;
use gaggle_policy::programs::Programs;
use gaggle_policy::settings::Settings;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{ForkResult, Gid, Pid, getpid, pipe2, read};

use crate::become_user::{self, Plan, REPORT};
use crate::cgroup::{Tree, WorkerCgroup};
use crate::sys;

/// A child on its way to its program.
#[derive(Debug)]
pub struct Launched {
    /// The child.
    pub pid: Pid,
    /// The same for as long as it is open.
    pub pidfd: OwnedFd,
    /// Its reports and its end, for [`read_report`].
    pub error: OwnedFd,
    /// What it writes to stdout and stderr; non-blocking.
    pub log: OwnedFd,
    /// The other end of its session socket, for whoever asked.
    pub peer_end: OwnedFd,
    /// Its folder.
    pub cgroup: WorkerCgroup,
}

/// What is the same for every launch.
#[derive(Debug)]
pub struct Ground {
    /// Where workers get their folders.
    pub tree: Tree,
    /// The folder of this program and its companions, root's own.
    pub programs: PathBuf,
    /// The folder of root's own files, which no worker sees.
    pub config_dir: PathBuf,
    /// `/dev/null`, open.
    pub null: OwnedFd,
}

/// What a child on its way says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Nothing new.
    Nothing,
    /// Only the program is left to come.
    Prepared,
    /// A step failed, with this error number.
    Failed(LaunchStep, i32),
    /// No more comes: after [`Report::Prepared`] the program runs, before it
    /// somebody killed the child.
    Ended,
}

impl Report {
    /// Why there is no worker, when this was the last report.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        let code = match self {
            Self::Failed(LaunchStep::AccountUnknown, _) => RefusalCode::AccountUnknown,
            Self::Failed(LaunchStep::AccountChanged, _) => RefusalCode::AccountChanged,
            Self::Failed(LaunchStep::AccountExpired, _) => RefusalCode::AccountExpired,
            Self::Failed(LaunchStep::AccountLookup, _) => RefusalCode::LookupFailed,
            Self::Failed(step, errno) => {
                return Refusal { code: RefusalCode::LaunchFailed, step: Some(step), errno };
            }
            _ => RefusalCode::LaunchFailed,
        };
        code.into()
    }
}

/// Reads one report from an error pipe, without waiting.
pub fn read_report(error: &OwnedFd) -> Report {
    let mut report = [0; REPORT];
    let read = read(error, &mut report);
    let [code, errno @ ..] = report;
    match (read, code) {
        (Ok(0), _) => Report::Ended,
        (Ok(_), 0) => Report::Prepared,
        (Ok(_), code) => {
            let step = LaunchStep::from_code(code).unwrap_or(LaunchStep::Exec);
            Report::Failed(step, i32::from_le_bytes(errno))
        }
        (Err(_), _) => Report::Nothing,
    }
}

/// Starts a worker for `person`.
///
/// # Errors
/// The refusal for the frontend and the audit.
pub fn launch(
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
    let (cgroup, for_child) = ground.tree.make_worker(worker, person).map_err(|error| {
        match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
            scarce @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) => resources(scarce),
            errno => Refusal { code: RefusalCode::CgroupFailed, step: None, errno: errno as i32 },
        }
    })?;
    let plan = Plan {
        supervisor: getpid(),
        person,
        programs: &programs,
        hidden: &ground.config_dir,
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
