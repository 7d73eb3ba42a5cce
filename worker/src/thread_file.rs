//! A file by which the commands of one Goose learn which conversation it serves.
//!
//! A Goose that was started ahead knows no conversation yet, and its environment
//! cannot be changed any more: the shell wrapper looks here at each command.
//!
//! Trust: the worker writes it, and it stands where agents of profile `workspace`
//! may only read. What an agent says instead concerns nobody but itself: the worker
//! looks into the folders of the conversation, whatever the commands took them for.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gaggle_ipc::ThreadId;

/// Before the number of the worker's process, and the file's own.
pub(crate) const PREFIX: &str = "thread-";
/// Longer than any id, in bytes.
const MOST: u64 = 64;

/// Such a file; removed with this value.
#[derive(Debug)]
pub(crate) struct ThreadFile {
    path: PathBuf,
}

impl ThreadFile {
    /// Makes the file `number` of this process below `state`, which names none.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn fresh(state: &Path, number: u64) -> io::Result<Self> {
        let path = state.join(format!("{PREFIX}{}-{number}", std::process::id()));
        // New: a file that is there already is somebody else's.
        File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the commands are of `thread` from now on.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn say(&self, thread: ThreadId) -> io::Result<()> {
        // In place: the agent's right is to this file, not to its name.
        let mut file = File::options().write(true).truncate(true).open(&self.path)?;
        file.write_all(thread.as_str().as_bytes())
    }
}

impl Drop for ThreadFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} was not removed: {error}", self.path.display());
        }
    }
}

/// The conversation that the file at `path` names, if it names one.
pub(crate) fn read(path: &Path) -> Option<ThreadId> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    ThreadId::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_was_said_last_and_goes_with_its_goose() {
        let state = tempfile::tempdir().unwrap();
        let file = ThreadFile::fresh(state.path(), 1).unwrap();
        let path = file.path().to_owned();
        assert_eq!(read(&path), None);
        let first = ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap();
        let second = ThreadId::new("aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        for thread in [first, second] {
            file.say(thread).unwrap();
            assert_eq!(read(&path), Some(thread));
        }
        assert!(ThreadFile::fresh(state.path(), 1).is_err(), "of somebody else");
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_id_names_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["", "../../.ssh", "zo3yx6gsxbf8ppuaojzhiaj1yw\n", &"a".repeat(4096)] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path), None, "{text:?}");
        }
    }
}
