//! The handle that all calls hang on, and what they share.
//!
//! Trust: ids go into paths as they are, because their type allows nothing that
//! means anything there.

use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};

use super::channels::Lists;
use super::transport::{Answer, Request, Transport};
use super::{Error, User, Worth};
use crate::config::Mattermost;

/// A connection to Mattermost as one bot. Clones share it, with its limit of
/// requests and its pool. Every call ends within a minute.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    lists: Mutex<Lists>,
    me: OnceCell<MattermostId>,
}

impl Client {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Setup`]: the CA file, a proxy or the token is of no use.
    pub fn new(settings: &Mattermost) -> Result<Self, Error> {
        Ok(Self {
            inner: Arc::new(Inner {
                transport: Transport::new(settings)?,
                lists: Mutex::new(Lists::default()),
                me: OnceCell::new(),
            }),
        })
    }

    /// The server is there and well.
    ///
    /// # Errors
    /// [`Error::Unavailable`] above all.
    pub async fn ping(&self) -> Result<(), Error> {
        self.send(Request::get("system/ping")).await.map(drop)
    }

    /// The bot itself.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the token is of no use.
    pub async fn me(&self) -> Result<User, Error> {
        let me: User = self.fetch(Request::get("users/me")).await?;
        let _ = self.inner.me.set(me.id);
        Ok(me)
    }

    /// The bot's own id, asked for once.
    pub(crate) async fn own_id(&self) -> Result<MattermostId, Error> {
        match self.inner.me.get() {
            Some(me) => Ok(*me),
            None => Ok(self.me().await?.id),
        }
    }

    /// Waits until an answer, to whatever call, says that the token is of no use.
    /// It may be one that a proxy made: ask for [`Client::me`].
    pub(crate) async fn doubted(&self) {
        self.inner.transport.doubted().await;
    }

    /// What the server's clock shows, in milliseconds since 1970; `None` before an
    /// answer said.
    #[must_use]
    pub fn now(&self) -> Option<i64> {
        self.inner.transport.now()
    }

    /// How long a request of that worth should wait, so that the server's limit of
    /// requests is not used up by it.
    pub(crate) fn should_wait(&self, worth: Worth) -> Duration {
        self.inner.transport.budget.wait(worth)
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    pub(super) fn lists(&self) -> &Mutex<Lists> {
        &self.inner.lists
    }

    pub(super) async fn send(&self, request: Request) -> Result<Answer, Error> {
        self.inner.transport.send(&request).await
    }

    pub(super) async fn fetch<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.send(request).await?.json()
    }
}
