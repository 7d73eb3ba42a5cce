//! How far each channel was read, and the posts above that line that are done.
//!
//! Trust: all times here are the server's.

use gaggle_ipc::MattermostId;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{State, StateError, row};

/// A post as the state remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPost {
    /// Which.
    pub post: MattermostId,
    /// Where.
    pub channel: MattermostId,
    /// When, milliseconds since 1970 by the server's clock.
    pub create_at: i64,
}

/// A post that reading goes on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Which.
    pub post: MattermostId,
    /// When, milliseconds since 1970 by the server's clock.
    pub create_at: i64,
}

/// How far a channel was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which channel.
    pub channel: MattermostId,
    /// Posts made until then are done or history, whatever else is known.
    pub floor: i64,
    /// The newest known post at or below the floor.
    pub anchor: Option<Anchor>,
    /// The channel's counter when it was read last.
    pub last_post_at: i64,
    /// The channel's counter when it was read last.
    pub total_msg_count: i64,
}

/// Meta key: the bot whose channels these are.
const BOT: &str = "bot";
/// Meta key: how far the server's clock was at the last list of channels.
const LISTED_AT: &str = "listed_at";

impl State {
    /// The state is about this bot's channels. Those of another bot are
    /// forgotten; `true` if that happened.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn bind(&self, bot: MattermostId) -> Result<bool, StateError> {
        self.writer
            .call(move |t| {
                let before = meta(t, BOT)?;
                set_meta(t, BOT, bot.as_str())?;
                let other = before.is_some_and(|before| before != bot.as_str());
                if other {
                    t.execute("DELETE FROM channels", [])?;
                    t.execute("DELETE FROM seen", [])?;
                    t.execute("DELETE FROM meta WHERE key = ?1", [LISTED_AT])?;
                }
                Ok(other)
            })
            .await
    }

    /// The post needs nothing more.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn seen(&self, post: MattermostId) -> Result<bool, StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT EXISTS (SELECT 1 FROM seen WHERE post = ?1)
                           OR EXISTS (SELECT 1 FROM turns WHERE post = ?1)";
                t.query_row(sql, [post.as_str()], |row| row.get(0))
            })
            .await
    }

    /// Records that the post needs nothing more.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn record_seen(&self, post: SeenPost) -> Result<(), StateError> {
        self.writer.call(move |t| insert_seen(t, post)).await
    }

    /// Records that of several posts, all or none.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn record_all_seen(&self, posts: Vec<SeenPost>) -> Result<(), StateError> {
        self.writer.call(move |t| posts.iter().try_for_each(|post| insert_seen(t, *post))).await
    }

    /// The posts of a channel above its floor that need nothing more.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn seen_in(&self, channel: MattermostId) -> Result<Vec<SeenPost>, StateError> {
        self.writer
            .call(move |t| {
                t.prepare_cached("SELECT post, create_at FROM seen WHERE channel = ?1")?
                    .query_map([channel.as_str()], |found| {
                        Ok(SeenPost { post: row::id(found, 0)?, channel, create_at: found.get(1)? })
                    })?
                    .collect()
            })
            .await
    }

    /// The cursors of all channels ever read.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn cursors(&self) -> Result<Vec<Cursor>, StateError> {
        self.writer
            .call(|t| {
                let sql = "SELECT channel, floor, anchor, anchor_at, last_post_at,
                           total_msg_count FROM channels";
                t.prepare_cached(sql)?.query_map([], read_cursor)?.collect()
            })
            .await
    }

    /// Saves cursors, and drops the seen posts below their floors.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn save_cursors(&self, cursors: Vec<Cursor>) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                for cursor in &cursors {
                    save_cursor(t, cursor)?;
                }
                Ok(())
            })
            .await
    }

    /// How far the server's clock was, at least, when channels were listed last;
    /// `None` before the first list.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn listed_at(&self) -> Result<Option<i64>, StateError> {
        let text = self.writer.call(|t| meta(t, LISTED_AT)).await?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Records that, together with cursors of channels that came or went.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn record_listed(&self, at: i64, cursors: Vec<Cursor>) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                for cursor in &cursors {
                    save_cursor(t, cursor)?;
                }
                set_meta(t, LISTED_AT, &at.to_string())
            })
            .await
    }
}

pub(super) fn insert_seen(t: &Transaction<'_>, post: SeenPost) -> rusqlite::Result<()> {
    t.prepare_cached("INSERT OR IGNORE INTO seen (post, channel, create_at) VALUES (?1, ?2, ?3)")?
        .execute(params![post.post.as_str(), post.channel.as_str(), post.create_at])?;
    Ok(())
}

fn save_cursor(t: &Transaction<'_>, cursor: &Cursor) -> rusqlite::Result<()> {
    let anchor = cursor.anchor.as_ref();
    t.prepare_cached(
        "INSERT OR REPLACE INTO channels
         (channel, floor, anchor, anchor_at, last_post_at, total_msg_count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        cursor.channel.as_str(),
        cursor.floor,
        anchor.map(|anchor| anchor.post.as_str().to_owned()),
        anchor.map_or(0, |anchor| anchor.create_at),
        cursor.last_post_at,
        cursor.total_msg_count,
    ])?;
    // Only below the floor: a quiet channel's last post is read again however
    // old it is, and must still be known then.
    t.prepare_cached("DELETE FROM seen WHERE channel = ?1 AND create_at <= ?2")?
        .execute(params![cursor.channel.as_str(), cursor.floor])?;
    Ok(())
}

fn read_cursor(found: &rusqlite::Row<'_>) -> rusqlite::Result<Cursor> {
    let create_at = found.get(3)?;
    Ok(Cursor {
        channel: row::id(found, 0)?,
        floor: found.get(1)?,
        anchor: row::optional_id(found, 2)?.map(|post| Anchor { post, create_at }),
        last_post_at: found.get(4)?,
        total_msg_count: found.get(5)?,
    })
}

fn meta(t: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<String>> {
    t.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn set_meta(t: &Transaction<'_>, key: &str, value: &str) -> rusqlite::Result<()> {
    t.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
    Ok(())
}
