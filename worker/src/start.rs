//! The worker's first steps, before any thread and before any input: W1 to W4.
//!
//! The order is the point. Identity first, since nothing below may run with
//! root's rights; then the memory is shut to the account's other processes;
//! then the folders are made, which the domain no longer allows; then the domain,
//! which binds this one thread and all that come after it.
//!
//! Trust: see each step's own module.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use gaggle_ipc::fds::adopt_inherited;
use gaggle_ipc::launch::{CGROUP_FD, LaunchStep, SESSION_FD};
use nix::errno::Errno;

use crate::cgroup::Tree;
use crate::environment::{Environment, EnvironmentError};
use crate::folders::{self, FolderError, Home};
use crate::identity::{self, IdentityError};
use crate::programs::{Programs, ProgramsError};
use crate::role::Supervision;
use crate::sandbox::domain::{self, DomainError, Entered};
use crate::sandbox::places::{self, Place, Right};

/// Where a kernel with filters tells of them.
const SECCOMP: &str = "/proc/sys/kernel/seccomp";

/// A worker whose sandbox stands.
pub(crate) struct Ready {
    /// The session socket.
    pub(crate) session: OwnedFd,
    /// The cgroup tree; `None` without a supervisor.
    pub(crate) tree: Option<Tree>,
    /// The settings.
    pub(crate) environment: Environment,
    /// The programs.
    pub(crate) programs: Programs,
    /// The worker's own folder in the home.
    pub(crate) state: PathBuf,
    /// Domain A.
    pub(crate) domain: Entered,
    /// Who started this.
    pub(crate) supervision: Supervision,
}

/// The step that failed and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// W1.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// W1.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// W2.
    #[error("this process's memory cannot be shut to others: {0}")]
    Dumpable(Errno),
    /// W3.
    #[error(transparent)]
    Folders(#[from] FolderError),
    /// W3.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// W4.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl StartError {
    /// The step, for the exit status.
    pub(crate) fn step(&self) -> LaunchStep {
        match self {
            Self::Identity(_) => LaunchStep::WorkerIdentity,
            Self::Environment(_) => LaunchStep::WorkerEnvironment,
            Self::Dumpable(_) => LaunchStep::WorkerDumpable,
            Self::Folders(_) => LaunchStep::WorkerFolders,
            Self::Programs(_) => LaunchStep::WorkerPrograms,
            Self::Domain(DomainError::Kernel(_)) => LaunchStep::Landlock,
            Self::Domain(_) => LaunchStep::LandlockFloor,
        }
    }
}

/// Takes all steps.
///
/// # Errors
/// [`StartError`]; the process must end.
pub(crate) fn prepare(supervision: Supervision) -> Result<Ready, StartError> {
    let (session, tree) = match supervision {
        Supervision::Supervised => {
            identity::require_unprivileged()?;
            identity::require_no_descriptor_above(CGROUP_FD)?;
            (session_socket()?, Some(cgroup_tree()?))
        }
        Supervision::Unsupervised => (session_socket()?, None),
    };
    let environment = Environment::of_this_process(supervision)?;
    identity::become_undumpable().map_err(StartError::Dumpable)?;
    let home = Home::open(&environment.home)?;
    let programs = Programs::beside_this(&environment.goose, supervision)?;
    let domain = enter_domain_a(&environment, &programs, &home, tree.as_ref())?;
    if supervision == Supervision::Unsupervised {
        name_what_is_missing(domain);
    }
    Ok(Ready {
        session,
        tree,
        state: environment.home.join(folders::WORKER_STATE),
        environment,
        programs,
        domain,
        supervision,
    })
}

fn session_socket() -> Result<OwnedFd, IdentityError> {
    let missing = |_| IdentityError::NotSessionSocket(SESSION_FD);
    let socket = adopt_inherited(SESSION_FD).map_err(missing)?;
    identity::require_session_socket(&socket)?;
    Ok(socket)
}

fn cgroup_tree() -> Result<Tree, IdentityError> {
    let folder = adopt_inherited(CGROUP_FD).map_err(|_| IdentityError::NotCgroup(CGROUP_FD))?;
    identity::require_cgroup(&folder)?;
    Ok(Tree::new(folder))
}

/// Domain A is domain B with the cgroup folder and the worker's own state.
fn enter_domain_a(
    environment: &Environment,
    programs: &Programs,
    home: &Home,
    tree: Option<&Tree>,
) -> Result<Entered, StartError> {
    let mut all = places::of_agent(environment, programs, home)?;
    all.push(Place::new(home.make(folders::WORKER_STATE)?, Right::Write)?);
    if let Some(tree) = tree {
        all.push(Place::new(tree.clone_folder()?, Right::Cgroup)?);
    }
    let ports = environment.connect_ports.as_deref();
    Ok(domain::enter(&all, ports, environment.landlock_floor)?)
}

/// One line for each protection that a supervised worker has.
fn name_what_is_missing(domain: Entered) {
    if identity::is_root() {
        eprintln!("gaggle-worker: unsupervised: running as root, without an account's own limits");
    }
    eprintln!(
        "gaggle-worker: unsupervised: no cgroup; a daemon that an agent starts can outlive it"
    );
    eprintln!("gaggle-worker: unsupervised: no mount namespace; /tmp and /run are the system's");
    if !Path::new(SECCOMP).exists() {
        eprintln!("gaggle-worker: unsupervised: no system call filters in this kernel");
    }
    if domain.abi == 0 {
        eprintln!(
            "gaggle-worker: unsupervised: no Landlock; an agent can touch all the account can"
        );
    } else if !domain.has_scopes() {
        eprintln!(
            "gaggle-worker: unsupervised: Landlock without scopes; an agent can send signals"
        );
    }
}
