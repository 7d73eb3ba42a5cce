//! Why the state is of no use.

use std::path::PathBuf;

/// A failure of the state, with what mends it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or the file in it is missing or unfit.
    #[error("{} cannot be used for the state: {cause}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Others could change what is in it.
    #[error(
        "{} belongs to another account or others may write there: chown it to the account of gaggle-frontend and chmod 0700 it", path.display()
    )]
    NotPrivate {
        /// Which.
        path: PathBuf,
    },
    /// Another process holds it.
    #[error("another gaggle-frontend uses {}: stop it first", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer Gaggle wrote it.
    #[error(
        "{} is of schema {found}, and this Gaggle knows schemas up to {known}: install the newer Gaggle again", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// SQLite failed.
    #[error("the state cannot be read or written: {0}")]
    Database(#[from] rusqlite::Error),
    /// The writer thread did not start.
    #[error("the state's writer cannot be started: {0}")]
    Thread(std::io::Error),
    /// The writer thread ended.
    #[error("the state's writer is gone: restart gaggle-frontend")]
    Gone,
}
