//! Ids in rows of the database.
//!
//! Trust: what stands there is parsed again; a damaged row is an error and not
//! an id.

use gaggle_ipc::session::GooseMode;
use gaggle_ipc::{GooseSession, MattermostId, ModelName, TurnId};
use rusqlite::Row;
use rusqlite::types::Type;

fn damaged(column: usize, error: gaggle_ipc::InvalidId) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<MattermostId> {
    MattermostId::new(row.get_ref(column)?.as_str()?).map_err(|error| damaged(column, error))
}

pub(super) fn optional_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<MattermostId>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => MattermostId::new(text).map(Some).map_err(|error| damaged(column, error)),
    }
}

pub(super) fn goose_session(row: &Row<'_>, column: usize) -> rusqlite::Result<GooseSession> {
    GooseSession::new(row.get_ref(column)?.as_str()?).map_err(|error| damaged(column, error))
}

pub(super) fn optional_goose_session(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<GooseSession>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(_) => goose_session(row, column).map(Some),
    }
}

pub(super) fn model(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ModelName>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => ModelName::new(text).map(Some).map_err(|error| damaged(column, error)),
    }
}

/// A mode that nobody knows is an error: taken for none it would loosen what
/// somebody chose.
pub(super) fn mode(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<GooseMode>> {
    let Some(word) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let unknown = || {
        let error = format!("no mode of Goose's: {word}");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    };
    GooseMode::parse(word).map(Some).ok_or_else(unknown)
}

pub(super) fn turn(row: &Row<'_>, column: usize) -> rusqlite::Result<TurnId> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map(TurnId)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// SQLite counts up to `i64::MAX`; a turn beyond it was never given out.
pub(super) fn number(turn: TurnId) -> i64 {
    i64::try_from(turn.0).unwrap_or(-1)
}
