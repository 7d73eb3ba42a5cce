//! Which Goose session continues which conversation.
//!
//! Trust: the key is the person and the root post, both Mattermost's ids. Goose's
//! own session ids are equal across people and are only ever a value here.

use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::{GooseSession, MattermostUserId, ThreadId};
use rusqlite::OptionalExtension;

use super::{State, StateError, row};

impl State {
    /// The Goose session of this person's conversation.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn session(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Option<GooseSession>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT session FROM threads WHERE user = ?1 AND thread = ?2";
                t.prepare_cached(sql)?
                    .query_row([user.as_str(), thread.as_str()], |found| {
                        row::goose_session(found, 0)
                    })
                    .optional()
            })
            .await
    }

    /// The bot answers this person in this thread, or they chose something for it.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn converses(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<bool, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT EXISTS (
                               SELECT 1 FROM threads WHERE user = ?1 AND thread = ?2
                           ) OR EXISTS (
                               SELECT 1 FROM conversations WHERE user = ?1 AND thread = ?2
                           )";
                t.prepare_cached(sql)?
                    .query_row([user.as_str(), thread.as_str()], |found| found.get(0))
            })
            .await
    }
}

/// Milliseconds since 1970 by the local clock: for housekeeping, never for
/// deciding what was read.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
