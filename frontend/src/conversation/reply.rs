//! Short answers of the bot's own.
//!
//! Trust: they quote nobody but the bot.

use gaggle_ipc::MattermostId;
use serde_json::{Map, Value};

use super::Inner;
use crate::delivery;
use crate::mattermost::{NewPost, PendingPostId, Post};
use crate::state::Outcome;

/// The command, in the props of the post that answers it.
pub(super) const PROP_COMMAND: &str = "gaggle_command";

impl Inner {
    /// Answers `post` in its thread.
    pub(super) async fn reply(&self, post: &Post, text: &str) {
        self.reply_at(post.channel, Some(post.root.unwrap_or(post.id)), text).await;
    }

    /// Posts in a thread. The client tries again as long as that is safe; after
    /// that a missing word of ours is better than one said twice.
    pub(super) async fn reply_at(
        &self,
        channel: MattermostId,
        root: Option<MattermostId>,
        text: &str,
    ) {
        self.post(channel, root, text, Map::new()).await;
    }

    /// The same, as all there is to say to the post `asked`: a later process finds
    /// it, and does not say it again. Returns the post.
    pub(super) async fn answer_at(
        &self,
        channel: MattermostId,
        root: Option<MattermostId>,
        (asked, outcome): (MattermostId, Outcome),
        text: &str,
    ) -> Option<MattermostId> {
        self.post(channel, root, text, delivery::whole_answer_to(asked, outcome)).await
    }

    /// Answers a command: a later process finds it, and no agent is told of it.
    pub(super) async fn answer_command(
        &self,
        channel: MattermostId,
        root: Option<MattermostId>,
        command: MattermostId,
        text: &str,
    ) {
        let mark = (PROP_COMMAND.to_owned(), command.as_str().into());
        self.post(channel, root, text, Map::from_iter([mark])).await;
    }

    async fn post(
        &self,
        channel: MattermostId,
        root: Option<MattermostId>,
        text: &str,
        props: Map<String, Value>,
    ) -> Option<MattermostId> {
        let new = NewPost {
            channel,
            root,
            message: text.to_owned(),
            props,
            files: Vec::new(),
            pending_post_id: PendingPostId::new(),
        };
        match self.client.create_post(&new).await {
            Ok(post) => Some(post.id),
            Err(error) => {
                tracing::warn!(%channel, %error, "a reply was not posted");
                None
            }
        }
    }
}
