//! The folder the state lives in.
//!
//! Trust: none until owner and mode were looked at. Who may write there could
//! give a thread somebody else's session.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::StateError;

const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Makes the folder if it is missing, and refuses one that others may write in.
pub(super) fn check(folder: &Path) -> Result<(), StateError> {
    let failed = |cause| StateError::Folder { path: folder.to_owned(), cause };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // A link is refused with the rest: its target could be changed under us.
    let found = fs::symlink_metadata(folder).map_err(failed)?;
    if !found.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    let ours = found.uid() == nix::unistd::geteuid().as_raw();
    if !ours || found.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(StateError::NotPrivate { path: folder.to_owned() });
    }
    Ok(())
}

/// Makes `file` with mode 0600 if it is missing. SQLite gives its side files
/// the mode of the database, so this comes before SQLite opens it.
pub(super) fn make_private(file: &Path) -> Result<(), StateError> {
    let failed = |cause| StateError::Folder { path: file.to_owned(), cause };
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(file)
        .map_err(failed)?;
    // An older file, or one restored from a backup, may be wider.
    opened.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)
}
