//! What must survive a kill: posts already seen, how far each channel was
//! read, Goose's session of each thread, what people chose there, and the ledger
//! of turns, of the questions in them, and of commands.
//!
//! Trust: the folder belongs to this process's account and nobody else may
//! write there; its content is ours. No message text is stored: a post can be
//! fetched again.

mod approvals;
mod channels;
mod commands;
mod conversations;
mod error;
mod files;
mod folder;
mod repeats;
mod row;
mod schema;
mod sessions;
mod threads;
mod told;
mod turns;
mod usage;
mod writer;

use std::path::Path;

pub use approvals::{ApprovalId, NewApproval, OpenApproval, Verdict};
pub use channels::{Anchor, Cursor, SeenPost};
pub use commands::{NewCommand, UnfinishedCommand};
pub use conversations::{Bearings, Change, Choice, Opening};
pub use error::StateError;
pub use files::DueFiles;
pub use repeats::EndedTurn;
pub use sessions::{Ready, Session, TakeOver};
pub use told::{ThreadTurn, Told};
pub use turns::{NewTurn, Outcome, UnfinishedTurn};
pub use usage::{Context, Spent, Total};

use writer::Writer;

/// Name of the database in the state folder.
pub const FILE: &str = "gaggle.sqlite";

/// The state. Clones share one writer thread; every method returns once its
/// change is on disk. Dropping a method's future does not undo its change.
#[derive(Debug, Clone)]
pub struct State {
    writer: Writer,
}

impl State {
    /// Opens the state in `folder`, making or migrating it. Blocks on the disk.
    /// One process at a time: the lock ends with the process, however it ends.
    ///
    /// # Errors
    /// [`StateError`]: the folder is not safe, another process holds the state,
    /// a newer Gaggle wrote it, or the disk fails.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        folder::check(folder)?;
        let file = folder.join(FILE);
        folder::make_private(&file)?;
        let connection = schema::open(&file)?;
        Ok(Self { writer: Writer::start(connection)? })
    }
}
