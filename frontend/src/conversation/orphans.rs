//! Posts that a process left unfinished whose ledger is gone: nothing shall say
//! for ever that somebody thinks.
//!
//! Trust: the bot's own posts alone. The ledger of this process is asked first, so
//! that no turn that runs now is taken for one of those.

use std::sync::Arc;

use serde_json::Value;

use super::Inner;
use super::recovery::closed_off;
use crate::delivery::{PROP_DONE, PROP_PART, PROP_TURN};
use crate::mattermost::{PageQuery, Post, PostPatch};
use crate::state::{Outcome, StateError};

/// What is older nobody waits for, in milliseconds.
const A_DAY: i64 = 24 * 60 * 60 * 1000;
/// Most channels that are looked through, those with the newest posts.
const CHANNELS: usize = 200;
/// How far back in each.
const POSTS: u16 = 60;

impl Inner {
    /// Looks for them, once, where the ledger has only begun.
    ///
    /// # Errors
    /// [`StateError`].
    pub(super) async fn sweep_if_new(self: &Arc<Self>) -> Result<(), StateError> {
        if self.state.listed_at().await?.is_none() {
            // Whoever asks now does not wait for that.
            self.spawn(|inner| async move {
                match inner.sweep().await {
                    Ok(0) => {}
                    Ok(found) => tracing::info!(found, "unfinished answers of a former state"),
                    Err(error) => tracing::warn!(%error, "unfinished answers may be left"),
                }
            });
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<usize, crate::mattermost::Error> {
        let list = self.client.channels(true).await?.unwrap_or_default();
        let newest = list.channels.iter().map(|channel| channel.last_post_at).max();
        let now = self.client.now().or(newest).unwrap_or_default();
        let mut channels = list.channels;
        channels.retain(|channel| channel.last_post_at > now - A_DAY);
        channels.sort_by_key(|channel| std::cmp::Reverse(channel.last_post_at));
        let mut found = 0;
        for channel in channels.iter().take(CHANNELS) {
            let query = PageQuery { per_page: POSTS, ..PageQuery::default() };
            // One that the bot may not read holds none of its posts.
            let Ok(page) = self.client.posts_page(channel.id, query).await else { continue };
            for post in page.posts.iter().filter(|post| post.create_at > now - A_DAY) {
                if self.is_orphan(post).await {
                    self.finish(post).await?;
                    found += 1;
                }
            }
        }
        Ok(found)
    }

    async fn is_orphan(&self, post: &Post) -> bool {
        let prop = |name: &str| post.props.get(name).and_then(Value::as_str);
        let Some(asked) = prop(PROP_TURN).and_then(|id| gaggle_ipc::MattermostId::new(id).ok())
        else {
            return false;
        };
        post.user == self.live().gate.me
            && prop(PROP_PART) == Some("answer-0")
            && !post.props.contains_key(PROP_DONE)
            && matches!(self.state.seen(asked).await, Ok(false))
    }

    async fn finish(&self, post: &Post) -> Result<(), crate::mattermost::Error> {
        let mut props = post.props.clone();
        props.insert(PROP_DONE.to_owned(), Outcome::Interrupted.as_str().into());
        let message = Some(closed_off(&post.message, true));
        let patch = PostPatch { message, props: Some(props) };
        self.client.patch_post(post.id, &patch).await.map(drop)
    }
}
