//! What a person chose for a conversation, and how its next turn begins.
//!
//! Trust: a choice is the person's; whether the admin allows it is asked anew at
//! each turn, by whoever reads it here.

use gaggle_ipc::session::GooseMode;
use gaggle_ipc::{GooseSession, MattermostId, MattermostUserId, ModelName, ThreadId, TurnId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::commands::takes_effect;
use super::turns::NewTurn;
use super::{State, StateError, row};

/// The word for a conversation that begins anew.
const NEW: &str = "new";

/// A person's choices for one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// How Goose decides on tool calls.
    pub mode: Option<GooseMode>,
    /// Which model answers.
    pub model: Option<ModelName>,
    /// Nothing is shown between the first sign and the answer.
    pub quiet: bool,
}

/// How a turn begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Where the conversation's last turn ended.
    GoesOn,
    /// In a new Goose session.
    Anew,
    /// In a Goose session that another thread used until now.
    TakenFrom(ThreadId),
}

/// What a turn has to know before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearings {
    /// The Goose session that it goes on in.
    pub session: Option<GooseSession>,
    /// How it begins.
    pub opening: Opening,
    /// What the person chose.
    pub choice: Choice,
    /// The model of the session where nothing was chosen.
    pub usual_model: Option<ModelName>,
    /// The number of the session that was the conversation's, and goes on
    /// elsewhere.
    pub gone_on: Option<u32>,
    /// The turn that used the session last was cut short, or nobody knows.
    pub cut_short: bool,
}

/// What a command changes about a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The mode.
    Mode(GooseMode),
    /// The model; `None` is the usual one.
    Model(Option<ModelName>),
    /// Whether it is quiet.
    Quiet(bool),
    /// Its next turn begins anew.
    Anew,
}

impl State {
    /// The choices of this person for this conversation.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn choice(
        &self,
        user: MattermostUserId,
        thread: ThreadId,
    ) -> Result<Choice, StateError> {
        self.writer.call(move |t| choice(t, user, thread)).await
    }

    /// Changes something, as the command `post` says, and notes the command's
    /// answer; both or neither, and once.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn change(
        &self,
        post: MattermostId,
        (user, thread): (MattermostUserId, ThreadId),
        change: Change,
        answer: String,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                if takes_effect(t, post, &answer)? {
                    make_change(t, user, thread, &change)?;
                }
                Ok(())
            })
            .await
    }

    /// What `turn` has to know before it is sent.
    ///
    /// # Errors
    /// [`StateError`]; also if there is no such turn.
    pub async fn bearings(&self, turn: TurnId) -> Result<Bearings, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT turns.user, turns.thread, turns.opening, threads.session,
                           sessions.usual_model, conversations.gone_on,
                           coalesce(last.outcome NOT IN ('complete', 'refused'), 1)
                           FROM turns
                           LEFT JOIN threads USING (user, thread)
                           LEFT JOIN conversations USING (user, thread)
                           LEFT JOIN sessions ON sessions.user = turns.user
                               AND sessions.session = threads.session
                           LEFT JOIN turns last ON last.turn = sessions.last_turn
                           WHERE turns.turn = ?1";
                let mut found = t.prepare_cached(sql)?;
                let (user, thread, mut bearings) =
                    found.query_row([row::number(turn)], |found| {
                        let bearings = Bearings {
                            session: row::optional_goose_session(found, 3)?,
                            opening: opening(found, 2)?,
                            choice: Choice::default(),
                            usual_model: row::model(found, 4)?,
                            gone_on: found.get(5)?,
                            cut_short: found.get(6)?,
                        };
                        Ok((row::id(found, 0)?.into(), row::id(found, 1)?.into(), bearings))
                    })?;
                bearings.choice = choice(t, user, thread)?;
                if bearings.opening == Opening::Anew {
                    bearings.session = None;
                    bearings.usual_model = None;
                }
                Ok(bearings)
            })
            .await
    }
}

