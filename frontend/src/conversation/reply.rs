//! Short answers of the bot's own.
//!
//! Trust: they quote nobody but the bot.

use gaggle_ipc::MattermostId;
use serde_json::Map;

use super::Inner;
use crate::mattermost::{NewPost, PendingPostId, Post};

impl Inner {
    /// Answers `post` in its thread.
    pub(super) async fn reply(&self, post: &Post, text: &str) {
        self.reply_at(post.channel, post.root.unwrap_or(post.id), text).await;
    }

    /// Posts in a thread. The client tries again as long as that is safe; after
    /// that a missing word of ours is better than one said twice.
    pub(super) async fn reply_at(&self, channel: MattermostId, root: MattermostId, text: &str) {
        let new = NewPost {
            channel,
            root: Some(root),
            message: text.to_owned(),
            props: Map::new(),
            pending_post_id: PendingPostId::new(),
        };
        if let Err(error) = self.client.create_post(&new).await {
            tracing::warn!(%channel, %error, "a reply was not posted");
        }
    }
}
