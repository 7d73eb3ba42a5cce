//! A fresh, writable configuration folder for one Goose process.
//!
//! In mode `smart_approve` Goose keeps its judgements in its configuration
//! folder and panics where it cannot. Each process gets a folder of its own that
//! only it may write, and that is wiped at its end: no judgement outlives it.
//!
//! Trust: the template is root's. The folder stands where other agents of
//! profile `workspace` have no right.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::programs::{CONFIG_FILE, HINTS_FILE};
use crate::thread_file;

const PREFIX: &str = "config-";

/// A folder that is removed with this value.
#[derive(Debug)]
pub(crate) struct ConfigFolder {
    path: PathBuf,
}

impl ConfigFolder {
    /// Makes the folder `number` of this process below `state`, with what
    /// `template` has for Goose.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn fresh(state: &Path, number: u64, template: &Path) -> io::Result<Self> {
        let path = state.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let folder = Self { path };
        let inner = folder.path.join("goose");
        // Not recursive: a folder that is there already is somebody else's.
        fs::DirBuilder::new().mode(0o700).create(&folder.path)?;
        fs::DirBuilder::new().mode(0o700).create(&inner)?;
        for file in [CONFIG_FILE, HINTS_FILE] {
            fs::write(folder.path.join(file), fs::read(template.join(file))?)?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ConfigFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!("{} was not wiped: {error}", self.path.display());
        }
    }
}

/// Removes what workers that no longer live left behind below `state`.
pub(crate) fn wipe_leftovers(state: &Path) {
    let Ok(entries) = state.read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| {
                name.strip_prefix(PREFIX).or_else(|| name.strip_prefix(thread_file::PREFIX))
            })
            .and_then(|name| name.split_once('-'))
            .and_then(|(pid, _)| pid.parse().ok());
        // A worker of the same account may live beside this one.
        let dead =
            owner.is_some_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH));
        let path = entry.path();
        if dead && fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).is_err() {
            tracing::warn!("{} was not wiped", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_starts_from_the_template_and_leaves_nothing() {
        let template = tempfile::tempdir().unwrap();
        fs::create_dir(template.path().join("goose")).unwrap();
        fs::write(template.path().join(CONFIG_FILE), "a: 1").unwrap();
        fs::write(template.path().join(HINTS_FILE), "a hint").unwrap();
        let state = tempfile::tempdir().unwrap();
        let folder = ConfigFolder::fresh(state.path(), 1, template.path()).unwrap();
        let config = folder.path().join("goose/config.yaml");
        assert_eq!(fs::read_to_string(config).unwrap(), "a: 1");
        assert_eq!(fs::read_to_string(folder.path().join(HINTS_FILE)).unwrap(), "a hint");
        fs::write(folder.path().join("goose/permission.yaml"), "always_allow").unwrap();
        assert!(ConfigFolder::fresh(state.path(), 1, template.path()).is_err());
    }

    #[test]
    fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
        let state = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let dead = state.path().join(format!("{PREFIX}{}-1", child.id()));
        let file = state.path().join(format!("{}{}-2", thread_file::PREFIX, child.id()));
        fs::write(&file, "").unwrap();
        child.wait().unwrap();
        let living = state.path().join(format!("{PREFIX}{}-1", std::process::id()));
        let other = state.path().join("something");
        for folder in [&dead, &living, &other] {
            fs::create_dir(folder).unwrap();
        }
        wipe_leftovers(state.path());
        assert!(!dead.exists() && !file.exists() && living.exists() && other.exists());
    }
}
