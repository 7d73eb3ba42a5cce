//! What turns took: tokens and costs, by person, day and session.
//!
//! Trust: the numbers are the worker's word, and bounded. What was not reported
//! is counted as such and never as nothing.

use std::collections::BTreeMap;

use gaggle_ipc::{MattermostUserId, ThreadId, TurnId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::threads::now;
use super::{State, StateError, row};

/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Days that are kept.
const KEPT: i64 = 400;
/// Most that one turn can count for, whatever a worker says: sums of it do not
/// overflow in a thousand years.
const MOST: u64 = 1_000_000_000_000;

/// What one turn took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens that went in.
    pub input: u64,
    /// Tokens that came out.
    pub output: u64,
    /// In billionths of a currency.
    pub cost: Option<(String, u64)>,
}

/// How full a session's context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Tokens in it.
    pub used: u64,
    /// Tokens that fit.
    pub size: u64,
}

/// What several turns took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub turns: u64,
    /// How many of them said nothing of what they took.
    pub unreported: u64,
    /// Tokens that went in.
    pub input: u64,
    /// Tokens that came out.
    pub output: u64,
    /// In billionths, by currency.
    pub costs: BTreeMap<String, u64>,
}

impl State {
    /// Adds what a turn took, `None` if that was not reported, and how full the
    /// context is now.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn record_usage(
        &self,
        turn: TurnId,
        spent: Option<Spent>,
        context: Option<Context>,
    ) -> Result<(), StateError> {
        self.writer.call(move |t| record(t, turn, spent.as_ref(), context, now() / DAY)).await
    }

    /// What the conversation's present session took, and how full its context
    /// is; `None` if it has no session.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn usage_of_conversation(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Option<(Total, Option<Context>)>, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT number, context_used, context_size FROM sessions
                           JOIN threads USING (user, session)
                           WHERE threads.user = ?1 AND threads.thread = ?2";
                let of_thread = [user.as_str(), thread.as_str()];
                let found = t.prepare_cached(sql)?.query_row(of_thread, |found| {
                    let (used, size): (Option<i64>, Option<i64>) = (found.get(1)?, found.get(2)?);
                    let context = used.zip(size).map(|(used, size)| Context {
                        used: used.unsigned_abs(),
                        size: size.unsigned_abs(),
                    });
                    Ok((found.get::<_, i64>(0)?, context))
                });
                let Some((number, context)) = found.optional()? else { return Ok(None) };
                let of_session = total(t, "session = ?2", user, number)?;
                Ok(Some((of_session, context)))
            })
            .await
    }

    /// What a person's turns of the last `days` days took, today included.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn usage_of_person(
        &self,
        user: MattermostUserId,
        days: u16,
    ) -> Result<Total, StateError> {
        self.writer.call(move |t| total(t, "day > ?2", user, now() / DAY - i64::from(days))).await
    }
}

fn record(
    t: &Transaction<'_>,
    turn: TurnId,
    spent: Option<&Spent>,
    context: Option<Context>,
    today: i64,
) -> rusqlite::Result<()> {
    let sql = "SELECT turns.user, coalesce(sessions.number, 0) FROM turns
               LEFT JOIN threads USING (user, thread)
               LEFT JOIN sessions ON sessions.user = turns.user
                   AND sessions.session = threads.session
               WHERE turn = ?1";
    let whose = t.prepare_cached(sql)?.query_row([row::number(turn)], |found| {
        Ok((found.get::<_, String>(0)?, found.get::<_, i64>(1)?))
    });
    let Some((user, session)) = whose.optional()? else { return Ok(()) };
    let (input, output) = spent.map_or((0, 0), |spent| (spent.input, spent.output));
    let (currency, cost) = spent.and_then(|spent| spent.cost.clone()).unwrap_or_default();
    t.execute(
        "INSERT INTO usage (user, day, session, currency, turns, unreported, input, output, cost)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET turns = turns + 1, unreported = unreported + excluded.unreported,
         input = input + excluded.input, output = output + excluded.output,
         cost = cost + excluded.cost",
        params![
            user,
            today,
            session,
            currency,
            spent.is_none(),
            bounded(input),
            bounded(output),
            bounded(cost)
        ],
    )?;
    t.execute("DELETE FROM usage WHERE day < ?1", [today - KEPT])?;
    if let Some(context) = context {
        t.execute(
            "UPDATE sessions SET context_used = ?3, context_size = ?4
             WHERE user = ?1 AND number = ?2",
            params![user, session, bounded(context.used), bounded(context.size)],
        )?;
    }
    Ok(())
}

fn bounded(number: u64) -> i64 {
    i64::try_from(number.min(MOST)).unwrap_or(0)
}

fn total(
    t: &Transaction<'_>,
    which: &str,
    user: MattermostUserId,
    value: i64,
) -> rusqlite::Result<Total> {
    let sql = format!(
        "SELECT currency, sum(turns), sum(unreported), sum(input), sum(output), sum(cost)
         FROM usage WHERE user = ?1 AND {which} GROUP BY currency"
    );
    let mut all = Total::default();
    let mut rows = t.prepare_cached(&sql)?;
    let mut rows = rows.query(params![user.as_str(), value])?;
    while let Some(found) = rows.next()? {
        let number = |column| found.get::<_, i64>(column).map(i64::unsigned_abs);
        all.turns += number(1)?;
        all.unreported += number(2)?;
        all.input += number(3)?;
        all.output += number(4)?;
        let currency: String = found.get(0)?;
        if !currency.is_empty() {
            all.costs.insert(currency, number(5)?);
        }
    }
    Ok(all)
}
