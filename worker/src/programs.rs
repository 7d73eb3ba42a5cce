//! The programs and folders that stand beside this one, and Goose itself.
//!
//! Trust: what root owns and nobody else may write. Everything the agent's
//! environment points at is checked here, once, before any input is read.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::role::Supervision;

/// The kernel's word for this program's path, and what it puts behind that of a
/// file that is not there any more.
const OWN: &str = "/proc/self/exe";
const REPLACED: &[u8] = b" (deleted)";
/// Names in the program folder.
const SHELL: &str = "goose-shell";
const GOOSE_HOME: &str = "goose-home";
const GOOSE_CONFIG: &str = "goose-config";
/// In Goose's configuration: its settings.
pub(crate) const CONFIG_FILE: &str = "goose/config.yaml";
/// What Goose tells every model about where it is.
pub(crate) const HINTS_FILE: &str = "goose/AGENTS.md";

/// Absolute paths, free of links, all checked.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The folder this program is in.
    pub(crate) folder: PathBuf,
    /// This program.
    pub(crate) worker: PathBuf,
    /// The shell wrapper: a link to this program.
    pub(crate) shell: PathBuf,
    /// Empty; `HOME` for Goose.
    pub(crate) goose_home: PathBuf,
    /// `XDG_CONFIG_HOME` for Goose.
    pub(crate) goose_config: PathBuf,
    /// Goose.
    pub(crate) goose: PathBuf,
}

/// Why programs are not fit to be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramsError {
    /// Something is missing or cannot be looked at.
    #[error(
        "{path} cannot be used ({source}); reinstall Gaggle, and check goose_path in supervisor.toml"
    )]
    Missing {
        /// What.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Somebody other than root could change it.
    #[error(
        "{0} may be changed by others than root; chown it to root and take the write right from group and others"
    )]
    NotRoots(PathBuf),
    /// This account may not run it.
    #[error("{0} may not be run; chmod 755 it, and look at how its file system is mounted")]
    NotExecutable(PathBuf),
    /// It is of another kind than it should be.
    #[error(
        "{0} is not what it should be; reinstall Gaggle, and check goose_path in supervisor.toml"
    )]
    WrongKind(PathBuf),
    /// `goose-home` has something in it.
    #[error("{0} is not empty; remove what is in it")]
    NotEmpty(PathBuf),
}

impl Programs {
    /// Finds and checks the programs beside this one, and Goose at `goose`.
    ///
    /// # Errors
    /// [`ProgramsError`].
    pub(crate) fn beside_this(
        goose: &Path,
        supervision: Supervision,
    ) -> Result<Self, ProgramsError> {
        let own = Path::new(OWN);
        let named = own.read_link().map_err(missing(own))?;
        Self::beside(&installed(&named), goose, supervision)
    }

    fn beside(
        worker: &Path,
        goose: &Path,
        supervision: Supervision,
    ) -> Result<Self, ProgramsError> {
        let worker = resolve(worker)?;
        let folder = worker
            .parent()
            .map(Path::to_owned)
            .ok_or_else(|| ProgramsError::WrongKind(worker.clone()))?;
        let programs = Self {
            shell: folder.join(SHELL),
            goose_home: folder.join(GOOSE_HOME),
            goose_config: folder.join(GOOSE_CONFIG),
            goose: resolve(goose)?,
            folder,
            worker,
        };
        programs.check(supervision)?;
        Ok(programs)
    }

    fn check(&self, supervision: Supervision) -> Result<(), ProgramsError> {
        for program in [&self.worker, &self.shell, &self.goose] {
            if !look_at(&resolve(program)?)?.is_file() {
                return Err(ProgramsError::WrongKind(program.clone()));
            }
            if access(program, AccessFlags::X_OK).is_err() {
                return Err(ProgramsError::NotExecutable(program.clone()));
            }
        }
        for folder in [&self.goose_home, &self.goose_config] {
            if !look_at(folder)?.is_dir() {
                return Err(ProgramsError::WrongKind(folder.clone()));
            }
        }
        let texts = [CONFIG_FILE, HINTS_FILE].map(|file| self.goose_config.join(file));
        for text in &texts {
            if !look_at(text)?.is_file() {
                return Err(ProgramsError::WrongKind(text.clone()));
            }
        }
        require_empty(&self.goose_home)?;
        let shell = resolve(&self.shell)?;
        let programs = [&self.worker, &shell, &self.goose, &self.goose_home];
        for path in programs.into_iter().chain(&texts) {
            require_trusted(path, supervision)?;
        }
        Ok(())
    }
}

fn missing(path: &Path) -> impl FnOnce(io::Error) -> ProgramsError {
    let path = path.to_owned();
    move |source| ProgramsError::Missing { path, source }
}

/// The program in the place of the one that runs: while a package is upgraded,
/// another file may come there under a process that has only just begun.
fn installed(named: &Path) -> PathBuf {
    let path = named.as_os_str().as_bytes();
    OsStr::from_bytes(path.strip_suffix(REPLACED).unwrap_or(path)).into()
}

