//! The ledger: which post asks for something, what answers it, how it ended.
//!
//! Trust: a row exists before anything is done about the post, so that a kill at
//! any moment leaves a trace that says how far it came.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::channels::insert_seen;
use super::conversations::{begin_opening, opening_of};
use super::threads::now;
use super::{SeenPost, State, StateError, Told, row};

/// Ended turns are kept so long, in milliseconds: 90 days.
const KEPT: i64 = 90 * 24 * 60 * 60 * 1000;

/// A post that asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTurn {
    /// Who asks.
    pub user: MattermostUserId,
    /// In which conversation.
    pub thread: ThreadId,
    /// The post that asks; recorded as seen in the same transaction.
    pub post: SeenPost,
    /// It begins its conversation anew.
    pub anew: bool,
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

impl Outcome {
    /// The word in the database and in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// What the word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Complete, Self::Cancelled, Self::Interrupted, Self::Failed, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// A turn that has not ended.
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
    /// The post that it answers: the question, or the answer that it is to better.
    pub post: MattermostId,
    /// The question.
    pub question: MattermostId,
    /// Goose may have seen it.
    pub sent: bool,
    /// The posts that answer it, in the order they were noted.
    pub answers: Vec<MattermostId>,
}

impl State {
    /// Opens a turn and records its post as seen, both or neither. `None` if the
    /// post has a turn already, open or ended: then it must not be answered again.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_turn(&self, turn: NewTurn) -> Result<Option<TurnId>, StateError> {
        self.writer
            .call(move |t| {
                insert_seen(t, turn.post)?;
                let known = "SELECT EXISTS (SELECT 1 FROM turns WHERE post = ?1)";
                if t.query_row(known, [turn.post.post.as_str()], |row| row.get(0))? {
                    return Ok(None);
                }
                let opening = opening_of(t, &turn)?;
                t.execute(
                    "INSERT INTO turns (user, thread, channel, post, opened_at, opening)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        turn.user.as_str(),
                        turn.thread.as_str(),
                        turn.post.channel.as_str(),
                        turn.post.post.as_str(),
                        now(),
                        opening
                    ],
                )?;
                Ok(u64::try_from(t.last_insert_rowid()).ok().map(TurnId))
            })
            .await
    }

    /// Notes, before it is sent, that Goose may see the prompt from now on, and
    /// what it is told with it. What its conversation went on with is given up if it
    /// begins anew.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn turn_sent(&self, turn: TurnId, told: Told) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                begin_opening(t, turn)?;
                t.execute(
                    "UPDATE turns SET sent = 1, seen = ?2, instructions = ?3 WHERE turn = ?1",
                    params![row::number(turn), told.seen, told.instructions],
                )
                .map(drop)
            })
            .await
    }

    /// Notes a post that answers the turn. Noting it again changes nothing.
    ///
    /// # Errors
    /// [`StateError`]; also if there is no such turn.
    pub async fn turn_answer_post(
        &self,
        turn: TurnId,
        post: MattermostId,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "INSERT INTO answers (turn, post) VALUES (?1, ?2)
                     ON CONFLICT (turn, post) DO NOTHING",
                    params![row::number(turn), post.as_str()],
                )
                .map(drop)
            })
            .await
    }

    /// Ends the turn. A second end changes nothing. Turns that ended 90 days ago
    /// are forgotten on the way.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn end_turn(&self, turn: TurnId, outcome: Outcome) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                let now = now();
                t.execute(
                    "UPDATE turns SET outcome = ?2, ended_at = ?3
                     WHERE turn = ?1 AND outcome IS NULL",
                    params![row::number(turn), outcome.as_str(), now],
                )?;
                t.execute(
                    "DELETE FROM turns WHERE outcome IS NOT NULL AND ended_at < ?1",
                    [now - KEPT],
                )
                .map(drop)
            })
            .await
    }

    /// The turn that Goose may have seen last in the conversation before `turn`
    /// was cut short, or nobody knows.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn cut_short_before(&self, turn: TurnId) -> Result<bool, StateError> {
        self.writer
            .call(move |t| {
                let sql =
                    "SELECT last.outcome IS NULL OR last.outcome NOT IN ('complete', 'refused')
                           FROM turns last JOIN turns this USING (user, thread)
                           WHERE this.turn = ?1 AND last.turn < ?1 AND last.sent = 1
                           ORDER BY last.turn DESC LIMIT 1";
                let last = t.prepare_cached(sql)?.query_row([row::number(turn)], |r| r.get(0));
                Ok(last.optional()?.unwrap_or(false))
            })
            .await
    }

    /// The turns that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn unfinished_turns(&self) -> Result<Vec<UnfinishedTurn>, StateError> {
        self.writer
            .call(|t| {
                let sql = "SELECT turn, user, thread, channel, post, sent, repeats FROM turns
                           WHERE outcome IS NULL ORDER BY turn";
                t.prepare(sql)?.query_map([], |found| read_turn(t, found))?.collect()
            })
            .await
    }
}

fn read_turn(t: &Transaction<'_>, found: &rusqlite::Row<'_>) -> rusqlite::Result<UnfinishedTurn> {
    let turn = row::turn(found, 0)?;
    let answers = t
        .prepare_cached("SELECT post FROM answers WHERE turn = ?1 ORDER BY position")?
        .query_map([row::number(turn)], |found| row::id(found, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let post = row::id(found, 4)?;
    Ok(UnfinishedTurn {
        turn,
        user: row::id(found, 1)?.into(),
        thread: row::id(found, 2)?.into(),
        channel: row::id(found, 3)?,
        post,
        question: row::optional_id(found, 6)?.unwrap_or(post),
        sent: found.get(5)?,
        answers,
    })
}
