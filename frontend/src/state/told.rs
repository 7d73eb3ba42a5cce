//! What Goose has been told of a thread beside the prompts themselves.
//!
//! Trust: a turn counts once it was answered. The words of one that was not may
//! have been cut out of Goose's session, so they are told again.

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use rusqlite::{OptionalExtension, params};

use super::{State, StateError, row};

/// Most turns of a thread that are looked at, the newest.
const MOST: u32 = 2_000;

/// What Goose knows of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// The posts made until then; milliseconds since 1970 by the server's clock.
    /// `None`: none of them.
    pub seen: Option<i64>,
    /// The fingerprint of the instructions it goes by.
    pub instructions: Option<i64>,
    /// It knows nothing of the turns before this one.
    pub anew: Option<TurnId>,
}

/// A turn of anybody in a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadTurn {
    /// Which.
    pub turn: TurnId,
    /// Whose.
    pub user: MattermostUserId,
    /// The post that asked.
    pub post: MattermostId,
    /// Goose may have seen it.
    pub sent: bool,
    /// It is over.
    pub ended: bool,
}

impl State {
    /// What Goose was told in a conversation, by the turns it answered.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn told(&self, user: MattermostUserId, thread: ThreadId) -> Result<Told, StateError> {
        self.writer
            .call(move |t| {
                let of = [user.as_str(), thread.as_str()];
                let sql = "SELECT anew, fresh FROM threads WHERE user = ?1 AND thread = ?2";
                let found = t
                    .prepare_cached(sql)?
                    .query_row(of, |found| Ok((found.get(0)?, found.get(1)?)))
                    .optional()?;
                let (anew, fresh): (Option<i64>, Option<i64>) = found.unwrap_or_default();
                // A turn at which everything was gone had only what came with it; one
                // that knew so counts.
                let after = match fresh {
                    Some(fresh) if anew.is_none_or(|anew| anew <= fresh) => fresh - 1,
                    _ => anew.unwrap_or(0),
                };
                let answered = "FROM turns WHERE user = ?1 AND thread = ?2
                                AND outcome = 'complete' AND turn > ?3";
                let seen = format!("SELECT max(seen) {answered}");
                let last = format!("SELECT instructions {answered} ORDER BY turn DESC LIMIT 1");
                let of = params![user.as_str(), thread.as_str(), after];
                let mut seen: Option<i64> =
                    t.prepare_cached(&seen)?.query_row(of, |found| found.get(0))?;
                if let (None, None, Some(fresh)) = (seen, anew, fresh) {
                    // Whoever began anew does not get back what was before, whatever
                    // became of that turn.
                    seen = t
                        .prepare_cached("SELECT seen FROM turns WHERE turn = ?1")?
                        .query_row([fresh], |found| found.get(0))
                        .optional()?
                        .flatten();
                }
                Ok(Told {
                    seen,
                    instructions: t
                        .prepare_cached(&last)?
                        .query_row(of, |found| found.get(0))
                        .optional()?
                        .flatten(),
                    anew: anew.and_then(|turn| u64::try_from(turn).ok()).map(TurnId),
                })
            })
            .await
    }

    /// The turns of everybody in a thread, oldest first; the newest two thousand.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn thread_turns(&self, thread: ThreadId) -> Result<Vec<ThreadTurn>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT turn, user, post, sent, outcome IS NOT NULL FROM turns
                           WHERE thread = ?1 ORDER BY turn DESC LIMIT ?2";
                let mut turns: Vec<ThreadTurn> = t
                    .prepare_cached(sql)?
                    .query_map(params![thread.as_str(), MOST], |found| {
                        Ok(ThreadTurn {
                            turn: row::turn(found, 0)?,
                            user: row::id(found, 1)?.into(),
                            post: row::id(found, 2)?,
                            sent: found.get(3)?,
                            ended: found.get(4)?,
                        })
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                turns.reverse();
                Ok(turns)
            })
            .await
    }
}
