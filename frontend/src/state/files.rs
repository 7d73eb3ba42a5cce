//! Turns whose agents left something in their outbox that was not dealt with yet.
//!
//! Trust: noted before the answer is shown, so that a kill in between leaves a trace.
//! What was sent the post that has it says.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use rusqlite::{Row, params};

use super::{State, StateError, row};

/// A turn with files for its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueFiles {
    /// Which.
    pub turn: TurnId,
    /// Who asked.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// In which channel.
    pub channel: MattermostId,
    /// The post that asked.
    pub post: MattermostId,
}

impl State {
    /// Notes that there may be files for the person in the turn's outbox.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn files_due(&self, turn: TurnId) -> Result<(), StateError> {
        self.set_files_due(turn, true).await
    }

    /// Notes that they were dealt with.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn files_settled(&self, turn: TurnId) -> Result<(), StateError> {
        self.set_files_due(turn, false).await
    }

    async fn set_files_due(&self, turn: TurnId, due: bool) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                let sql = "UPDATE turns SET files_due = ?2 WHERE turn = ?1";
                t.execute(sql, params![row::number(turn), due]).map(drop)
            })
            .await
    }

    /// Those of one conversation, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn due_files_of(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Vec<DueFiles>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT turn, user, thread, channel, post FROM turns
                           WHERE files_due = 1 AND user = ?1 AND thread = ?2 ORDER BY turn";
                let of = params![user.as_str(), thread.as_str()];
                t.prepare(sql)?.query_map(of, read)?.collect()
            })
            .await
    }

    /// All of them whose turn has ended, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn due_files(&self) -> Result<Vec<DueFiles>, StateError> {
        self.writer
            .call(|t| {
                let sql = "SELECT turn, user, thread, channel, post FROM turns
                           WHERE files_due = 1 AND outcome IS NOT NULL ORDER BY turn";
                t.prepare(sql)?.query_map([], read)?.collect()
            })
            .await
    }
}

fn read(found: &Row<'_>) -> rusqlite::Result<DueFiles> {
    Ok(DueFiles {
        turn: row::turn(found, 0)?,
        user: row::id(found, 1)?.into(),
        thread: row::id(found, 2)?.into(),
        channel: row::id(found, 3)?,
        post: row::id(found, 4)?,
    })
}
