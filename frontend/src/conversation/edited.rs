//! Posts that are for the bot only since they were edited.
//!
//! Trust: none in who edited them: Mattermost does not say, and lets some edit the
//! posts of others, who then ask in their names. So this is off unless an admin
//! wants it. A post that has a turn never gets another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gaggle_ipc::MattermostId;

use super::Inner;
use super::lateness::Lateness;
use super::orders::Wish;
use crate::gate::{Request, Site};
use crate::ingest::NotTaken;
use crate::mattermost::Post;

/// Most edits that are remembered as looked at.
const MAX: usize = 1000;

/// Edits that were looked at: they are told of again and again.
#[derive(Debug, Default)]
pub(super) struct Edits(Mutex<HashMap<MattermostId, i64>>);

impl Edits {
    /// Whether this edit is a new one.
    fn is_new(&self, post: &Post) -> bool {
        let Ok(mut known) = self.0.lock() else { return false };
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(post.id, post.edit_at) != Some(post.edit_at)
    }
}

impl Inner {
    /// Somebody edited `post`.
    pub(super) fn edited(self: &Arc<Self>, post: Post) {
        if !self.live().answer_edited || post.edit_at == 0 || !self.edits.is_new(&post) {
            return;
        }
        self.spawn(move |inner| async move {
            if let Err(error) = inner.take_edited(&post).await {
                tracing::warn!(post = %post.id, %error, "an edited post was not taken in");
            }
        });
    }

    async fn take_edited(self: &Arc<Self>, post: &Post) -> Result<(), NotTaken> {
        let failed = |error: &dyn std::fmt::Display| NotTaken(error.to_string());
        if matches!(self.lateness(post), Lateness::TooLate(_)) {
            return Ok(());
        }
        let channel = self.client.channel(post.channel).await.map_err(|error| failed(&error))?;
        let place = self.place(post, channel.kind).await.map_err(|error| failed(&error))?;
        // A command is not obeyed late: it may have been obeyed before.
        let Ok(Request::Prompt(text)) = self.live().gate.screen(post, place) else {
            return Ok(());
        };
        let Some(author) = self.admitted(post).await? else {
            return Ok(());
        };
        let site = Site::from(&channel);
        let denied = self.denied(author.id, &site, true).await.map_err(|error| failed(&error))?;
        match denied {
            None => self.prompted(post, &channel, author, Wish::prompt(text)).await,
            Some(_) => Ok(()),
        }
    }
}
