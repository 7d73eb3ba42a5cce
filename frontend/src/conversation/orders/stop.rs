//! `!stop`: ends the caller's turn.
//!
//! Trust: somebody else's turn is not reached.

use gaggle_ipc::ThreadId;

use super::{Inner, Key, Typed, title};
use crate::mattermost::ChannelKind;

impl Inner {
    /// `None` if the stopped turn's own post says all there is to say.
    pub(super) async fn stop(&self, typed: &Typed) -> Option<String> {
        let Typed { post, kind, key } = typed;
        let user = key.user;
        if !typed.begins_thread() && self.registry.stop(*key) {
            return None;
        }
        if post.root.is_some() {
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
            let begun = match self.client.post((*thread).into()).await {
                Ok(root) => title(&root.message, &self.live().gate.name),
                Err(_) => String::new(),
            };
            text.push_str(&format!("\n- {begun}"));
        }
        text
    }
}
