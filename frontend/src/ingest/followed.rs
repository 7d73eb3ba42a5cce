//! One channel as it is followed: how far it was read, and what is due.
//!
//! Trust: decisions here use the server's counters and times alone.

use std::collections::HashMap;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use tokio::time::Instant;

use super::trouble;
use crate::mattermost::Channel;
use crate::state::{Anchor, Cursor};

/// Posts may become visible so much later than newer ones, in milliseconds.
pub(super) const OVERLAP: i64 = 30_000;
/// A counter that no channel has: the channel is read at once.
const UNREAD: i64 = -1;
/// A channel is read once more so long after it changed last: a server that
/// reads from a copy of its database shows counters before posts.
const SETTLE: Duration = Duration::from_secs(10);

/// A channel that the bot is or was in.
#[derive(Debug)]
pub(super) struct Followed {
    /// As the last list had it; `None` until a list of this process has it.
    pub(super) channel: Option<Channel>,
    pub(super) cursor: Cursor,
    /// Posts above the floor that are done and were met by reading onward.
    read: HashMap<MattermostId, i64>,
    /// Posts above the floor that are done; of those before them some may be
    /// unread: a former process noted them, or they were pushed. `None` until
    /// loaded.
    known: Option<HashMap<MattermostId, i64>>,
    settle_at: Option<Instant>,
    failures: u32,
    retry_at: Option<Instant>,
}

impl Followed {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self {
            channel: None,
            cursor,
            read: HashMap::new(),
            known: None,
            settle_at: None,
            failures: 0,
            retry_at: None,
        }
    }

    /// A channel of the first list ever: what is there is history.
    pub(super) fn of_first_list(channel: &Channel) -> Cursor {
        Cursor {
            channel: channel.id,
            floor: channel.last_post_at,
            anchor: None,
            last_post_at: channel.last_post_at,
            total_msg_count: channel.total_msg_count,
        }
    }

    /// A channel that was not in the list before: what is older than that list
    /// is history.
    pub(super) fn appeared(channel: &Channel, listed_at: i64) -> Cursor {
        Cursor {
            channel: channel.id,
            floor: listed_at.saturating_sub(OVERLAP),
            anchor: None,
            last_post_at: UNREAD,
            total_msg_count: UNREAD,
        }
    }

    /// The list has the channel.
    pub(super) fn listed(&mut self, channel: Channel) {
        self.channel = Some(channel);
    }

    /// The list does not have it. Should it come back, what was written
    /// meanwhile is found by walking back, down to where the bot joined. Returns
    /// `true` the first time.
    pub(super) fn gone(&mut self) -> bool {
        self.channel = None;
        let before = self.cursor;
        self.cursor.anchor = None;
        self.cursor.last_post_at = UNREAD;
        self.cursor != before
    }

    fn changed(&self, channel: &Channel) -> bool {
        // Unequal, not greater: counters of a restored server go back.
        (channel.last_post_at, channel.total_msg_count)
            != (self.cursor.last_post_at, self.cursor.total_msg_count)
    }

    /// It has to be read now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let Some(channel) = &self.channel else {
            return false;
        };
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let waits = self.retry_at.is_some_and(|at| at > now);
        !waits && (self.changed(channel) || passed(self.settle_at) || passed(self.retry_at))
    }

    /// What a former process noted has to be loaded first.
    pub(super) fn is_loaded(&self) -> bool {
        self.known.is_some()
    }

    /// What a former process noted.
    pub(super) fn load(&mut self, seen: impl IntoIterator<Item = (MattermostId, i64)>) {
        self.known = Some(seen.into_iter().collect());
    }

    /// A post needs nothing more, or is history.
    pub(super) fn is_done(&self, post: MattermostId, create_at: i64) -> bool {
        let known = self.known.as_ref().is_some_and(|known| known.contains_key(&post));
        create_at <= self.cursor.floor || known || self.read.contains_key(&post)
    }

    /// A post that reading onward met needs nothing more.
    pub(super) fn mark_read(&mut self, post: MattermostId, create_at: i64) {
        self.known.get_or_insert_default().remove(&post);
        self.read.insert(post, create_at);
    }

    /// A post that was pushed needs nothing more. Those before it may be unread.
    pub(super) fn mark_pushed(&mut self, post: MattermostId, create_at: i64) {
        self.known.get_or_insert_default().insert(post, create_at);
    }

    /// All posts up to the newest one read were read: moves floor and anchor up,
    /// and says whether they moved.
    pub(super) fn advance(&mut self) -> bool {
        let before = (self.cursor.floor, self.cursor.anchor);
        let newest = self.read.values().max().copied().unwrap_or(i64::MIN);
        let floor = self.cursor.floor.max(newest.saturating_sub(OVERLAP));
        let anchor = self
            .read
            .iter()
            .filter(|(_, at)| **at <= floor)
            .max_by_key(|(post, at)| (**at, **post))
            .map(|(post, at)| Anchor { post: *post, create_at: *at });
        self.read.retain(|_, at| *at > floor);
        self.known.get_or_insert_default().retain(|_, at| *at > floor);
        self.cursor.floor = floor;
        self.cursor.anchor = anchor.or(self.cursor.anchor);
        (self.cursor.floor, self.cursor.anchor) != before
    }

    /// It was read whole, at the time when its counters were these.
    pub(super) fn was_read(&mut self, counters: (i64, i64)) {
        let changed = counters != (self.cursor.last_post_at, self.cursor.total_msg_count);
        (self.cursor.last_post_at, self.cursor.total_msg_count) = counters;
        self.settle_at = changed.then(|| Instant::now() + SETTLE);
        self.failures = 0;
        self.retry_at = None;
    }

    /// Reading it failed, and has to be tried again soon.
    pub(super) fn waits(&self) -> bool {
        self.channel.is_some() && self.retry_at.is_some()
    }

    /// Reading it failed; `true` the first time in a row.
    pub(super) fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(Instant::now() + trouble::pause(self.failures));
        self.failures == 1
    }
}
