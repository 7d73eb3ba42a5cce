//! From what the system says to what is told.
//!
//! Trust: the kernel's answers.

use gaggle_ipc::files::FileRefusal;
use nix::errno::Errno;

use crate::folders::FolderError;

/// Why something about a file failed.
pub(super) fn of_errno(errno: Errno) -> FileRefusal {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => FileRefusal::Missing,
        // What `openat2` says to a link, and to a way out of the folder.
        Errno::ELOOP | Errno::EXDEV => FileRefusal::Link,
        // What a socket says to being opened.
        Errno::ENXIO | Errno::EISDIR => FileRefusal::NotFile,
        Errno::EACCES | Errno::EPERM | Errno::EROFS => FileRefusal::NotAllowed,
        Errno::EDQUOT => FileRefusal::Quota,
        Errno::ENOSPC => FileRefusal::NoSpace,
        Errno::EFBIG => FileRefusal::TooLarge,
        Errno::ENAMETOOLONG | Errno::EINVAL => FileRefusal::BadName,
        errno => FileRefusal::System(errno as i32),
    }
}

/// Why a folder of the thread's could not be opened or made.
pub(super) fn of_folder(error: &FolderError) -> FileRefusal {
    match error {
        // Whatever stands there is no folder of the account's: a link to one, mostly.
        FolderError::Way(_)
        | FolderError::Link(_)
        | FolderError::NotFolder(_)
        | FolderError::Owner(_) => FileRefusal::Link,
        FolderError::System { errno, .. } => of_errno(*errno),
    }
}

/// Why reading or writing failed.
pub(super) fn of_io(error: &std::io::Error) -> FileRefusal {
    error.raw_os_error().map_or(FileRefusal::Stopped, |raw| of_errno(Errno::from_raw(raw)))
}
