//! `!stop`: ends the caller's turn.
//!
//! Trust: somebody else's turn is not reached.

use gaggle_ipc::ThreadId;

use super::super::{Inner, Key, root_of};
use crate::mattermost::{ChannelKind, Post};

impl Inner {
    /// `None` if the stopped turn's own post says all there is to say.
    pub(super) async fn stop(&self, post: &Post, kind: ChannelKind) -> Option<String> {
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
}
