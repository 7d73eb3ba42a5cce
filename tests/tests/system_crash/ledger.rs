//! The frontend's ledger as it lies on the disk.
//!
//! Trust: the frontend holds its file for itself alone, so a copy is read. One
//! that was taken in the middle of a change does not open, and is taken again.

use anyhow::{Context, Result};
use gaggle_tests::lab::Lab;
use gaggle_tests::lab::spec::STATE;
use gaggle_tests::mattermost::Id;
use rusqlite::Connection;

const FILES: [&str; 2] = ["gaggle.sqlite", "gaggle.sqlite-wal"];
/// Copies that are tried before the file counts as broken.
const TRIES: usize = 50;

/// A turn.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The post that asks.
    pub(crate) post: String,
    /// Goose may have seen it.
    pub(crate) sent: bool,
    /// How it ended; absent while it has not.
    pub(crate) outcome: Option<String>,
    /// When it was opened, by the frontend's clock, in milliseconds since 1970.
    pub(crate) opened_at: i64,
}

/// All turns, in their order.
pub(crate) fn rows(lab: &Lab) -> Result<Vec<Row>> {
    let mut last = None;
    for _ in 0..TRIES {
        match read(lab) {
            Ok(rows) => return Ok(rows),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("not tried")?.context("the ledger cannot be read"))
}

/// The turn that this post asks for.
pub(crate) fn row(lab: &Lab, post: Id) -> Result<Option<Row>> {
    Ok(rows(lab)?.into_iter().find(|row| row.post == post.as_str()))
}

fn read(lab: &Lab) -> Result<Vec<Row>> {
    let copy = tempfile::tempdir()?;
    for name in FILES {
        let from = lab.namespace.seen(STATE).join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name))?;
        }
    }
    let ledger = Connection::open(copy.path().join(FILES[0]))?;
    let mut rows =
        ledger.prepare("SELECT post, sent, outcome, opened_at FROM turns ORDER BY turn")?;
    let rows = rows.query_map([], |row| {
        Ok(Row {
            post: row.get(0)?,
            sent: row.get(1)?,
            outcome: row.get(2)?,
            opened_at: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
