//! A1 and A2: the step between worker and Goose. One thread, no runtime: joins
//! the leaf, enters domain B, installs the filters, and becomes Goose, or the
//! probe that tries all of this out, or what opens files for the worker.
//!
//! Trust: the worker, which started it with its own environment. Every failure
//! ends the process with the step's status before Goose has run.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use gaggle_ipc::ThreadId;
use gaggle_ipc::fds::adopt_inherited;
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::session::GooseMode;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};

use crate::environment::{Environment, EnvironmentError};
use crate::folders::{FolderError, Home};
use crate::programs::{Programs, ProgramsError};
use crate::role::Supervision;
use crate::sandbox::domain::{self, DomainError, Entered};
use crate::sandbox::places::{self, Place, Right};
use crate::sandbox::seccomp::{self, SeccompError};
use crate::{agent_environment, probe, sys, transfer};

/// Stands for an argument that is not given.
pub(crate) const NONE: &str = "-";

/// What this process becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// Goose, and the file that names its thread.
    Goose(PathBuf),
    /// The isolation probe: the same in everything but the program.
    Probe,
    /// What opens a file of this thread for the worker. It gets no keys.
    Transfer(ThreadId),
}

/// What the worker says in the argument list. Nothing of it is secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// What to become.
    pub(crate) program: Program,
    /// Whether protections may be missing.
    pub(crate) supervision: Supervision,
    /// Goose's mode.
    pub(crate) mode: GooseMode,
    /// The leaf's `cgroup.procs`, inherited.
    pub(crate) procs: Option<RawFd>,
    /// The writable configuration folder, if this process has one.
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum AgentError {
    #[error("the worker gave arguments that cannot be read")]
    Arguments,
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    #[error(
        "the cgroup leaf cannot be joined: {0}; check pids.max and the controllers of the worker's cgroup"
    )]
    Leaf(Errno),
    #[error(transparent)]
    Place(#[from] FolderError),
    #[error(transparent)]
    Domain(#[from] DomainError),
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
    #[error("the program cannot be run: {0}; check goose_path in supervisor.toml")]
    Exec(std::io::Error),
    #[error("this process cannot be prepared for Goose: {0}")]
    System(#[from] Errno),
}

impl AgentError {
    fn step(&self) -> LaunchStep {
        match self {
            Self::Environment(_) => LaunchStep::WorkerEnvironment,
            Self::Programs(_) => LaunchStep::WorkerPrograms,
            Self::Place(_) => LaunchStep::WorkerFolders,
            Self::Leaf(_) => LaunchStep::AgentCgroup,
            Self::Domain(_) => LaunchStep::AgentLandlock,
            Self::Seccomp(_) => LaunchStep::AgentSeccomp,
            Self::Arguments | Self::Exec(_) | Self::System(_) => LaunchStep::AgentExec,
        }
    }
}

/// Replaces this process with the program. Returns only if a step failed.
pub(crate) fn become_agent(arguments: &[OsString]) -> ExitCode {
    let Err(error) = Order::parse(arguments).and_then(|order| run(&order));
    eprintln!("gaggle-worker: {}: {error}", error.step().name());
    ExitCode::from(error.step().exit_status())
}

impl Order {
    /// The argument list after the role's name.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let supervision = match self.supervision {
            Supervision::Supervised => "supervised",
            Supervision::Unsupervised => "unsupervised",
        };
        let (program, subject) = match &self.program {
            Program::Goose(file) => ("goose", file.clone().into_os_string()),
            Program::Probe => ("probe", NONE.into()),
            Program::Transfer(thread) => ("transfer", thread.as_str().into()),
        };
        vec![
            program.into(),
            subject,
            supervision.into(),
            self.mode.as_str().into(),
            self.procs.map_or_else(|| NONE.into(), |fd| fd.to_string().into()),
            self.config.clone().map_or_else(|| NONE.into(), OsString::from),
        ]
    }

    fn parse(arguments: &[OsString]) -> Result<Self, AgentError> {
        let [program, subject, supervision, mode, procs, config] = arguments else {
            return Err(AgentError::Arguments);
        };
        let given = |word: &OsString| (word != NONE).then(|| word.clone());
        let number = |word: OsString| {
            word.to_str().and_then(|text| text.parse().ok()).ok_or(AgentError::Arguments)
        };
        let id = |word: &OsString| {
            word.to_str().and_then(|id| ThreadId::new(id).ok()).ok_or(AgentError::Arguments)
        };
        Ok(Self {
            program: match program.to_str() {
                Some("goose") => Program::Goose(subject.into()),
                Some("probe") => Program::Probe,
                Some("transfer") => Program::Transfer(id(subject)?),
                _ => return Err(AgentError::Arguments),
            },
            supervision: match supervision.to_str() {
                Some("supervised") => Supervision::Supervised,
                Some("unsupervised") => Supervision::Unsupervised,
                _ => return Err(AgentError::Arguments),
            },
            mode: mode.to_str().and_then(GooseMode::parse).ok_or(AgentError::Arguments)?,
            procs: given(procs).map(number).transpose()?,
            config: given(config).map(PathBuf::from),
        })
    }
}

