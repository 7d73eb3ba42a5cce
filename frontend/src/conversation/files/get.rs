//! `!get PATH`: a file of the workspace, into the thread of whoever asks.
//!
//! Trust: the path is opened in the agent's sandbox, below the workspace: it gives
//! nobody more than their own agent would. The file goes where it was asked for.

use std::sync::Arc;

use gaggle_ipc::files::FilePlace;
use serde_json::Map;

use super::super::{Inner, Key, root_of};
use super::sending::{self, Unsent, Wanted};
use crate::mattermost::{NewPost, PendingPostId, Post};
use crate::words::files::{FileTrouble, not_sent, shown, size};
use crate::words::{self, ErrorId};

const WORKER_GONE: &str = "Your agent ended meanwhile. Please try again.";

impl Inner {
    /// Sends the file, and says what there is to say in the same post.
    pub(in super::super) async fn get(self: &Arc<Self>, post: &Post, key: Key, path: &str) {
        let rules = self.live().files;
        if !rules.send {
            return self.reply(post, &not_sent(path, FileTrouble::Off)).await;
        }
        let worker = match self.workers.get(post.author()).await {
            Ok(worker) => worker,
            Err(error) => {
                let id = ErrorId::new();
                tracing::info!(user = %post.user, %id, %error, "no worker");
                let text = words::with_id(&words::not_started(&error), id);
                return self.reply(post, &text).await;
            }
        };
        let Some(mut route) = worker.files(key.thread, self.wire_turn()) else {
            return self.reply(post, WORKER_GONE).await;
        };
        let wanted = Wanted { place: FilePlace::Workspace, path, max: rules.max_size };
        match sending::send(&self.client, &mut route, post.channel, wanted).await {
            Ok(uploaded) => {
                let text = format!("📎 {} ({})", shown(path), size(uploaded.size));
                let new = NewPost {
                    channel: post.channel,
                    root: root_of(key.thread, post.channel),
                    message: text,
                    props: Map::new(),
                    files: vec![uploaded.id],
                    pending_post_id: PendingPostId::new(),
                };
                match self.client.create_post(&new).await {
                    Ok(made) if made.files.contains(&uploaded.id) => {}
                    Ok(_) => self.reply(post, &not_sent(path, FileTrouble::NotAttached)).await,
                    Err(error) => tracing::warn!(%error, "a file was not posted"),
                }
            }
            Err(Unsent::File(why)) => self.reply(post, &not_sent(path, why)).await,
            Err(Unsent::Worker) => self.reply(post, WORKER_GONE).await,
        }
    }
}
