//! Turns that did not come to their end, and are run again because their person
//! says so.
//!
//! Trust: the caller knows who says so. What is answered again is the answer that
//! was cut short, so that two clicks on it make one turn.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use rusqlite::{OptionalExtension, params};

use super::threads::now;
use super::{State, StateError, row};

/// A turn that ended without its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedTurn {
    /// Whose.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// In which channel.
    pub channel: MattermostId,
    /// The question.
    pub question: MattermostId,
    /// Its last post.
    pub answer: MattermostId,
}

impl State {
    /// The turn that `post` asked for or answers, if it was cut short, failed or
    /// was stopped, and has a post.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn ended_turn(&self, post: MattermostId) -> Result<Option<EndedTurn>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT user, thread, channel, coalesce(repeats, post),
                           (SELECT post FROM answers WHERE answers.turn = turns.turn
                            ORDER BY position DESC LIMIT 1) AS last
                           FROM turns
                           WHERE (post = ?1 OR turn IN (SELECT turn FROM answers WHERE post = ?1))
                           AND outcome IN ('interrupted', 'failed', 'cancelled')
                           AND last IS NOT NULL
                           ORDER BY turn DESC LIMIT 1";
                t.query_row(sql, [post.as_str()], |found| {
                    Ok(EndedTurn {
                        user: row::id(found, 0)?.into(),
                        thread: row::id(found, 1)?.into(),
                        channel: row::id(found, 2)?,
                        question: row::id(found, 3)?,
                        answer: row::id(found, 4)?,
                    })
                })
                .optional()
            })
            .await
    }

    /// Opens a turn that runs it again. `None` if there is one already.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_repeat(&self, ended: EndedTurn) -> Result<Option<TurnId>, StateError> {
        self.writer
            .call(move |t| {
                let inserted = t.execute(
                    "INSERT OR IGNORE INTO turns (user, thread, channel, post, opened_at, repeats)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        ended.user.as_str(),
                        ended.thread.as_str(),
                        ended.channel.as_str(),
                        ended.answer.as_str(),
                        now(),
                        ended.question.as_str()
                    ],
                )?;
                let number = u64::try_from(t.last_insert_rowid()).ok();
                Ok(number.filter(|_| inserted == 1).map(TurnId))
            })
            .await
    }
}
