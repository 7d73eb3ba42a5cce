//! Programs that root has another account run: in time, with few words, and
//! away from root's terminal.
//!
//! Trust: none in the program. Whoever owns the account may hold it from
//! outside, so it has no terminal to type into, and root waits no longer for
//! it than it said.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use gaggle_ipc::fds::adopt_inherited;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::setsid;

use crate::privileges;

const LOOK: Duration = Duration::from_millis(5);
/// Most bytes of either output that are taken.
const MOST: u64 = 8192;
/// Status of a program that could not be started, as in a shell.
const NOT_STARTED: u8 = 127;

/// Arguments of the hidden `gaggle run-as`.
#[derive(Debug, Args)]
pub(crate) struct RunAsArguments {
    uid: u32,
    gid: u32,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A program to be run as that user, with an empty environment and input.
pub(crate) fn command(uid: u32, gid: u32, program: &Path) -> Command {
    // This program once more: it leaves the terminal while it is still root,
    // before anybody else may hold it.
    let mut command = Command::new("/proc/self/exe");
    command.args(["run-as", &uid.to_string(), &gid.to_string(), "--"]).arg(program);
    command.env_clear().env("LANG", "C.UTF-8").stdin(Stdio::null()).current_dir("/");
    command
}

/// The part of [`command`] after which nothing of root is left.
///
/// # Errors
/// If root is not given up, before the program is started.
pub(crate) fn run(arguments: &RunAsArguments) -> anyhow::Result<ExitCode> {
    ensure!(arguments.uid != 0 && arguments.gid != 0, "run-as gives root up");
    let (program, words) = arguments.program.split_first().context("no program")?;
    // From the terminal of whoever typed this command.
    setsid().context("this is a part of other commands and not to be used by hand")?;
    close_inherited().context("/proc/self/fd")?;
    privileges::give_up(arguments.uid, arguments.gid)?;
    let error = Command::new(program).args(words).exec();
    eprintln!("{}: {error}", program.display());
    Ok(ExitCode::from(NOT_STARTED))
}

/// Closes all but input and outputs: what root's shell had open the other account
/// could take over from its process.
fn close_inherited() -> std::io::Result<()> {
    let names = fs::read_dir("/proc/self/fd")?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    for number in names.iter().filter_map(|name| name.to_str()?.parse().ok()) {
        if number > 2 {
            // Owned, it is closed; the one that listed them is so already.
            drop(adopt_inherited(number));
        }
    }
    Ok(())
}

/// Runs it to its end; `None` if that does not come within `limit`.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn finish(mut command: Command, limit: Duration) -> anyhow::Result<Option<Said>> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.context("starting a part of this command as another account")?;
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            // It may outlive even that, so it is not waited for.
            let _ = child.kill();
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    };
    if status.code() == Some(i32::from(NOT_STARTED)) {
        bail!("{}", crate::output::escaped(words(child.stderr.take())?.trim()));
    }
    Ok(Some(Said { status, stdout: words(child.stdout)?, stderr: words(child.stderr)? }))
}

/// What is in the pipe now: somebody else may hold its other end open.
fn words(pipe: Option<impl Read + AsFd>) -> anyhow::Result<String> {
    let Some(pipe) = pipe else { return Ok(String::new()) };
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut bytes = Vec::new();
    match pipe.take(MOST).read_to_end(&mut bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => Err(error.into()),
        _ => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
