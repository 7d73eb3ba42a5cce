//! Which Goose session continues which conversation.
//!
//! Trust: the key is the person and the root post, both Mattermost's ids. Goose's
//! own session ids are equal across people and are only ever a value here.

use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::{GooseSession, MattermostUserId, ThreadId, TurnId};
use rusqlite::{OptionalExtension, params};

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

    /// Remembers it; `lost` names the turn at which what was before was gone.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn remember_session(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
        session: GooseSession,
        lost: Option<TurnId>,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "INSERT INTO threads (user, thread, session, used_at, anew)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (user, thread) DO UPDATE SET session = excluded.session,
                         used_at = excluded.used_at, anew = coalesce(excluded.anew, anew)",
                    params![
                        user.as_str(),
                        thread.as_str(),
                        session.as_str(),
                        now(),
                        lost.map(row::number)
                    ],
                )
                .map(drop)
            })
            .await
    }

    /// Forgets it: the conversation's next turn begins a new session.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn forget_session(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "DELETE FROM threads WHERE user = ?1 AND thread = ?2",
                    [user.as_str(), thread.as_str()],
                )
                .map(drop)
            })
            .await
    }

    /// Notes that the conversation was used just now.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn touch(&self, user: MattermostUserId, thread: ThreadId) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "UPDATE threads SET used_at = ?3 WHERE user = ?1 AND thread = ?2",
                    params![user.as_str(), thread.as_str(), now()],
                )
                .map(drop)
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
