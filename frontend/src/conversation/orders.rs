//! Does what commands say.
//!
//! Trust: the gate let the author in. A command reaches the author's own turns
//! and worker, and nothing of anybody else's.

use std::sync::Arc;

use gaggle_ipc::ThreadId;

use super::approvals::{Decision, Told};
use super::{Inner, Key, root_of};
use crate::commands::{self, Command};
use crate::mattermost::{ChannelKind, Post};
use crate::words::{self, ErrorId};
use crate::worker::Worker;

impl Inner {
    pub(super) async fn obey(self: &Arc<Self>, post: &Post, kind: ChannelKind, command: Command) {
        let text = match command {
            Command::Stop => match self.stop(post, kind).await {
                Some(text) => text,
                None => return,
            },
            Command::Approve(name) => match self.decide(post, name.as_deref(), Decision::Once) {
                Some(text) => text.to_owned(),
                None => return,
            },
            Command::Deny(name) => match self.decide(post, name.as_deref(), Decision::No) {
                Some(text) => text.to_owned(),
                None => return,
            },
            Command::Get(path) => return self.get(post, path.as_deref()).await,
            Command::Help => commands::help(&self.live().gate.name),
            Command::Whoami => self.whoami(post).await,
            Command::Unknown(word) => commands::unknown(&word),
        };
        self.reply(post, &text).await;
    }

    /// `None` if the question's own post says all there is to say.
    fn decide(&self, post: &Post, name: Option<&str>, decision: Decision) -> Option<&'static str> {
        let key = Key { user: post.author(), thread: post.thread() };
        match self.approvals.typed(key, name, decision) {
            Told::Decided => None,
            Told::Which => Some(
                "Goose waits for several answers of yours here. Say which one: `!approve NAME`, as its question shows it.",
            ),
            Told::Nothing => Some("Goose has not asked you that, or not any more."),
        }
    }

    /// `None` if the stopped turn's own post says all there is to say.
    async fn stop(&self, post: &Post, kind: ChannelKind) -> Option<String> {
        let user = post.author();
        if post.root.is_some() {
            let key = Key { user, thread: post.thread() };
            if self.registry.stop(key) {
                return None;
            }
            return Some(if self.registry.is_busy(key.thread) {
                "What runs in this thread is not yours. Only the person who asked can stop it."
                    .to_owned()
            } else {
                "Nothing of yours is running in this thread.".to_owned()
            });
        }
        let running = self.registry.running(user, Some(post.channel), None);
        match running.as_slice() {
            [] => Some(match kind {
                ChannelKind::Direct => "Nothing of yours is running here.".to_owned(),
                _ => "Nothing of yours is running in this channel.".to_owned(),
            }),
            [only] => {
                self.registry.stop(Key { user, thread: *only });
                Some("Stopping it.".to_owned())
            }
            several => Some(self.list(several).await),
        }
    }

    async fn list(&self, threads: &[ThreadId]) -> String {
        let mut text = format!(
            "You have {} turns running here. Write `!stop` in the thread of the one you mean:\n",
            threads.len()
        );
        for thread in threads.iter().take(10) {
            let begun = match self.client.post(root_of(*thread)).await {
                Ok(root) => {
                    let line: String = root.message.chars().take(60).collect();
                    crate::markdown::code_span(&line)
                }
                Err(_) => String::new(),
            };
            text.push_str(&format!("\n- {begun}"));
        }
        text
    }

    async fn whoami(&self, post: &Post) -> String {
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
