//! W3: the way from `/` to the home.
//!
//! Trust: root and the account itself. Whoever else could rename a folder above
//! the home could put a home of their own making in its place.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::geteuid;

/// More links than any honest way to a home has.
const MAX_LINKS: usize = 8;

const FOLDER: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Why a way is not safe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WayError {
    /// Somebody else could exchange what is below.
    #[error("{0} is another account's, or others may write in it; chown it to root, or chmod go-w")]
    Foreign(PathBuf),
    /// A link of somebody else's, or too many of them.
    #[error("{0} is a link that is not root's, or one too many; set the account's real home")]
    Link(PathBuf),
    /// The system refused.
    #[error("{path} cannot be opened: {errno}")]
    System {
        /// Where.
        path: PathBuf,
        /// Its word.
        errno: Errno,
    },
}

/// Walks to the absolute `path`, step by step on descriptors. A link is followed
/// only where root made it: admins keep homes behind links.
///
/// # Errors
/// [`WayError`] that names the first step that is not safe.
pub(crate) fn walk(path: &Path) -> Result<OwnedFd, WayError> {
    let mut left: VecDeque<OsString> = names(path);
    let mut links = 0;
    let mut walked = PathBuf::from("/");
    let root = || open("/", FOLDER, Mode::empty()).map_err(|errno| at(Path::new("/"), errno));
    let mut here = root()?;
    while let Some(name) = left.pop_front() {
        // The folder that is left behind: who may rename what is in it?
        require_safe(&here, &walked)?;
        let next = walked.join(&name);
        match step(&here, &name).map_err(|errno| at(&next, errno))? {
            Step::Folder(folder) => {
                (here, walked) = (folder, next);
            }
            Step::Link(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(WayError::Link(next));
                }
                if target.is_absolute() {
                    (here, walked) = (root()?, PathBuf::from("/"));
                }
                for name in names(&target).into_iter().rev() {
                    left.push_front(name);
                }
            }
            Step::ForeignLink => return Err(WayError::Link(next)),
        }
    }
    Ok(here)
}

enum Step {
    Folder(OwnedFd),
    Link(PathBuf),
    ForeignLink,
}

fn step(here: &OwnedFd, name: &OsStr) -> Result<Step, Errno> {
    match openat(here, name, FOLDER | OFlag::O_NOFOLLOW, Mode::empty()) {
        Ok(folder) => return Ok(Step::Folder(folder)),
        // What a link says to that.
        Err(Errno::ENOTDIR | Errno::ELOOP) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let link = openat(here, name, flags, Mode::empty())?;
    let about = fstat(&link)?;
    if SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Err(Errno::ENOTDIR);
    }
    if about.st_uid != 0 {
        return Ok(Step::ForeignLink);
    }
    Ok(Step::Link(readlinkat(&link, "")?.into()))
}

/// `..` stays in: the walk goes up by descriptor, and judges where it comes to.
fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

fn require_safe(folder: &impl AsFd, path: &Path) -> Result<(), WayError> {
    let about = fstat(folder).map_err(|errno| at(path, errno))?;
    if is_safe(&about, geteuid().as_raw()) {
        Ok(())
    } else {
        Err(WayError::Foreign(path.to_owned()))
    }
}

/// Nobody but root and the account can exchange what is in this folder.
fn is_safe(about: &FileStat, own: u32) -> bool {
    let owned = about.st_uid == 0 || about.st_uid == own;
    // In root's sticky folder nobody can rename what is another's.
    let sticky = about.st_uid == 0 && about.st_mode & 0o1000 != 0;
    owned && (about.st_mode & 0o022 == 0 || sticky)
}

fn at(path: &Path, errno: Errno) -> WayError {
    WayError::System { path: path.to_owned(), errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A home two folders deep in a temporary one.
    fn home() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap().join("people/alice");
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(home.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
        (folder, home)
    }

    #[test]
    fn a_way_of_ones_own_is_walked() {
        let (_folder, home) = home();
        walk(&home).unwrap();
        walk(Path::new("/")).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_is_named() {
        for mode in [0o775, 0o757, 0o777] {
            let (_folder, home) = home();
            let parent = home.parent().unwrap();
            fs::set_permissions(parent, Permissions::from_mode(mode)).unwrap();
            let Err(WayError::Foreign(named)) = walk(&home) else { panic!("{mode:o}") };
            assert_eq!(named, parent);
        }
    }

    #[test]
    fn a_missing_folder_and_a_file_in_the_way_are_named() {
        let (_folder, home) = home();
        fs::write(home.join("file"), "").unwrap();
        for (name, errno) in [("none/x", Errno::ENOENT), ("file/x", Errno::ENOTDIR)] {
            let Err(WayError::System { path, errno: said }) = walk(&home.join(name)) else {
                panic!("{name}")
            };
            assert_eq!((path, said), (home.join(name).parent().unwrap().to_owned(), errno));
        }
    }

    #[test]
    fn a_link_counts_as_its_owner_does() {
        let (folder, home) = home();
        let link = folder.path().join("link");
        symlink("people/../people", &link).unwrap();
        let found = walk(&link.join("alice"));
        if geteuid().is_root() {
            let same = |fd: &OwnedFd| fstat(fd).unwrap().st_ino;
            assert_eq!(same(&found.unwrap()), same(&walk(&home).unwrap()));
            std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
            assert!(matches!(walk(&link.join("alice")), Err(WayError::Link(_))));
        } else {
            assert!(matches!(found, Err(WayError::Link(_))));
        }
    }

    #[test]
    fn links_in_a_circle_end() {
        // For who is not root already the first of them is somebody else's.
        let (folder, _) = home();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(matches!(walk(&folder.path().join("a")), Err(WayError::Link(_))));
    }
}
