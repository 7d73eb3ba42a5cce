//! The tables, and how an older file becomes one of today.
//!
//! Trust: a file of a newer schema is refused rather than guessed at.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::StateError;

/// Step `n` turns schema `n` into schema `n + 1`. Steps are only ever added.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- How far each channel was read; times are the server's.
    CREATE TABLE channels (
        channel TEXT PRIMARY KEY,
        floor INTEGER NOT NULL,
        anchor TEXT,
        anchor_at INTEGER NOT NULL,
        last_post_at INTEGER NOT NULL,
        total_msg_count INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- Posts above their channel's floor that need nothing more.
    CREATE TABLE seen (
        post TEXT PRIMARY KEY,
        channel TEXT NOT NULL,
        create_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_by_channel ON seen (channel, create_at);
    CREATE TABLE threads (
        user TEXT NOT NULL,
        thread TEXT NOT NULL,
        session TEXT NOT NULL,
        used_at INTEGER NOT NULL,
        PRIMARY KEY (user, thread)
    ) STRICT, WITHOUT ROWID;
    -- The ledger. A number is never given out twice, so a late word of a worker
    -- cannot hit a newer turn.
    CREATE TABLE turns (
        turn INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT NOT NULL,
        thread TEXT NOT NULL,
        channel TEXT NOT NULL,
        post TEXT NOT NULL UNIQUE,
        opened_at INTEGER NOT NULL,
        sent INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        ended_at INTEGER
    ) STRICT;
    CREATE INDEX turns_unfinished ON turns (turn) WHERE outcome IS NULL;
    CREATE INDEX turns_ended ON turns (ended_at) WHERE outcome IS NOT NULL;
    CREATE TABLE answers (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        turn INTEGER NOT NULL REFERENCES turns (turn) ON DELETE CASCADE,
        post TEXT NOT NULL,
        UNIQUE (turn, post)
    ) STRICT;
    ",
    "
    CREATE INDEX turns_of_thread ON turns (user, thread, turn);
    ",
    "
    -- Questions whether a tool may run. Kept as long as their turn.
    CREATE TABLE approvals (
        approval INTEGER PRIMARY KEY AUTOINCREMENT,
        turn INTEGER NOT NULL REFERENCES turns (turn) ON DELETE CASCADE,
        user TEXT NOT NULL,
        tool TEXT NOT NULL,
        -- Where the command is shown.
        channel TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        decision TEXT,
        decided_at INTEGER
    ) STRICT;
    CREATE INDEX approvals_open ON approvals (approval) WHERE decision IS NULL;
    CREATE INDEX approvals_of_turn ON approvals (turn);
    CREATE INDEX approvals_of_user ON approvals (user);
    CREATE TABLE approval_posts (
        approval INTEGER NOT NULL REFERENCES approvals (approval) ON DELETE CASCADE,
        post TEXT NOT NULL,
        PRIMARY KEY (approval, post)
    ) STRICT, WITHOUT ROWID;
    ",
    "
    -- Of a turn that is run again: the question. Its `post` is the answer to the
    -- turn before, which can be followed by one more turn and no second.
    ALTER TABLE turns ADD COLUMN repeats TEXT;
    CREATE INDEX answers_by_post ON answers (post);
    ",
    "
    -- What Goose was told with a turn: the posts of its thread made until then
    -- (server's time), and the instructions with this fingerprint.
    ALTER TABLE turns ADD COLUMN seen INTEGER;
    ALTER TABLE turns ADD COLUMN instructions INTEGER;
    CREATE INDEX turns_by_thread ON turns (thread, turn);
    -- The turn at which Goose no longer had what was before.
    ALTER TABLE threads ADD COLUMN anew INTEGER;
    ",
    "
    -- What a person chose for a conversation, and how its next turn begins:
    -- 'new', or with the session of that other thread.
    CREATE TABLE conversations (
        user TEXT NOT NULL,
        thread TEXT NOT NULL,
        mode TEXT,
        model TEXT,
        quiet INTEGER NOT NULL DEFAULT 0,
        opening TEXT,
        -- The number of its session that goes on elsewhere, until that was told.
        gone_on INTEGER,
        PRIMARY KEY (user, thread)
    ) STRICT, WITHOUT ROWID;
    -- A person's Goose sessions, numbered for them.
    CREATE TABLE sessions (
        user TEXT NOT NULL,
        number INTEGER NOT NULL,
        session TEXT NOT NULL,
        -- Where it was used last.
        thread TEXT NOT NULL,
        -- The post it began with.
        began TEXT NOT NULL,
        used_at INTEGER NOT NULL,
        -- The model that Goose takes by itself.
        usual_model TEXT,
        context_used INTEGER,
        context_size INTEGER,
        PRIMARY KEY (user, number),
        UNIQUE (user, session)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO sessions (user, number, session, thread, began, used_at)
        SELECT user, row_number() OVER (PARTITION BY user ORDER BY max(used_at)),
               session, thread, thread, max(used_at)
        FROM threads GROUP BY user, session;
    ALTER TABLE turns ADD COLUMN opening TEXT;
    -- The turn with which its session began, where there were turns before it.
    ALTER TABLE threads ADD COLUMN fresh INTEGER;
    -- Commands, each before it is obeyed. With an answer its effect is on disk.
    CREATE TABLE commands (
        post TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        thread TEXT NOT NULL,
        channel TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        answer TEXT,
        answered_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX commands_unanswered ON commands (opened_at) WHERE answered_at IS NULL;
    CREATE INDEX commands_answered ON commands (answered_at) WHERE answered_at IS NOT NULL;
    -- What turns took, by day (UTC, days since 1970) and session (0: unknown).
    -- Costs are in billionths of their currency, which is empty where there are none.
    CREATE TABLE usage (
        user TEXT NOT NULL,
        day INTEGER NOT NULL,
        session INTEGER NOT NULL,
        currency TEXT NOT NULL,
        turns INTEGER NOT NULL,
        unreported INTEGER NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        PRIMARY KEY (user, day, session, currency)
    ) STRICT, WITHOUT ROWID;
    ",
    "
    -- The turn that used it last.
    ALTER TABLE sessions ADD COLUMN last_turn INTEGER;
    ",
    "
    -- The agent may have left files for the person that were not dealt with yet.
    ALTER TABLE turns ADD COLUMN files_due INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX turns_files_due ON turns (turn) WHERE files_due = 1;
    ",
];

/// Opens `file`, alone, and brings it to today's schema.
pub(super) fn open(file: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let in_use = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StateError::InUse { path: file.to_owned() }
        }
        _ => StateError::Database(error),
    };
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    // Two processes on one state would each answer every post. The lock has to
    // be exclusive before WAL begins, or the side files would be shared.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(in_use)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    migrate(&mut connection, file, in_use)?;
    Ok(connection)
}

fn migrate(
    connection: &mut Connection,
    file: &Path,
    in_use: impl Fn(rusqlite::Error) -> StateError,
) -> Result<(), StateError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_use)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= STEPS.len())
        .ok_or_else(|| StateError::Newer { path: file.to_owned(), found, known })?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_states_threads_are_sessions_with_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("older.sqlite");
        let older = Connection::open(&file).unwrap();
        let done = STEPS.iter().position(|step| step.contains("CREATE TABLE sessions")).unwrap();
        for step in &STEPS[..done] {
            older.execute_batch(step).unwrap();
        }
        older.pragma_update(None, "user_version", i64::try_from(done).unwrap()).unwrap();
        older
            .execute_batch(
                "INSERT INTO threads (user, thread, session, used_at) VALUES
                 ('a', 't', '20261120_1', 100), ('a', 'u', '20261120_2', 50),
                 ('b', 't', '20261120_1', 70);",
            )
            .unwrap();
        drop(older);
        let now = open(&file).unwrap();
        let sql = "SELECT user || number || session || thread FROM sessions ORDER BY 1";
        let mut found = now.prepare(sql).unwrap();
        let found: Vec<String> = found
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(found, ["a120261120_2u", "a220261120_1t", "b120261120_1t"]);
    }
}
