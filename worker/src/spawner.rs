//! Starting a Goose process: leaf, configuration folder, exec step. The
//! isolation probe and what opens files are started in the same way.
//!
//! Trust: paths and settings are root's; the mode is the frontend's word for the
//! first turn. Nothing here comes from a prompt.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;

use gaggle_ipc::session::GooseMode;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tokio::process::{Child, Command};

use crate::cgroup::{Leaf, LeafError, Tree};
use crate::config_folder::{ConfigFolder, wipe_leftovers};
use crate::exec_agent::{Order, Program};
use crate::goose::Goose;
use crate::programs::Programs;
use crate::role::Supervision;
use crate::thread_file::ThreadFile;

/// Makes Goose processes for one person.
#[derive(Debug)]
pub(crate) struct Spawner {
    programs: Programs,
    supervision: Supervision,
    state: PathBuf,
    growing: RefCell<Growing>,
}

#[derive(Debug)]
struct Growing {
    tree: Option<Tree>,
    made: u64,
}

/// A process on its way into the agent's sandbox.
#[derive(Debug)]
pub(crate) struct Started {
    /// The process; killed when dropped.
    pub(crate) child: Child,
    /// The cgroup of it and all its descendants; `None` without a supervisor.
    pub(crate) leaf: Option<Leaf>,
    /// What it has for itself; wiped when dropped.
    pub(crate) own: Own,
}

/// What is made for one process and goes with it.
#[derive(Debug, Default)]
pub(crate) struct Own {
    // Its own configuration folder, held for its `Drop`.
    _config: Option<ConfigFolder>,
    /// Names its thread to its commands.
    pub(crate) thread: Option<ThreadFile>,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    /// No cgroup leaf.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// No configuration folder, or no file that names its thread.
    #[error("nothing can be written for this Goose: {0}; check the space in the home")]
    Own(io::Error),
    /// No process.
    #[error("the exec step cannot be started: {0}; check pids.max of the worker's cgroup")]
    Process(#[from] io::Error),
    /// The descriptor of the leaf cannot be handed on.
    #[error("the leaf cannot be handed on: {0}")]
    Handover(#[from] Errno),
}

impl Spawner {
    /// A spawner; wipes what dead workers left in `state`.
    pub(crate) fn new(
        programs: Programs,
        supervision: Supervision,
        state: PathBuf,
        tree: Option<Tree>,
    ) -> Self {
        wipe_leftovers(&state);
        let growing = RefCell::new(Growing { tree, made: 0 });
        Self { programs, supervision, state, growing }
    }

    /// The folder that is Goose's home, and the `cwd` of new sessions.
    pub(crate) fn goose_home(&self) -> &std::path::Path {
        &self.programs.goose_home
    }

    /// Starts one Goose in `mode`.
    ///
    /// # Errors
    /// [`SpawnError`]; then nothing is left running.
    pub(crate) fn spawn(&self, mode: GooseMode) -> Result<Goose, SpawnError> {
        let file = ThreadFile::fresh(&self.state, self.number()).map_err(SpawnError::Own)?;
        let program = Program::Goose(file.path().to_owned());
        let mut started = self.start(program, mode)?;
        started.own.thread = Some(file);
        Ok(Goose::new(started))
    }

    /// Starts `program` where a Goose in `mode` would run.
    ///
    /// # Errors
    /// [`SpawnError`]; then nothing is left running.
    pub(crate) fn start(&self, program: Program, mode: GooseMode) -> Result<Started, SpawnError> {
        let leaf = self.leaf()?;
        let config = match program {
            Program::Goose(_) | Program::Probe => self.config(mode).map_err(SpawnError::Own)?,
            Program::Transfer(_) => None,
        };
        let order = Order {
            program,
            supervision: self.supervision,
            mode,
            procs: leaf.as_ref().map(|leaf| leaf.procs().as_raw_fd()),
            config: config.as_ref().map(|config| config.path().to_owned()),
        };
        let child = self.run(&order, leaf.as_ref())?;
        Ok(Started { child, leaf, own: Own { _config: config, thread: None } })
    }

    fn number(&self) -> u64 {
        let mut growing = self.growing.borrow_mut();
        growing.made += 1;
        growing.made
    }

    fn leaf(&self) -> Result<Option<Leaf>, LeafError> {
        self.growing.borrow_mut().tree.as_mut().map(Tree::make_leaf).transpose()
    }

    fn config(&self, mode: GooseMode) -> io::Result<Option<ConfigFolder>> {
        if mode != GooseMode::SmartApprove {
            return Ok(None);
        }
        ConfigFolder::fresh(&self.state, self.number(), &self.programs.goose_config).map(Some)
    }

    fn run(&self, order: &Order, leaf: Option<&Leaf>) -> Result<Child, SpawnError> {
        let mut command = Command::new(&self.programs.worker);
        command
            .arg("exec-agent")
            .args(order.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let Some(leaf) = leaf else { return Ok(command.spawn()?) };
        // This process has one thread, so nothing else is started in between.
        set_inheritable(leaf.procs(), true)?;
        let child = command.spawn();
        set_inheritable(leaf.procs(), false)?;
        Ok(child?)
    }
}

fn set_inheritable(fd: &OwnedFd, inheritable: bool) -> Result<(), Errno> {
    let flags = if inheritable { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags)).map(drop)
}
