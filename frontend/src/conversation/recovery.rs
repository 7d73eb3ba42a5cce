//! The turns that an earlier process left unfinished.
//!
//! Trust: the ledger. A turn that was never sent is run now; one that may have
//! been is only said to be interrupted, because it may have had effects.

use std::time::Duration;

use gaggle_ipc::MattermostId;

use super::{Conversations, Inner, Key, Prompt, address, asked};
use crate::delivery::{PROP_DONE, PROP_TURN};
use crate::gate::{Admission, Request, Site};
use crate::mattermost::{Error, Post, PostPatch};
use crate::state::{Outcome, StateError, UnfinishedTurn};

/// Pause before Mattermost is asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// What ends the line that shows a running turn.
const STATUS: &str = "Thinking...";
const NOTE: &str =
    "⚠️ Interrupted: I was restarted. What I did until then is done. Ask again to go on.";

impl Conversations {
    /// Takes care of what the ledger says is unfinished. To be called before new
    /// posts are taken in, so that each thread keeps its order.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn recover(&self) -> Result<(), StateError> {
        for turn in self.0.state.unfinished_turns().await? {
            tracing::info!(turn = %turn.turn, sent = turn.sent, "unfinished");
            if turn.sent {
                self.0.interrupted(turn).await?;
            } else {
                self.0.rerun(turn).await?;
            }
        }
        Ok(())
    }
}

impl Inner {
    async fn rerun(self: &std::sync::Arc<Self>, turn: UnfinishedTurn) -> Result<(), StateError> {
        let key = Key { user: turn.user, thread: turn.thread };
        match self.prompt_again(&turn, key).await {
            Some(prompt) => {
                self.begin(prompt);
                Ok(())
            }
            None => {
                for answer in turn.answers {
                    let _ = self.client.delete_post(answer).await;
                }
                self.state.end_turn(turn.turn, Outcome::Interrupted).await
            }
        }
    }

    /// The prompt as it stands in Mattermost now; `None` if it is gone or asks
    /// for nothing any more.
    async fn prompt_again(&self, turn: &UnfinishedTurn, key: Key) -> Option<Prompt> {
        let post = patiently(|| self.client.post(turn.post)).await?;
        let channel = patiently(|| self.client.channel(turn.channel)).await?;
        let author = patiently(|| self.people.get(post.user)).await?;
        let place = self.place(&post, channel.kind).await.ok()?;
        // It was let in before, perhaps for continuing a thread that no longer
        // counts as one.
        let place = crate::gate::Place { conversing: true, ..place };
        let Ok(Request::Prompt(text)) = self.live().gate.screen(&post, place) else {
            return None;
        };
        let site = Site::from(&channel);
        let denied = patiently(|| self.denied(author.id, &site, true)).await?;
        let admitted = self.live().gate.admit(&author) == Admission::Admitted;
        (admitted && denied.is_none()).then(|| Prompt {
            turn: turn.turn,
            key,
            address: address(&post, channel.kind, &author),
            asked: asked(&post),
            site,
            author,
            text,
            again: true,
        })
    }

    async fn interrupted(&self, turn: UnfinishedTurn) -> Result<(), StateError> {
        let posts = self.answers(&turn).await;
        let whole = posts.iter().any(|post| post.props.contains_key(PROP_DONE));
        if whole {
            return self.state.end_turn(turn.turn, Outcome::Complete).await;
        }
        let last = posts.len().saturating_sub(1);
        for (at, post) in posts.iter().enumerate() {
            let message = closed_off(&post.message, at == last);
            let mut patch = PostPatch::default();
            if message != post.message {
                patch.message = Some(message);
            }
            if at == last {
                let mut props = post.props.clone();
                props.insert(PROP_DONE.to_owned(), serde_json::Value::Bool(true));
                patch.props = Some(props);
            }
            if patch.message.is_some() || patch.props.is_some() {
                patiently(|| self.client.patch_post(post.id, &patch)).await;
            }
        }
        if posts.is_empty() {
            self.reply_at(turn.channel, super::root_of(turn.thread), NOTE).await;
        }
        self.state.end_turn(turn.turn, Outcome::Interrupted).await
    }

    /// The posts that answer the turn, the ledger's and those it did not learn of.
    async fn answers(&self, turn: &UnfinishedTurn) -> Vec<Post> {
        let root: MattermostId = super::root_of(turn.thread);
        let place = (turn.channel, root);
        let read = patiently(|| self.client.thread_after(place, turn.post)).await;
        let mut posts = read.unwrap_or_default();
        let asked = turn.post.as_str();
        posts.retain(|post| {
            let ours = post.props.get(PROP_TURN).and_then(serde_json::Value::as_str);
            post.user == self.live().gate.me
                && (turn.answers.contains(&post.id) || ours == Some(asked))
        });
        posts
    }
}

/// `message` without the line that shows a running turn; the last one says why.
fn closed_off(message: &str, last: bool) -> String {
    let mut kept: Vec<_> = message.split("\n\n").collect();
    if kept.last().is_some_and(|line| line.starts_with(STATUS)) {
        kept.pop();
    }
    let mut text = crate::render::split::closed(&kept.join("\n\n"));
    if last || text.is_empty() {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(NOTE);
    }
    text
}

/// Asks until Mattermost answers; `None` if the thing is gone.
async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(Error::RateLimited { retry_after }) => tokio::time::sleep(retry_after).await,
            // A proxy's page does not say that the thing is gone.
            Err(
                error @ (Error::Unavailable { .. } | Error::Tls { .. } | Error::Malformed { .. }),
            ) => {
                tracing::warn!(%error, "Mattermost has to be asked again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::info!(%error, "unfinished turn without its posts");
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_thinking() {
        assert_eq!(closed_off("Thinking...", true), NOTE);
        assert_eq!(closed_off("Thinking... [shell · ls]", false), NOTE);
        assert_eq!(closed_off("a\n\nb\n\nThinking...", true), format!("a\n\nb\n\n{NOTE}"));
        assert_eq!(closed_off("whole part", false), "whole part");
        assert_eq!(closed_off("```\nx\n```\n\nThinking...", false), "```\nx\n```");
    }
}
