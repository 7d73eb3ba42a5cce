//! W3: the folders of the home that the sandbox's rules name.
//!
//! Trust: the home is the account's, and an earlier turn may have planted links
//! in it. Every step below the home goes through `openat2` without links and
//! is refused unless the account owns what is there. What is above the home is
//! judged by [`way`].

mod way;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use nix::unistd::geteuid;

/// Where the agent works, below the home.
pub(crate) const WORKSPACE: &str = "workspace";
/// Goose's conversations.
pub(crate) const GOOSE_DATA: &str = ".local/share/goose";
/// Goose's logs.
pub(crate) const GOOSE_STATE: &str = ".local/state/goose";
/// The worker's own; an agent of profile `workspace` has no right there.
pub(crate) const WORKER_STATE: &str = ".local/state/gaggle";
/// Caches of the agent's tools. Apart from the person's own: what an agent
/// leaves in a cache must not run at the person's next login.
pub(crate) const CACHE: &str = ".cache/gaggle";

/// Modes of folders made here.
const PRIVATE: Mode = Mode::S_IRWXU;

/// The home, held open.
#[derive(Debug)]
pub(crate) struct Home {
    folder: OwnedFd,
    path: PathBuf,
}

/// Why a folder is not fit for a rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// What is above the home.
    #[error(transparent)]
    Way(#[from] way::WayError),
    /// A link stands where a folder should.
    #[error("{0} is a link or leads over one; replace it with a folder")]
    Link(PathBuf),
    /// A folder belongs to somebody else.
    #[error("{0} does not belong to the account; chown it or move it away")]
    Owner(PathBuf),
    /// It is no folder.
    #[error("{0} is not a folder; move it away")]
    NotFolder(PathBuf),
    /// The system refused.
    #[error("{path} cannot be opened or made: {errno}")]
    System {
        /// Where.
        path: PathBuf,
        /// Its word.
        errno: Errno,
    },
}

impl Home {
    /// Opens the home at `path`, which root chose.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let home = Self { folder: way::walk(path)?, path: path.to_owned() };
        home.require_own(&home.folder, path)?;
        Ok(home)
    }

    /// The folder `relative` below the home, made (with its parents, mode 0700)
    /// where it is missing.
    ///
    /// # Errors
    /// [`FolderError`], above all for a link anywhere on the way.
    pub(crate) fn make(&self, relative: &str) -> Result<OwnedFd, FolderError> {
        let mut here = self.open_below(&self.folder, ".".as_ref(), &self.path)?;
        let mut path = self.path.clone();
        for component in Path::new(relative).components() {
            let Component::Normal(name) = component else { continue };
            path.push(name);
            match mkdirat(&here, name, PRIVATE) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(at(&path, errno)),
            }
            here = self.open_below(&here, name.as_ref(), &path)?;
        }
        Ok(here)
    }

    /// The folder at `path`, which stands below the home already.
    ///
    /// # Errors
    /// [`FolderError`]; `Link` also for a path that is not below the home.
    pub(crate) fn existing(&self, path: &Path) -> Result<OwnedFd, FolderError> {
        let relative =
            path.strip_prefix(&self.path).map_err(|_| FolderError::Link(path.to_owned()))?;
        self.open_below(&self.folder, relative, path)
    }

    /// The file at `path`, which stands below the home already.
    ///
    /// # Errors
    /// As [`Home::existing`].
    pub(crate) fn existing_file(&self, path: &Path) -> Result<OwnedFd, FolderError> {
        let relative =
            path.strip_prefix(&self.path).map_err(|_| FolderError::Link(path.to_owned()))?;
        self.open_as(OFlag::O_PATH, &self.folder, relative, path)
    }

    /// The home itself, for a rule.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(crate) fn itself(&self) -> Result<OwnedFd, FolderError> {
        self.open_below(&self.folder, ".".as_ref(), &self.path)
    }

    fn open_below(
        &self,
        parent: &OwnedFd,
        name: &Path,
        path: &Path,
    ) -> Result<OwnedFd, FolderError> {
        self.open_as(OFlag::O_PATH | OFlag::O_DIRECTORY, parent, name, path)
    }

    fn open_as(
        &self,
        kind: OFlag,
        parent: &OwnedFd,
        name: &Path,
        path: &Path,
    ) -> Result<OwnedFd, FolderError> {
        let how = OpenHow::new()
            .flags(kind | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
        let found = openat2(parent.as_fd(), name, how).map_err(|errno| at(path, errno))?;
        self.require_own(&found, path)?;
        Ok(found)
    }

    fn require_own(&self, folder: &OwnedFd, path: &Path) -> Result<(), FolderError> {
        let found = fstat(folder).map_err(|errno| at(path, errno))?;
        if found.st_uid == geteuid().as_raw() {
            Ok(())
        } else {
            Err(FolderError::Owner(path.to_owned()))
        }
    }
}