fn run(order: &Order) -> Result<std::convert::Infallible, AgentError> {
    let environment = Environment::of_this_process(order.supervision)?;
    let programs = Programs::beside_this(&environment.goose, order.supervision)?;
    // Joined first: inside domain B the leaf cannot be written any more.
    if let Some(number) = order.procs {
        let procs = adopt_inherited(number).map_err(AgentError::Leaf)?;
        nix::unistd::write(&procs, b"0").map_err(AgentError::Leaf)?;
    }
    umask(Mode::from_bits_truncate(0o077));
    // The worker's end is Goose's end, also where no cgroup sees to it.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // A filter needs it, and without the supervisor nobody has set it yet.
    prctl::set_no_new_privs()?;
    let config = order.config.as_deref().unwrap_or(&programs.goose_config);
    let domain = enter_domain_b(&environment, &programs, order)?;
    install_filters(order.supervision, domain)?;
    sys::close_above_stdio_on_exec()?;
    let variables = match order.program {
        Program::Goose(_) | Program::Probe => {
            agent_environment::for_goose(&environment, &programs, order, config)
        }
        // It needs nothing, and least of all the keys.
        Program::Transfer(_) => Vec::new(),
    };
    Err(AgentError::Exec(
        command(order, &programs, &environment)?
            .env_clear()
            .envs(variables)
            .current_dir(&programs.goose_home)
            .exec(),
    ))
}

fn command(
    order: &Order,
    programs: &Programs,
    environment: &Environment,
) -> Result<Command, AgentError> {
    Ok(match order.program {
        Program::Goose(_) => {
            let mut command = Command::new(&programs.goose);
            command.arg("acp");
            command
        }
        Program::Probe => {
            let mut command = Command::new(&programs.worker);
            command.arg("isolation-probe").args(probe::to_arguments(environment));
            command
        }
        Program::Transfer(thread) => {
            let mut command = Command::new(&programs.worker);
            command.arg("file-transfer").args(transfer::to_arguments(environment, thread));
            command
        }
    })
}

fn enter_domain_b(
    environment: &Environment,
    programs: &Programs,
    order: &Order,
) -> Result<Entered, AgentError> {
    let home = Home::open(&environment.home)?;
    let mut places = places::of_agent(environment, programs, &home)?;
    if let Some(config) = &order.config {
        places.push(Place::new(home.existing(config)?, Right::Write)?);
    }
    if let Program::Goose(file) = &order.program {
        places.push(Place::new(home.existing_file(file)?, Right::Read)?);
    }
    let ports = environment.connect_ports.as_deref();
    Ok(domain::enter(&places, ports, environment.landlock_floor)?)
}

fn install_filters(supervision: Supervision, domain: Entered) -> Result<(), SeccompError> {
    match seccomp::install(domain) {
        Err(error) if supervision == Supervision::Unsupervised => {
            eprintln!("gaggle-worker: unsupervised: no system call filter ({error})");
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_argument_list() {
        for order in [
            Order {
                program: Program::Goose("/home/a/.local/state/gaggle/thread-1-1".into()),
                supervision: Supervision::Supervised,
                mode: GooseMode::SmartApprove,
                procs: Some(9),
                config: Some("/home/a/.local/state/gaggle/config-1-1".into()),
            },
            Order {
                program: Program::Transfer(ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap()),
                supervision: Supervision::Supervised,
                mode: GooseMode::Approve,
                procs: None,
                config: None,
            },
            Order {
                program: Program::Probe,
                supervision: Supervision::Unsupervised,
                mode: GooseMode::Auto,
                procs: None,
                config: None,
            },
        ] {
            assert_eq!(Order::parse(&order.to_arguments()).unwrap(), order);
        }
    }

    #[test]
    fn arguments_of_another_shape_are_refused() {
        for words in [
            &[][..],
            &["goose", "/t", "supervised", "auto", "-"],
            &["goose", "/t", "supervised", "yolo", "-", "-"],
            &["goose", "/t", "else", "auto", "-", "-"],
            &["goose", "/t", "supervised", "auto", "x", "-"],
            &["transfer", "../x", "supervised", "auto", "-", "-"],
            &["bash", "/t", "supervised", "auto", "-", "-"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(matches!(Order::parse(&words), Err(AgentError::Arguments)), "{words:?}");
        }
    }
}
