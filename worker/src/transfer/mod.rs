//! `gaggle-worker file-transfer`: opens one file for the worker, where a Goose
//! would run.
//!
//! What an agent may not do, this process does not do for it either: it runs as
//! the account, in a domain B of its own, with the agent's filters, and has no
//! keys. It does one order and ends.
//!
//! Trust: the home is root's word, the thread the worker's. The order comes from the
//! frontend, and everything below the workspace is an agent's: each path is opened
//! beneath a folder, over no link.

mod inbox;
mod outbox;
mod reading;
mod refusal;
mod words;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gaggle_ipc::ThreadId;
use gaggle_ipc::files::{FileNews, FileOrder, FilePlace, FileRefusal, INBOX, OUTBOX};

use crate::environment::Environment;
use crate::folders::{Home, WORKSPACE};
use refusal::of_folder;
use words::Words;

/// The exit status for arguments that cannot be read.
const EXIT_USAGE: u8 = 64;

/// The arguments with which the exec step starts this.
pub(crate) fn to_arguments(environment: &Environment, thread: ThreadId) -> [OsString; 2] {
    [environment.home.clone().into(), thread.as_str().into()]
}

/// A thread's places in a home.
struct Places {
    home: Home,
    path: PathBuf,
    thread: ThreadId,
}

/// Does the one order that standard input has.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let [home, thread] = arguments else { return usage() };
    let Some(thread) = thread.to_str().and_then(|id| ThreadId::new(id).ok()) else {
        return usage();
    };
    let mut words = Words::of_stdio();
    let last = Places::open(Path::new(home), thread)
        .and_then(|places| places.serve(&mut words))
        .unwrap_or_else(FileNews::Refused);
    match words.say(&last) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody waits for it any more.
        Err(_) => ExitCode::FAILURE,
    }
}

fn usage() -> ExitCode {
    eprintln!("gaggle-worker: file-transfer is started by the worker, with a home and a thread");
    ExitCode::from(EXIT_USAGE)
}

impl Places {
    fn open(home: &Path, thread: ThreadId) -> Result<Self, FileRefusal> {
        let path = home.to_owned();
        Ok(Self { home: Home::open(home).map_err(|error| of_folder(&error))?, path, thread })
    }

    fn serve(&self, words: &mut Words) -> Result<FileNews, FileRefusal> {
        match words.hear()? {
            FileOrder::Store { name, size } => {
                let folder = self.home.make(&self.relative(INBOX));
                let folder = folder.map_err(|error| of_folder(&error))?;
                let path = self.path.join(self.relative(INBOX));
                inbox::store(&folder, &path, name.as_str(), size, words)
            }
            FileOrder::List { most } => outbox::list(&self.existing(OUTBOX)?, most, words),
            FileOrder::Read { place, path, max } => {
                let folder = match place {
                    FilePlace::Inbox => self.existing(INBOX)?,
                    FilePlace::Outbox => self.existing(OUTBOX)?,
                    FilePlace::Workspace => self.workspace()?,
                };
                let path = self.below_workspace(place, path.as_str());
                reading::read(&folder, path, max, words)
            }
            FileOrder::SetAside { name, fate } => {
                outbox::set_aside(&self.existing(OUTBOX)?, name.as_str(), fate)
            }
            FileOrder::Bytes(_) | FileOrder::Whole | FileOrder::Room { .. } | FileOrder::Stop => {
                Err(FileRefusal::Stopped)
            }
        }
    }

    fn relative(&self, place: &str) -> String {
        format!("{WORKSPACE}/{place}/{}", self.thread)
    }

    fn existing(&self, place: &str) -> Result<OwnedFd, FileRefusal> {
        let path = self.path.join(self.relative(place));
        self.home.existing(&path).map_err(|error| of_folder(&error))
    }

    fn workspace(&self) -> Result<OwnedFd, FileRefusal> {
        self.home.existing(&self.path.join(WORKSPACE)).map_err(|error| of_folder(&error))
    }

    /// People may write the whole path of what is in the workspace, as they see it.
    fn below_workspace<'a>(&self, place: FilePlace, path: &'a str) -> &'a Path {
        let given = Path::new(path);
        if place != FilePlace::Workspace {
            return given;
        }
        let whole = given.strip_prefix(self.path.join(WORKSPACE));
        whole.or_else(|_| given.strip_prefix("~/workspace")).unwrap_or(given)
    }
}
