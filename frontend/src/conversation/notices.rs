//! What a person who may not use the bot is told, once a day, in private.
//!
//! Trust: the record of what was told is the direct channel itself, so it
//! survives a restart. A post there counts if the bot wrote it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gaggle_ipc::MattermostId;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::mattermost::{Client, Error, NewPost, PageQuery, PendingPostId};

const PROP_NOTICE: &str = "gaggle_notice";
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How far back in the direct channel an earlier notice is looked for.
const LOOKED_AT: u16 = 60;
/// Most people whose notice is remembered.
const MAX_TOLD: usize = 10_000;

#[derive(Debug)]
pub(super) struct Notices {
    client: Client,
    me: MattermostId,
    told: Mutex<HashMap<MattermostId, Instant>>,
}

impl Notices {
    pub(super) fn new(client: Client, me: MattermostId) -> Self {
        Self { client, me, told: Mutex::default() }
    }

    /// Tells `user`, unless that was done within a day.
    pub(super) async fn tell(&self, user: MattermostId, text: &str) {
        if !self.claim(user) {
            return;
        }
        match self.post(user, text).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%user, %error, "a person could not be told that they may not ask");
                if let Ok(mut told) = self.told.lock() {
                    told.remove(&user);
                }
            }
        }
    }

    /// Claimed before it is done, so that two messages make one notice.
    fn claim(&self, user: MattermostId) -> bool {
        let Ok(mut told) = self.told.lock() else {
            return false;
        };
        if told.len() >= MAX_TOLD {
            told.retain(|_, at| at.elapsed() < A_DAY);
        }
        if told.len() >= MAX_TOLD || told.get(&user).is_some_and(|at| at.elapsed() < A_DAY) {
            return false;
        }
        told.insert(user, Instant::now());
        true
    }

    async fn post(&self, user: MattermostId, text: &str) -> Result<(), Error> {
        let channel = self.client.direct_channel(self.me, user).await?.id;
        let query = PageQuery { per_page: LOOKED_AT, ..PageQuery::default() };
        let recent = self.client.posts_page(channel, query).await?.posts;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let yesterday = i64::try_from((now - A_DAY.min(now)).as_millis()).unwrap_or(i64::MAX);
        let told = recent.iter().any(|post| {
            post.user == self.me
                && post.create_at > yesterday
                && post.props.contains_key(PROP_NOTICE)
        });
        if told {
            return Ok(());
        }
        let mut props = Map::new();
        props.insert(PROP_NOTICE.to_owned(), Value::Bool(true));
        let new = NewPost {
            channel,
            root: None,
            message: text.to_owned(),
            props,
            files: Vec::new(),
            pending_post_id: PendingPostId::new(),
        };
        self.client.create_post(&new).await.map(drop)
    }
}
