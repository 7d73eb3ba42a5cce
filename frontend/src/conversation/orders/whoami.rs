//! `!whoami`: what the agent is to the system.
//!
//! Trust: the account is root's word, the workspace the worker's.

use super::super::Inner;
use crate::mattermost::Post;
use crate::words::{self, ErrorId};
use crate::worker::Worker;

impl Inner {
    pub(super) async fn whoami(&self, post: &Post) -> String {
        match self.workers.get(post.author()).await {
            Ok(worker) => self.introduce(post, &worker),
            Err(error) => {
                let id = ErrorId::new();
                tracing::info!(user = %post.user, %id, %error, "no worker");
                let sentence = words::with_id(&words::not_started(&error), id);
                format!("{sentence}\n\nYour Mattermost id is `{}`.", post.user)
            }
        }
    }

    fn introduce(&self, post: &Post, worker: &Worker) -> String {
        let shared = if worker.shared { " (others use it too)" } else { "" };
        let reach = match worker.profile {
            gaggle_ipc::launch::Profile::Workspace => "the workspace alone",
            gaggle_ipc::launch::Profile::Full => "your whole home",
        };
        format!(
            "| | |\n|---|---|\n| Linux account | `{}`{shared} |\n| workspace | {} |\n| what the agent may touch | {reach} (profile `{}`) |\n| mode | `{}` |\n| your Mattermost id | `{}` |",
            worker.account,
            crate::markdown::code_span(&worker.workspace.replace('|', "/")),
            worker.profile.as_str(),
            self.live().mode.as_str(),
            post.user,
        )
    }
}
