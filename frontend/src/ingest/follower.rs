//! Follows all channels: which are there, which changed, which failed.
//!
//! Trust: a list counts only if it is whole. A channel that is missing in it is
//! left alone but not forgotten.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gaggle_ipc::MattermostId;
use tokio::time::Instant;

use super::channel_reader::Unread;
use super::followed::Followed;
use super::trouble::{self, Kind, Trouble};
use super::{Ingest, IngestError, Intake};
use crate::mattermost::{ChannelList, Error, Post};

/// A list without the server's tag at least so often: the tag does not see
/// posts that were committed late.
const FRESH_EVERY: Duration = Duration::from_secs(15);
/// The time of the last list is written down so often, in milliseconds.
const NOTE_EVERY: i64 = 60_000;
/// Channels read at once.
const AT_ONCE: usize = 8;

/// All channels of the bot.
#[derive(Debug)]
pub(super) struct Follower<'a, I> {
    ingest: Ingest,
    intake: &'a I,
    channels: HashMap<MattermostId, Followed>,
    /// The newest time of the server's that lists showed: a clock that is never
    /// ahead of the server's. `None` before the first list ever.
    listed_at: Option<i64>,
    noted_at: i64,
    fresh_at: Option<Instant>,
    trouble: Trouble,
}

impl<'a, I: Intake> Follower<'a, I> {
    /// Takes up where the last process ended.
    pub(super) async fn start(ingest: Ingest, intake: &'a I) -> Result<Self, IngestError> {
        if ingest.state.bind(ingest.me).await? {
            tracing::warn!(bot = %ingest.me, "the token is another bot's: its channels are new, and their history is not answered");
        }
        let cursors = ingest.state.cursors().await?;
        let listed_at = ingest.state.listed_at().await?;
        Ok(Self {
            intake,
            channels: cursors
                .into_iter()
                .map(|cursor| (cursor.channel, Followed::new(cursor)))
                .collect(),
            listed_at,
            noted_at: listed_at.unwrap_or(i64::MIN),
            fresh_at: None,
            trouble: Trouble::default(),
            ingest,
        })
    }

    /// Looks once. `Some` is how long to wait because the server is in trouble.
    pub(super) async fn look(&mut self, fresh: bool) -> Result<Option<Duration>, IngestError> {
        let fresh = fresh || self.fresh_at.is_none_or(|at| at.elapsed() >= FRESH_EVERY);
        match self.ingest.client.channels(fresh).await {
            Ok(list) => {
                if fresh {
                    self.fresh_at = Some(Instant::now());
                }
                if let Some(list) = list {
                    self.take_list(list).await?;
                }
            }
            Err(error) => return self.in_trouble(error).await.map(Some),
        }
        match self.read_due().await? {
            None => self.trouble.over(),
            Some(error) if trouble::kind(&error) == Kind::Token => {
                return self.in_trouble(error).await.map(Some);
            }
            // Each channel waits by itself; the others go on.
            Some(error) => drop(self.trouble.failed(&error)),
        }
        Ok(None)
    }

    /// Takes a post that was pushed; `false` if a look has to find it.
    pub(super) async fn take(&mut self, post: Post) -> Result<bool, IngestError> {
        let Some(one) = self.channels.get_mut(&post.channel) else {
            return Ok(false);
        };
        let taken = self.ingest.reader(self.intake).take(one, post).await;
        match taken {
            Ok(taken) => Ok(taken),
            Err(unread) => note(one, unread).map(|_| false),
        }
    }

    /// A channel waits for the next look.
    pub(super) fn hurries(&self) -> bool {
        self.channels.values().any(Followed::waits)
    }

    /// Decides whether an error is the end.
    async fn in_trouble(&mut self, error: Error) -> Result<Duration, IngestError> {
        // A proxy may answer 401 once; the token is bad if it is so again.
        if trouble::kind(&error) == Kind::Token
            && let Err(error @ Error::Unauthorized) = self.ingest.client.me().await
        {
            return Err(error.into());
        }
        Ok(self.trouble.failed(&error))
    }

    async fn take_list(&mut self, list: ChannelList) -> Result<(), IngestError> {
        if list.skipped > 0 {
            tracing::warn!(skipped = list.skipped, "the server named channels of an unknown sort");
        }
        let times = list.channels.iter();
        let newest = times.map(|channel| channel.last_post_at.max(channel.create_at));
        let now = newest.max().unwrap_or(0);
        let before = self.listed_at;
        let here: HashSet<MattermostId> = list.channels.iter().map(|one| one.id).collect();
        let mut changed = Vec::new();
        for channel in list.channels {
            let followed = self.channels.entry(channel.id).or_insert_with(|| {
                let cursor = match before {
                    None => Followed::of_first_list(&channel),
                    Some(before) => Followed::appeared(&channel, before),
                };
                changed.push(cursor);
                Followed::new(cursor)
            });
            followed.listed(channel);
        }
        let known = self.channels.values_mut();
        for followed in known.filter(|one| !here.contains(&one.cursor.channel)) {
            if followed.gone() {
                changed.push(followed.cursor);
            }
        }
        // Only what is on disk may be relied on: a channel that is new in this
        // list must not be taken for history after a kill.
        let now = before.map_or(now, |before| before.max(now));
        if !changed.is_empty()
            || now.saturating_sub(self.noted_at) >= NOTE_EVERY
            || before.is_none()
        {
            self.ingest.state.record_listed(now, changed).await?;
            self.noted_at = now;
        }
        self.listed_at = Some(now);
        Ok(())
    }

    /// Reads the channels that are due, several at once. Returns an error that
    /// is not of one channel's making.
    async fn read_due(&mut self) -> Result<Option<Error>, IngestError> {
        let reader = &self.ingest.reader(self.intake);
        let now = Instant::now();
        let mut due = self.channels.values_mut().filter(|one| one.is_due(now));
        let mut reading = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while reading.len() < AT_ONCE
                && let Some(one) = due.next()
            {
                reading.push(async move {
                    let result = reader.read(one).await;
                    (one, result)
                });
            }
            match reading.next().await {
                None => return Ok(failed),
                Some((_, Ok(()))) => {}
                Some((one, Err(unread))) => failed = note(one, unread)?.or(failed),
            }
        }
    }
}

/// Notes that a channel was not read; returns an error that is not its own.
fn note(one: &mut Followed, unread: Unread) -> Result<Option<Error>, IngestError> {
    let channel = one.cursor.channel;
    match unread {
        Unread::State(error) => return Err(error.into()),
        Unread::NotTaken(error) => {
            if one.failed() {
                tracing::warn!(%channel, %error, "a post waits");
            }
        }
        Unread::Mattermost(error) => match trouble::kind(&error) {
            Kind::Server | Kind::Token => {
                one.failed();
                return Ok(Some(error));
            }
            Kind::NotHere => {
                if one.failed() {
                    tracing::info!(%channel, %error, "the bot was taken out of a channel");
                }
            }
            Kind::Channel => {
                if one.failed() {
                    tracing::warn!(%channel, %error, "a channel cannot be read; trying on");
                }
            }
        },
    }
    Ok(None)
}
