//! A person's Goose sessions, by the numbers that the person knows them by.
//!
//! Trust: a session is found by its person's own numbers alone. Goose's ids are
//! equal across people and reused; a new session of a known id takes its place.

use gaggle_ipc::session::History;
use gaggle_ipc::{GooseSession, MattermostId, MattermostUserId, ModelName, ThreadId, TurnId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::commands::takes_effect;
use super::conversations::{Opening, use_session, word};
use super::threads::now;
use super::{State, StateError, row};

/// Most sessions of one person that are remembered.
const KEPT: i64 = 500;

/// One Goose session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number for its person, from 1.
    pub number: u32,
    /// Where it was used last.
    pub thread: ThreadId,
    /// The post it began with.
    pub began: MattermostId,
    /// When it was used last, milliseconds since 1970 by the local clock.
    pub used_at: i64,
    /// It is what its thread goes on with.
    pub current: bool,
}

/// Goose has a session for a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whose.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// For which turn.
    pub turn: TurnId,
    /// Goose's id.
    pub session: GooseSession,
    /// What became of the turns before.
    pub history: History,
    /// The model it brought.
    pub model: Option<ModelName>,
}

/// A session that goes on in another thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOver {
    /// Whose.
    pub user: MattermostUserId,
    /// Which.
    pub number: u32,
    /// Where it was.
    pub from: ThreadId,
    /// Where it goes on.
    pub to: ThreadId,
}

impl State {
    /// Remembers the session that a turn is answered in.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn session_ready(&self, ready: Ready) -> Result<(), StateError> {
        self.writer.call(move |t| remember(t, &ready)).await
    }

    /// A person's sessions, the one used last first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn sessions(
        &self,
        user: MattermostUserId,
        limit: u32,
    ) -> Result<Vec<Session>, StateError> {
        self.writer
            .call(move |t| {
                let sql = format!("{SELECT} ORDER BY used_at DESC, number DESC LIMIT ?2");
                t.prepare_cached(&sql)?.query_map(params![user.as_str(), limit], read)?.collect()
            })
            .await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn session_numbered(
        &self,
        user: MattermostUserId,
        number: u32,
    ) -> Result<Option<Session>, StateError> {
        self.writer
            .call(move |t| {
                let sql = format!("{SELECT} AND number = ?2");
                let found = t.prepare_cached(&sql)?.query_row(params![user.as_str(), number], read);
                found.optional()
            })
            .await
    }

    /// The number of the session that the conversation goes on in.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn current_session(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Option<u32>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT number FROM sessions JOIN threads USING (user, session)
                           WHERE threads.user = ?1 AND threads.thread = ?2";
                t.prepare_cached(sql)?
                    .query_row([user.as_str(), thread.as_str()], |found| found.get(0))
                    .optional()
            })
            .await
    }

    /// The model that Goose takes there by itself, as far as it is known.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn usual_model(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Option<ModelName>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT usual_model FROM sessions JOIN threads USING (user, session)
                           WHERE threads.user = ?1 AND threads.thread = ?2";
                let found = t
                    .prepare_cached(sql)?
                    .query_row([user.as_str(), thread.as_str()], |found| row::model(found, 0));
                Ok(found.optional()?.flatten())
            })
            .await
    }

    /// Has a session go on in another thread, as the command `post` says; what
    /// was chosen for it goes with it. Its old thread begins anew.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn take_over(
        &self,
        post: MattermostId,
        over: TakeOver,
        answer: String,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                if takes_effect(t, post, &answer)? {
                    take_over(t, over)?;
                }
                Ok(())
            })
            .await
    }
}

const SELECT: &str = "SELECT number, thread, began, used_at, EXISTS (
    SELECT 1 FROM threads WHERE threads.user = sessions.user
        AND threads.thread = sessions.thread AND threads.session = sessions.session
) FROM sessions WHERE user = ?1";

fn read(found: &rusqlite::Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        number: found.get(0)?,
        thread: row::id(found, 1)?.into(),
        began: row::id(found, 2)?,
        used_at: found.get(3)?,
        current: found.get(4)?,
    })
}