/// Opens an absolute path without following any link, for a rule.
///
/// # Errors
/// [`FolderError`].
pub(crate) fn open_without_links(path: &Path) -> Result<OwnedFd, FolderError> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(nix::fcntl::AT_FDCWD, path, how).map_err(|errno| at(path, errno))
}

/// Whether a description is of a folder.
pub(crate) fn is_folder(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

fn at(path: &Path, errno: Errno) -> FolderError {
    let path = path.to_owned();
    match errno {
        Errno::ELOOP | Errno::EXDEV => FolderError::Link(path),
        Errno::ENOTDIR => FolderError::NotFolder(path),
        errno => FolderError::System { path, errno },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        (folder, home)
    }

    #[test]
    fn missing_folders_are_made_private_and_found_again() {
        let (folder, home) = home();
        home.make(GOOSE_DATA).unwrap();
        home.make(GOOSE_DATA).unwrap();
        for made in [".local", ".local/share", GOOSE_DATA] {
            let mode = folder.path().join(made).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{made}");
        }
    }

    #[test]
    fn root_leaves_every_folder_that_is_made_writable() {
        let mut made = [WORKSPACE, CACHE, GOOSE_DATA, GOOSE_STATE, WORKER_STATE];
        let mut writable = gaggle_ipc::launch::HOME_FOLDERS.to_vec();
        made.sort_unstable();
        writable.sort_unstable();
        assert_eq!(writable, made);
    }

    #[test]
    fn a_planted_link_is_refused_wherever_it_stands() {
        for planted in [".local", ".local/share", ".local/share/goose"] {
            let (folder, home) = home();
            let elsewhere = tempfile::tempdir().unwrap();
            let link = folder.path().join(planted);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(elsewhere.path(), &link).unwrap();
            let refused = home.make(GOOSE_DATA);
            // O_DIRECTORY on a link may say "not a folder" first; both refuse.
            assert!(
                matches!(refused, Err(FolderError::Link(_) | FolderError::NotFolder(_))),
                "{planted}: {refused:?}"
            );
            assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
        }
    }

    #[test]
    fn a_file_in_the_way_is_refused() {
        let (folder, home) = home();
        std::fs::write(folder.path().join(WORKSPACE), "").unwrap();
        assert!(matches!(home.make(WORKSPACE), Err(FolderError::NotFolder(_))));
    }

    #[test]
    fn a_folder_of_another_account_is_refused() {
        if !geteuid().is_root() {
            // Without root no other account's folder can be put into a home of
            // one's own; `/` stands for it.
            assert!(matches!(Home::open(Path::new("/")), Err(FolderError::Owner(_))));
            return;
        }
        let (folder, home) = home();
        let path = folder.path().join(WORKSPACE);
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(matches!(home.make(WORKSPACE), Err(FolderError::Owner(_))));
    }

    #[test]
    fn a_path_over_a_link_is_not_opened_for_a_rule() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        symlink("/etc", real.join("link")).unwrap();
        assert!(matches!(open_without_links(&real.join("link/ssl")), Err(FolderError::Link(_))));
        assert!(open_without_links(&real).is_ok());
    }
}
