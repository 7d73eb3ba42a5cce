//! Every post of every channel the bot is in, each once.
//!
//! Trust: polling is the truth. The server's counters say which channels
//! changed, its `create_at` in which order people wrote; the local clock only
//! paces the requests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::mattermost::{self, Channel, Client, Post, User};
use crate::state::{State, StateError};

/// Takes posts in. Called for several channels at once, and for the posts of
/// one channel one after the other, oldest first.
pub trait Intake: Send + Sync {
    /// Takes one post; any post that is there, also system posts and the bot's
    /// own. `Ok` means: it needs nothing more, or it is in the ledger. It is then
    /// recorded as seen and never handed over again.
    ///
    /// # Errors
    /// [`NotTaken`]: the post, and those after it in its channel, are handed
    /// over again later.
    fn take(
        &self,
        post: Post,
        channel: &Channel,
    ) -> impl Future<Output = Result<(), NotTaken>> + Send;
}

/// A post could not be taken in just now.
#[derive(Debug, thiserror::Error)]
#[error("the post was not taken: {0}")]
pub struct NotTaken(pub String);

/// Why reading posts ended before it was told to.
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
}

/// The reader of posts.
#[derive(Debug)]
pub struct Ingest {
    #[allow(dead_code)]
    client: Client,
    wake: Wake,
}

impl Ingest {
    /// Prepares reading as the bot `me`, looking every `poll_interval`.
    #[must_use]
    pub fn new(client: Client, _state: State, _me: &User, _poll_interval: Duration) -> Self {
        Self {
            client,
            wake: Wake::default(),
        }
    }

    /// The handle by which others can hasten the next look.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Reads until `shutdown` completes.
    ///
    /// # Errors
    /// [`IngestError`]: the process should end with a failure.
    pub async fn run(
        self,
        _intake: impl Intake,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), IngestError> {
        shutdown.await;
        Ok(())
    }
}