fn remember(t: &Transaction<'_>, ready: &Ready) -> rusqlite::Result<()> {
    let (user, thread, now) = (ready.user.as_str(), ready.thread.as_str(), now());
    let session = ready.session.as_str();
    let new = ready.history != History::Resumed;
    let turn = row::number(ready.turn);
    let lost = (ready.history == History::Lost).then_some(turn);
    t.execute(
        "INSERT INTO threads (user, thread, session, used_at, anew, fresh)
         VALUES (?1, ?2, ?3, ?4, ?5, (SELECT turn FROM turns WHERE turn = ?6 AND opening = ?7))
         ON CONFLICT (user, thread) DO UPDATE SET session = excluded.session,
             used_at = excluded.used_at, anew = coalesce(excluded.anew, anew),
             fresh = coalesce(excluded.fresh, fresh)",
        params![user, thread, session, now, lost, turn, word(Opening::Anew)],
    )?;
    // It has begun: another try of the same turn goes on in it.
    t.execute("UPDATE turns SET opening = NULL WHERE turn = ?1", [row::number(ready.turn)])?;
    t.execute(
        "UPDATE conversations SET gone_on = NULL WHERE user = ?1 AND thread = ?2",
        [user, thread],
    )?;
    if new {
        t.execute("DELETE FROM sessions WHERE user = ?1 AND session = ?2", [user, session])?;
    }
    let known = t.execute(
        "UPDATE sessions SET thread = ?3, used_at = ?4 WHERE user = ?1 AND session = ?2",
        params![user, session, thread, now],
    )?;
    if known == 0 {
        insert(t, ready, now)?;
    }
    use_session(t, turn)
}

fn insert(t: &Transaction<'_>, ready: &Ready, now: i64) -> rusqlite::Result<()> {
    let user = ready.user.as_str();
    let new = ready.history != History::Resumed;
    let model = ready.model.as_ref().filter(|_| new).map(ModelName::as_str);
    t.execute(
        "INSERT INTO sessions (user, number, session, thread, began, used_at, usual_model)
         SELECT ?1, (SELECT coalesce(max(number), 0) + 1 FROM sessions WHERE user = ?1),
                ?2, ?3, coalesce((SELECT post FROM turns WHERE turn = ?4), ?3), ?5, ?6",
        params![
            user,
            ready.session.as_str(),
            ready.thread.as_str(),
            row::number(ready.turn),
            now,
            model
        ],
    )?;
    t.execute(
        "DELETE FROM sessions WHERE user = ?1 AND number NOT IN
         (SELECT number FROM sessions WHERE user = ?1 ORDER BY used_at DESC, number DESC LIMIT ?2)",
        params![user, KEPT],
    )?;
    Ok(())
}

fn take_over(t: &Transaction<'_>, over: TakeOver) -> rusqlite::Result<()> {
    let TakeOver { user, number, from, to } = over;
    let user = user.as_str();
    let now = now();
    t.execute(
        "INSERT OR REPLACE INTO threads (user, thread, session, used_at)
         SELECT user, ?3, session, ?4 FROM sessions WHERE user = ?1 AND number = ?2",
        params![user, number, to.as_str(), now],
    )?;
    let was_there = t.execute(
        "DELETE FROM threads WHERE user = ?1 AND thread = ?2 AND session =
         (SELECT session FROM sessions WHERE user = ?1 AND number = ?3) AND thread != ?4",
        params![user, from.as_str(), number, to.as_str()],
    )?;
    t.execute(
        "UPDATE sessions SET thread = ?3, used_at = ?4 WHERE user = ?1 AND number = ?2",
        params![user, number, to.as_str(), now],
    )?;
    t.execute(
        "INSERT INTO conversations (user, thread, mode, model, quiet, opening)
         SELECT ?1, ?3, mode, model, coalesce(quiet, 0), ?4 FROM (SELECT 1)
         LEFT JOIN conversations ON user = ?1 AND thread = ?2
         WHERE true
         ON CONFLICT DO UPDATE SET mode = excluded.mode, model = excluded.model,
         quiet = excluded.quiet, opening = excluded.opening, gone_on = NULL",
        params![user, from.as_str(), to.as_str(), word(Opening::TakenFrom(from))],
    )?;
    if was_there == 1 {
        t.execute(
            "INSERT INTO conversations (user, thread, opening, gone_on) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET opening = excluded.opening, gone_on = excluded.gone_on",
            params![user, from.as_str(), word(Opening::Anew), number],
        )?;
    }
    Ok(())
}
