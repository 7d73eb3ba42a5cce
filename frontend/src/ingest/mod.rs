//! Every post of every channel the bot is in, each once.
//!
//! Trust: reading is the truth; what is pushed comes earlier, and proves nothing
//! of what was written before it. The server's counters say which channels
//! changed, its `create_at` in which order people wrote; the local clock only
//! paces the requests. Posts become visible late and out of order, so a stretch
//! of each channel is always read again and known posts are left out.

mod channel_reader;
mod followed;
mod follower;
mod trouble;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::mattermost::{self, Channel, Client, Post, Reaction, User};
use crate::push::{Push, Pushed, Said};
use crate::state::{State, StateError};

use channel_reader::Reader;
use follower::Follower;

/// Takes posts in. Called for several channels at once, and for the posts of
/// one channel one after the other, oldest first.
pub trait Intake: Send + Sync {
    /// Takes one post; any post that is there, also system posts and the bot's
    /// own. `Ok` means: it needs nothing more, or it is in the ledger. It is then
    /// recorded as seen and never handed over again. After a kill in between it
    /// is handed over once more.
    ///
    /// Other channels wait meanwhile: take the post, do not answer it here.
    ///
    /// # Errors
    /// [`NotTaken`]: the post, and those after it in its channel, are handed
    /// over again later.
    fn take(
        &self,
        post: Post,
        channel: &Channel,
    ) -> impl Future<Output = Result<(), NotTaken>> + Send;

    /// Hears what else happened; to be brief about it.
    fn notice(&self, noticed: Noticed) {
        tracing::trace!(?noticed, "nobody wants to know");
    }
}

/// Something that happened to a post. Told while there is a line, and not to be
/// relied on: whoever has to know asks as well.
#[derive(Debug, Clone, PartialEq)]
pub enum Noticed {
    /// It was deleted.
    Deleted(MattermostId),
    /// It was edited. Known from reading, too, if that was soon after it was made.
    Edited(Box<Post>),
    /// Somebody reacted to it.
    Reacted(Reaction),
}

/// A post could not be taken in just now; why, without what people wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the post was not taken: {0}")]
pub struct NotTaken(pub String);

/// Why reading posts ended before it was told to. The process should end with a
/// failure: going on would look like a bot that ignores people.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The token is of no use any more.
    #[error(transparent)]
    Mattermost(#[from] mattermost::Error),
    /// The state is of no use any more.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Makes the next look at Mattermost happen now.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Looks now. Calls that come while it looks make it look once more.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    async fn woken(&self) {
        self.0.notified().await;
    }
}

/// The reader of posts.
#[derive(Debug)]
pub struct Ingest {
    client: Client,
    state: State,
    me: MattermostId,
    poll_interval: Duration,
    wake: Wake,
    hears: bool,
    live: watch::Sender<bool>,
}

/// Those who wake us often share a look.
const BREATH: Duration = Duration::from_millis(100);
/// While a line tells of posts, the channels are read so seldom: it finds what
/// no line tells, and that the token was revoked, which a line does not notice.
const WHILE_LIVE: Duration = Duration::from_secs(30);

impl Ingest {
    /// Prepares reading as the bot `me`, looking every `poll_interval`.
    #[must_use]
    pub fn new(client: Client, state: State, me: &User, poll_interval: Duration) -> Self {
        let (wake, live) = (Wake::default(), watch::Sender::new(false));
        Self { client, state, me: me.id, poll_interval, wake, hears: false, live }
    }

    /// Hears of posts over the server's WebSocket as well.
    #[must_use]
    pub fn pushed(self) -> Self {
        Self { hears: true, ..self }
    }

    /// Whether there is a line that tells of posts, now and later.
    #[must_use]
    pub fn told_at_once(&self) -> watch::Receiver<bool> {
        self.live.subscribe()
    }

    fn reader<'a, I>(&'a self, intake: &'a I) -> Reader<'a, I> {
        Reader { client: &self.client, state: &self.state, me: self.me, intake }
    }

    /// The handle by which others can hasten the next look.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Reads until `shutdown` completes. The very first start answers no
    /// history; later ones go on where the last one ended.
    ///
    /// # Errors
    /// [`IngestError`]: the token or the state is of no use any more.
    pub async fn run(
        self,
        intake: impl Intake,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), IngestError> {
        let (push, pushed) = Push::new(self.client.clone(), self.wake.clone(), self.live.clone());
        let hears = self.hears;
        let pushing = async {
            if hears {
                push.run().await;
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = shutdown => Ok(()),
            ended = self.read(&intake, pushed) => ended,
            () = pushing => Ok(()),
        }
    }

    async fn read(self, intake: &impl Intake, mut pushed: Pushed) -> Result<(), IngestError> {
        let wake = self.wake.clone();
        let interval = self.poll_interval;
        let client = self.client.clone();
        let mut follower = Follower::start(self, intake).await?;
        let mut fresh = true;
        loop {
            if let Some(trouble) = follower.look(fresh).await? {
                tokio::time::sleep(trouble).await;
                fresh = true;
                continue;
            }
            let (looked, hurries) = (Instant::now(), follower.hurries());
            // Whoever wakes us knows of a post; the server's tag may not.
            fresh = false;
            loop {
                let calm = pushed.is_live() && !hurries;
                let pause = match (fresh, calm) {
                    (true, _) => interval.min(BREATH),
                    (false, true) => interval.max(WHILE_LIVE),
                    (false, false) => interval,
                };
                tokio::select! {
                    // A look is never kept waiting by a flood of posts.
                    biased;
                    () = tokio::time::sleep_until(looked + pause) => break,
                    () = wake.woken() => fresh = true,
                    () = client.doubted() => fresh = true,
                    said = pushed.next() => match said {
                        Said::Posted(post) => fresh |= !follower.take(*post).await?,
                        Said::Noticed(noticed) => intake.notice(noticed),
                    },
                }
            }
        }
    }
}