fn choice(
    t: &Transaction<'_>,
    user: MattermostUserId,
    thread: ThreadId,
) -> rusqlite::Result<Choice> {
    let sql = "SELECT mode, model, quiet FROM conversations WHERE user = ?1 AND thread = ?2";
    let found = t.prepare_cached(sql)?.query_row([user.as_str(), thread.as_str()], |found| {
        Ok(Choice {
            mode: row::mode(found, 0)?,
            model: row::model(found, 1)?,
            quiet: found.get(2)?,
        })
    });
    Ok(found.optional()?.unwrap_or_default())
}

fn make_change(
    t: &Transaction<'_>,
    user: MattermostUserId,
    thread: ThreadId,
    change: &Change,
) -> rusqlite::Result<()> {
    let (column, value) = match change {
        Change::Mode(mode) => ("mode", rusqlite::types::Value::from(mode.as_str().to_owned())),
        Change::Model(None) => ("model", rusqlite::types::Value::Null),
        Change::Model(Some(model)) => ("model", model.as_str().to_owned().into()),
        Change::Quiet(quiet) => ("quiet", (*quiet).into()),
        Change::Anew => ("opening", NEW.to_owned().into()),
    };
    t.execute(
        &format!(
            "INSERT INTO conversations (user, thread, {column}) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
        ),
        params![user.as_str(), thread.as_str(), value],
    )
    .map(drop)
}

/// How a new turn begins, as the database has it; from then on the turns of its
/// conversation go on.
pub(super) fn opening_of(t: &Transaction<'_>, turn: &NewTurn) -> rusqlite::Result<Option<String>> {
    let of_thread = [turn.user.as_str(), turn.thread.as_str()];
    let sql = "SELECT opening FROM conversations WHERE user = ?1 AND thread = ?2";
    let found = t.prepare_cached(sql)?.query_row(of_thread, |found| found.get(0)).optional()?;
    let found: Option<String> = found.flatten();
    if found.is_some() {
        let sql = "UPDATE conversations SET opening = NULL WHERE user = ?1 AND thread = ?2";
        t.execute(sql, of_thread)?;
    }
    if !turn.anew {
        return Ok(found);
    }
    // What its conversation had is given up when it is sent; it is one all the same.
    t.execute("INSERT OR IGNORE INTO conversations (user, thread) VALUES (?1, ?2)", of_thread)?;
    Ok(word(Opening::Anew))
}

/// A turn is about to be sent: what it does not go on with is gone from now on, and
/// of its thread Goose has nothing that was told before.
pub(super) fn begin_opening(t: &Transaction<'_>, turn: TurnId) -> rusqlite::Result<()> {
    let number = row::number(turn);
    t.execute(
        "DELETE FROM threads WHERE (user, thread) =
         (SELECT user, thread FROM turns WHERE turn = ?1 AND opening = ?2)",
        params![number, NEW],
    )?;
    t.execute(
        "UPDATE threads SET anew = 0, fresh = ?1 WHERE (user, thread) =
         (SELECT user, thread FROM turns WHERE turn = ?1 AND opening IS NOT NULL)",
        [number],
    )?;
    use_session(t, number)
}

/// The session that a turn's conversation goes on in was used by that turn.
pub(super) fn use_session(t: &Transaction<'_>, turn: i64) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE sessions SET last_turn = ?1 WHERE (user, session) =
         (SELECT user, session FROM threads JOIN turns USING (user, thread) WHERE turn = ?1)",
        [turn],
    )
    .map(drop)
}

/// The words for openings in the database.
pub(super) fn word(opening: Opening) -> Option<String> {
    match opening {
        Opening::GoesOn => None,
        Opening::Anew => Some(NEW.to_owned()),
        Opening::TakenFrom(thread) => Some(thread.as_str().to_owned()),
    }
}

fn opening(found: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Opening> {
    Ok(match found.get_ref(column)?.as_str_or_null()? {
        None => Opening::GoesOn,
        Some(NEW) => Opening::Anew,
        Some(_) => Opening::TakenFrom(row::id(found, column)?.into()),
    })
}
