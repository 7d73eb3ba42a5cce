//! The parent's half of a launch: everything that allocates, resolves or can
//! fail happens here, before the fork.
//!
//! Trust: the person comes from the snapshot in force and is looked up once
//! more, because an account name may have been given to somebody else since.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use gaggle_ipc::control::{Refusal, RefusalCode};
use gaggle_ipc::launch::{
    ENV_AGENT_PREFIX, ENV_CONNECT_PORTS, ENV_GOOSE, ENV_LANDLOCK_FLOOR, ENV_MAX_GOOSE, ENV_PROFILE,
    ENV_READ, ENV_WRITE,
};
use gaggle_ipc::{WorkerId, seqpacket};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{ForkResult, Pid, getpid, pipe2};

use crate::become_user::{self, Plan};
use crate::cgroup::{Tree, WorkerCgroup};
use crate::sys;
use gaggle_policy::account;
use gaggle_policy::configuration::Person;
use gaggle_policy::settings::Settings;
use gaggle_policy::trusted_file;

/// A child on its way to its program.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// End of file: the program runs. Five bytes: the step and errno that failed.
    pub(crate) error: OwnedFd,
    pub(crate) log: OwnedFd,
    pub(crate) frontend_end: OwnedFd,
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

impl Ground {
    /// The worker's program.
    pub(crate) fn worker(&self) -> PathBuf {
        self.programs.join("gaggle-worker")
    }

    /// Goose's program.
    pub(crate) fn goose(&self, settings: &Settings) -> PathBuf {
        settings.goose_path.clone().unwrap_or_else(|| self.programs.join("goose"))
    }

    /// The programs that will be started are there and root's own.
    ///
    /// # Errors
    /// A sentence that names the program.
    pub(crate) fn check_programs(&self, settings: &Settings) -> Result<(), String> {
        for path in [self.worker(), self.goose(settings)] {
            trusted_file::check_program(&path).map_err(|untrusted| untrusted.to_string())?;
        }
        Ok(())
    }
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
    check_account(person)?;
    // Again at each start: an upgrade may have loosened what start-up saw.
    ground.check_programs(settings).map_err(|_| Refusal {
        code: RefusalCode::LaunchFailed,
        step: Some(gaggle_ipc::launch::LaunchStep::Exec),
        errno: Errno::EACCES as i32,
    })?;
    let resources =
        |errno: Errno| Refusal { code: RefusalCode::Resources, step: None, errno: errno as i32 };
    let (frontend_end, session) = seqpacket::pair().map_err(resources)?;
    let (log, log_in) = pipe2(OFlag::O_CLOEXEC).map_err(resources)?;
    // Our end alone: a worker that floods its log waits, it is not to lose lines.
    fcntl(&log, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(resources)?;
    let (error, error_in) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(resources)?;
    let null = ground.null.try_clone().map_err(|_| resources(Errno::EMFILE))?;
    let environment = environment(ground, settings, person)
        .ok_or_else(|| Refusal::from(RefusalCode::EntryRefused))?;
    let home = account::home_c(&person.account)?;
    let program = c_path(&ground.worker()).ok_or(RefusalCode::LaunchFailed)?;
    // Last: what fails after this would leave the folder behind.
    let (cgroup, for_child) =
        ground.tree.make_worker(worker, &person.account).map_err(|error| Refusal {
            code: RefusalCode::CgroupFailed,
            step: None,
            errno: error.raw_os_error().unwrap_or(0),
        })?;
    let mut groups = vec![person.account.gid];
    groups.extend(&person.groups);
    let plan = Plan {
        supervisor: getpid(),
        uid: person.account.uid,
        gid: person.account.gid,
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
        Ok((pid, pidfd)) => Ok(Launched { pid, pidfd, error, log, frontend_end, cgroup }),
        Err(errno) => {
            // Nothing runs in it: best effort, what stays is found at the next start.
            let _ = cgroup.remove();
            Err(resources(errno))
        }
    }
}

fn start(plan: &Plan) -> Result<(Pid, OwnedFd), Errno> {
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

fn check_account(person: &Person) -> Result<(), Refusal> {
    let now = account::look_up(&person.account.name)?;
    if now != person.account {
        return Err(RefusalCode::AccountChanged.into());
    }
    if account::is_expired(&now)? {
        return Err(RefusalCode::AccountExpired.into());
    }
    Ok(())
}

/// The worker's whole environment, from nothing.
fn environment(ground: &Ground, settings: &Settings, person: &Person) -> Option<Vec<CString>> {
    let entry = &person.entry;
    let name = person.account.name.as_str();
    let mut set: Vec<(String, String)> = [
        ("HOME", person.account.home.to_str()?),
        ("USER", name),
        ("LOGNAME", name),
        ("SHELL", "/bin/bash"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("TMPDIR", "/tmp"),
        (ENV_PROFILE, entry.profile.as_str()),
        (ENV_GOOSE, ground.goose(settings).to_str()?),
        (ENV_LANDLOCK_FLOOR, &settings.landlock_floor.to_string()),
        (ENV_MAX_GOOSE, &settings.max_goose_per_worker.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if let Some(ports) = &entry.connect_ports {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        set.push((ENV_CONNECT_PORTS.to_owned(), ports.join(",")));
    }
    for (name, paths) in [(ENV_READ, &entry.read), (ENV_WRITE, &entry.write)] {
        if !paths.is_empty() {
            let paths: Option<Vec<_>> = paths.iter().map(|path| path.to_str()).collect();
            set.push((name.to_owned(), paths?.join(":")));
        }
    }
    for (name, value) in person.env.iter() {
        set.push((format!("{ENV_AGENT_PREFIX}{name}"), value.to_owned()));
    }
    set.into_iter().map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect()
}

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.to_str()?).ok()
}
