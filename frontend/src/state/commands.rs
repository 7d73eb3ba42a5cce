//! The commands people typed, each a row before it is obeyed.
//!
//! Trust: what a command changes is changed together with its row, so that after
//! a kill it is known whether it was obeyed, and it is not obeyed twice.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId};
use rusqlite::{Transaction, params};

use super::channels::insert_seen;
use super::threads::now;
use super::{SeenPost, State, StateError, row};

/// Answered commands are kept so long, in milliseconds: 30 days.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;

/// A post that is a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCommand {
    /// Whose.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// The post; recorded as seen in the same transaction.
    pub post: SeenPost,
}

/// A command that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedCommand {
    /// Whose.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// In which channel.
    pub channel: MattermostId,
    /// The post.
    pub post: MattermostId,
    /// It was obeyed, and this remains to be said.
    pub answer: Option<String>,
}

impl State {
    /// Records a command and its post as seen, both or neither. `false` if the
    /// post has a row already: then it must not be obeyed again.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_command(&self, command: NewCommand) -> Result<bool, StateError> {
        self.writer
            .call(move |t| {
                insert_seen(t, command.post)?;
                let inserted = t.execute(
                    "INSERT OR IGNORE INTO commands (post, user, thread, channel, opened_at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        command.post.post.as_str(),
                        command.user.as_str(),
                        command.thread.as_str(),
                        command.post.channel.as_str(),
                        now()
                    ],
                )?;
                Ok(inserted == 1)
            })
            .await
    }

    /// The command's answer is in its thread, or none is due. Commands that were
    /// answered 30 days ago are forgotten on the way.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn command_answered(&self, post: MattermostId) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                let now = now();
                t.execute(
                    "UPDATE commands SET answered_at = ?2, answer = NULL
                     WHERE post = ?1 AND answered_at IS NULL",
                    params![post.as_str(), now],
                )?;
                t.execute("DELETE FROM commands WHERE answered_at < ?1", [now - KEPT]).map(drop)
            })
            .await
    }

    /// The commands without an answer, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn unfinished_commands(&self) -> Result<Vec<UnfinishedCommand>, StateError> {
        self.writer
            .call(|t| {
                let sql = "SELECT post, user, thread, channel, answer FROM commands
                           WHERE answered_at IS NULL ORDER BY opened_at, post";
                t.prepare(sql)?
                    .query_map([], |found| {
                        Ok(UnfinishedCommand {
                            post: row::id(found, 0)?,
                            user: row::id(found, 1)?.into(),
                            thread: row::id(found, 2)?.into(),
                            channel: row::id(found, 3)?,
                            answer: found.get(4)?,
                        })
                    })?
                    .collect()
            })
            .await
    }
}

/// Notes the answer of a command that takes effect in this transaction. `false`
/// if it took effect before, or its row is gone: then nothing is to be changed.
pub(super) fn takes_effect(
    t: &Transaction<'_>,
    post: MattermostId,
    answer: &str,
) -> rusqlite::Result<bool> {
    let noted = t.execute(
        "UPDATE commands SET answer = ?2
         WHERE post = ?1 AND answer IS NULL AND answered_at IS NULL",
        params![post.as_str(), answer],
    )?;
    Ok(noted == 1)
}