fn resolve(path: &Path) -> Result<PathBuf, ProgramsError> {
    path.canonicalize().map_err(missing(path))
}

fn look_at(path: &Path) -> Result<std::fs::Metadata, ProgramsError> {
    path.symlink_metadata().map_err(missing(path))
}

/// Plugins and settings in Goose's home would run unasked.
fn require_empty(folder: &Path) -> Result<(), ProgramsError> {
    match folder.read_dir().map_err(missing(folder))?.next() {
        None => Ok(()),
        Some(_) => Err(ProgramsError::NotEmpty(folder.to_owned())),
    }
}

/// Whoever may write in a parent folder can replace what is in it, so all of
/// them count.
fn require_trusted(path: &Path, supervision: Supervision) -> Result<(), ProgramsError> {
    let own = nix::unistd::getuid().as_raw();
    for part in path.ancestors() {
        let found = look_at(part)?;
        let trusted_owner =
            found.uid() == 0 || (supervision == Supervision::Unsupervised && found.uid() == own);
        // In a sticky folder nobody can replace what is another's.
        let sticky = found.is_dir() && found.mode() & 0o1000 != 0;
        let others_may_write = found.mode() & 0o022 != 0 && !(sticky && part != path);
        let relaxed = supervision == Supervision::Unsupervised && part != path;
        if !relaxed && (!trusted_owner || others_may_write) {
            return Err(ProgramsError::NotRoots(part.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A program folder as a package would lay it out.
    fn installed_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for program in ["gaggle-worker", "goose"] {
            fs::write(at(program), "").unwrap();
            fs::set_permissions(at(program), Permissions::from_mode(0o755)).unwrap();
        }
        symlink("gaggle-worker", at("goose-shell")).unwrap();
        fs::create_dir(at("goose-home")).unwrap();
        fs::create_dir_all(at("goose-config/goose")).unwrap();
        for text in ["goose-config/goose/config.yaml", "goose-config/goose/AGENTS.md"] {
            fs::write(at(text), "").unwrap();
            fs::set_permissions(at(text), Permissions::from_mode(0o644)).unwrap();
        }
        for folder in ["goose-home", "goose-config", "goose-config/goose"] {
            fs::set_permissions(at(folder), Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn check(folder: &Path) -> Result<Programs, ProgramsError> {
        let worker = folder.join("gaggle-worker");
        Programs::beside(&worker, &folder.join("goose"), Supervision::Unsupervised)
    }

    #[test]
    fn a_complete_installation_is_accepted() {
        let folder = installed_folder();
        let programs = check(folder.path()).unwrap();
        assert!(programs.shell.ends_with("goose-shell"));
    }

    #[test]
    fn a_program_that_was_replaced_is_looked_for_in_its_place() {
        let folder = installed_folder();
        let old = fs::File::open(folder.path().join("gaggle-worker")).unwrap();
        let link = PathBuf::from(format!("/proc/self/fd/{}", old.as_raw_fd()));
        let before = link.read_link().unwrap();
        assert_eq!(installed(&before), before);
        fs::write(folder.path().join("next"), "").unwrap();
        fs::set_permissions(folder.path().join("next"), Permissions::from_mode(0o755)).unwrap();
        fs::rename(folder.path().join("next"), folder.path().join("gaggle-worker")).unwrap();
        // The control: what the kernel says now leads nowhere.
        let named = link.read_link().unwrap();
        assert!(named.symlink_metadata().is_err());
        let found = installed(&named);
        assert_eq!(found, before);
        Programs::beside(&found, &folder.path().join("goose"), Supervision::Unsupervised).unwrap();
    }

    #[test]
    fn each_missing_piece_is_named() {
        for piece in [
            "goose-shell",
            "goose-home",
            "goose-config/goose/config.yaml",
            "goose-config/goose/AGENTS.md",
            "goose",
        ] {
            let folder = installed_folder();
            let path = folder.path().join(piece);
            if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
            let said = check(folder.path()).unwrap_err().to_string();
            assert!(said.contains(piece), "{said}");
        }
    }

    #[test]
    fn a_goose_that_was_copied_without_its_mode_is_named() {
        let folder = installed_folder();
        let goose = folder.path().join("goose");
        fs::set_permissions(&goose, Permissions::from_mode(0o644)).unwrap();
        let said = check(folder.path()).unwrap_err().to_string();
        assert!(said.contains("chmod 755") && said.contains("/goose "), "{said}");
    }

    #[test]
    fn a_program_that_others_may_write_is_refused() {
        let folder = installed_folder();
        fs::set_permissions(folder.path().join("goose"), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(check(folder.path()), Err(ProgramsError::NotRoots(_))));
    }

    #[test]
    fn anything_planted_in_gooses_home_is_refused() {
        let folder = installed_folder();
        fs::create_dir(folder.path().join("goose-home/.agents")).unwrap();
        assert!(matches!(check(folder.path()), Err(ProgramsError::NotEmpty(_))));
    }
}
