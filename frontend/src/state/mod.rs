//! What must survive a kill: posts already seen, how far each channel was
//! read, Goose's session of each thread, and the ledger of turns.
//!
//! Trust: the folder belongs to this process's account and nobody else may
//! write there; its content is ours. No message text is stored: a post can be
//! fetched again.

use std::path::{Path, PathBuf};

use gaggle_ipc::{GooseSession, MattermostId, MattermostUserId, ThreadId, TurnId};

/// The state. Clones share one writer thread; every method returns once its
/// change is on disk.
#[derive(Debug, Clone)]
pub struct State {}

/// Why the state is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder is missing or is none.
    #[error("the state folder {} cannot be used: {cause}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Others could change what is in it.
    #[error("others may write in the state folder {}: chmod 0700 it and chown it to gaggle", path.display())]
    Open {
        /// Which.
        path: PathBuf,
    },
    /// A newer Gaggle wrote it.
    #[error("the state is of schema {found}, this Gaggle knows up to {known}: install the newer one again, or move {} away", path.display())]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest one known here.
        known: i64,
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("the state cannot be read or written: {0}")]
    Database(#[from] rusqlite::Error),
    /// The writer thread ended.
    #[error("the state's writer is gone: restart gaggle-frontend")]
    Gone,
}

/// A post as the state remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPost {
    /// Which.
    pub post: MattermostId,
    /// Where.
    pub channel: MattermostId,
    /// When, milliseconds since 1970 by the server's clock.
    pub create_at: i64,
}

/// A post that asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTurn {
    /// Who asks.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// The post that asks; recorded as seen in the same transaction.
    pub post: SeenPost,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered.
    Complete,
    /// Stopped by the person or by a drain.
    Cancelled,
    /// Cut short by a crash; the thread says so.
    Interrupted,
    /// Failed; the thread says why.
    Failed,
    /// Not allowed; the person was told.
    Refused,
}

/// A turn that was open when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedTurn {
    /// Which.
    pub turn: TurnId,
    /// Who asked.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// In which channel.
    pub channel: MattermostId,
    /// The post that asks.
    pub post: MattermostId,
    /// Goose may have seen it.
    pub sent: bool,
    /// The posts that answer it, in the order they were noted.
    pub answers: Vec<MattermostId>,
}

#[allow(clippy::unused_async, missing_docs, clippy::missing_errors_doc)]
impl State {
    /// Opens the state in `folder`, making or migrating it. Blocks.
    pub fn open(_folder: &Path) -> Result<Self, StateError> {
        Err(StateError::Gone)
    }
    pub async fn seen(&self, _post: MattermostId) -> Result<bool, StateError> {
        Err(StateError::Gone)
    }
    pub async fn record_seen(&self, _post: SeenPost) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    pub async fn session(
        &self,
        _user: MattermostUserId,
        _thread: ThreadId,
    ) -> Result<Option<GooseSession>, StateError> {
        Err(StateError::Gone)
    }
    pub async fn remember_session(
        &self,
        _user: MattermostUserId,
        _thread: ThreadId,
        _session: GooseSession,
    ) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    pub async fn forget_session(
        &self,
        _user: MattermostUserId,
        _thread: ThreadId,
    ) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    pub async fn touch(
        &self,
        _user: MattermostUserId,
        _thread: ThreadId,
    ) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    /// `None`: this post has a turn already, open or ended.
    pub async fn open_turn(&self, _turn: NewTurn) -> Result<Option<TurnId>, StateError> {
        Err(StateError::Gone)
    }
    pub async fn turn_sent(&self, _turn: TurnId) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    pub async fn turn_answer_post(
        &self,
        _turn: TurnId,
        _post: MattermostId,
    ) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    pub async fn end_turn(&self, _turn: TurnId, _outcome: Outcome) -> Result<(), StateError> {
        Err(StateError::Gone)
    }
    /// Oldest first.
    pub async fn unfinished_turns(&self) -> Result<Vec<UnfinishedTurn>, StateError> {
        Err(StateError::Gone)
    }
}
