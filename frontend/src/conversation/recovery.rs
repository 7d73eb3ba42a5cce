//! The turns that an earlier process left unfinished.
//!
//! Trust: the ledger. A turn that was never sent is run now; one that may have
//! been is only said to be interrupted, because it may have had effects.

use std::time::Duration;

use gaggle_ipc::{MattermostId, TurnId};

use super::approvals::PROP_ASK;
use super::orders::{Wish, wish};
use super::{Conversations, Inner, Key, Prompt, address, asked};
use crate::delivery::{Address, PROP_DONE, PROP_TURN, ended};
use crate::gate::{Admission, Site};
use crate::mattermost::{Channel, Error, Post, PostPatch, User};
use crate::state::{Outcome, StateError, UnfinishedTurn};

/// Pause before Mattermost is asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// What ends the line that shows a running turn.
const STATUS: &str = "Thinking...";
const NOTE: &str = "⚠️ Interrupted: I was restarted. What I did until then is done. Click 🔁 to have me begin it again, or ask in other words.";

/// A question as it stands now.
pub(super) struct Asks {
    post: Post,
    channel: Channel,
    author: User,
    wish: Wish,
}

/// Why unfinished turns stay so.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The token is of no use.
    #[error(transparent)]
    Mattermost(#[from] Error),
    /// The ledger failed.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Conversations {
    /// Takes care of what the ledger says is unfinished. To be called before new
    /// posts are taken in, so that each thread keeps its order.
    ///
    /// # Errors
    /// [`RecoveryError`].
    pub async fn recover(&self) -> Result<(), RecoveryError> {
        self.0.sweep_if_new().await?;
        self.0.close_left_open().await?;
        for turn in self.0.state.unfinished_turns().await? {
            tracing::info!(turn = %turn.turn, sent = turn.sent, "unfinished");
            if turn.sent {
                self.0.interrupted(turn).await?;
            } else {
                self.0.rerun(turn).await?;
            }
        }
        self.0.obey_again().await?;
        Ok(self.0.send_left_files().await?)
    }
}

impl Inner {
    /// The prompt of the turn that answers `post`: the question, or what is to be
    /// bettered.
    pub(super) fn prompt(&self, asks: Asks, turn: TurnId, key: Key, post: MattermostId) -> Prompt {
        let usual = address(&asks.post, key.thread, asks.channel.kind, &asks.author);
        Prompt {
            turn,
            key,
            address: Address { asked: post, ..usual },
            asked: asked(&asks.post),
            site: Site::from(&asks.channel),
            author: asks.author,
            text: asks.wish.text,
            files: asks.post.files,
            summary: self.summary(asks.wish.summary),
            note: None,
            quiet: false,
            again: false,
        }
    }

    async fn rerun(self: &std::sync::Arc<Self>, turn: UnfinishedTurn) -> Result<(), RecoveryError> {
        // Not taken in, and told so.
        let shown = self.answers(&turn).await?;
        if let Some(outcome) = shown.iter().find_map(ended) {
            return Ok(self.state.end_turn(turn.turn, outcome).await?);
        }
        let key = Key { user: turn.user, thread: turn.thread };
        match self.asks_still(turn.question, turn.channel, key).await? {
            Some(asks) => {
                let late = self.lateness(&asks.post);
                let quiet = self.state.choice(key.user, key.thread).await?.quiet;
                let prompt = self.prompt(asks, turn.turn, key, turn.post);
                let prompt = Prompt { again: true, quiet, ..prompt };
                match late.refusal() {
                    Some(refusal) => {
                        self.remove(&shown).await;
                        self.decline(turn.turn, &prompt.address, &refusal).await;
                    }
                    None => self.begin(Prompt { note: late.note(), ..prompt }),
                }
                Ok(())
            }
            None => {
                self.remove(&shown).await;
                Ok(self.state.end_turn(turn.turn, Outcome::Interrupted).await?)
            }
        }
    }

    /// Takes back what was said of a turn that is not begun.
    async fn remove(&self, posts: &[Post]) {
        for post in posts {
            let _ = self.client.delete_post(post.id).await;
        }
    }

    /// What `question` asks as it stands in Mattermost now; `None` if it is gone,
    /// asks for nothing any more, or its author may not ask.
    pub(super) async fn asks_still(
        &self,
        question: MattermostId,
        channel: MattermostId,
        key: Key,
    ) -> Result<Option<Asks>, RecoveryError> {
        let Some(post) = self.patiently(|| self.client.post(question)).await? else {
            return Ok(None);
        };
        let Some(channel) = self.patiently(|| self.client.channel(channel)).await? else {
            return Ok(None);
        };
        let Some(author) = self.patiently(|| self.people.get(post.user)).await? else {
            return Ok(None);
        };
        let place = self.place(&post, channel.kind).await?;
        // It was let in before, perhaps for continuing a thread that no longer
        // counts as one.
        let place = crate::gate::Place { conversing: true, ..place };
        let Ok(request) = self.live().gate.screen(&post, place) else {
            return Ok(None);
        };
        let Ok(wish) = wish(request) else {
            return Ok(None);
        };
        let site = Site::from(&channel);
        let Some(denied) = self.patiently(|| self.denied(author.id, &site, true)).await? else {
            return Ok(None);
        };
        let admitted = self.live().gate.admit(&author) == Admission::Admitted && denied.is_none();
        let own = key.user == post.author();
        Ok((admitted && own).then_some(Asks { post, channel, author, wish }))
    }

    async fn interrupted(&self, turn: UnfinishedTurn) -> Result<(), RecoveryError> {
        let posts = self.answers(&turn).await?;
        if let Some(outcome) = posts.iter().find_map(ended) {
            self.state.end_turn(turn.turn, outcome).await?;
            if let (Outcome::Interrupted, Some(last)) = (outcome, posts.last()) {
                self.offer_again(last.id, turn.user).await;
            }
            return Ok(());
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
                props.insert(PROP_DONE.to_owned(), Outcome::Interrupted.as_str().into());
                patch.props = Some(props);
            }
            if patch.message.is_some() || patch.props.is_some() {
                self.patiently(|| self.client.patch_post(post.id, &patch)).await?;
            }
        }
        let mut shown = posts.last().map(|post| post.id);
        if shown.is_none() {
            let root = super::root_of(turn.thread, turn.channel);
            let of = (turn.post, Outcome::Interrupted);
            shown = self.answer_at(turn.channel, root, of, NOTE).await;
        }
        if let Some(post) = shown {
            self.state.turn_answer_post(turn.turn, post).await?;
        }
        self.state.end_turn(turn.turn, Outcome::Interrupted).await?;
        if let Some(post) = shown {
            self.offer_again(post, turn.user).await;
        }
        Ok(())
    }

    /// The posts that answer the turn, the ledger's and those it did not learn of.
    async fn answers(&self, turn: &UnfinishedTurn) -> Result<Vec<Post>, RecoveryError> {
        let place = (turn.channel, super::root_of(turn.thread, turn.channel));
        let posts = self.patiently(|| self.client.thread_after(place, turn.question)).await?;
        let mut posts = posts.unwrap_or_default();
        let asked = turn.post.as_str();
        posts.retain(|post| {
            let ours = post.props.get(PROP_TURN).and_then(serde_json::Value::as_str);
            // Questions have rows of their own.
            post.user == self.live().gate.me
                && !post.props.contains_key(PROP_ASK)
                && (turn.answers.contains(&post.id) || ours == Some(asked))
        });
        Ok(posts)
    }

    /// Asks until Mattermost answers; `None` if the thing is gone.
    pub(super) async fn patiently<T, F>(
        &self,
        mut ask: impl FnMut() -> F,
    ) -> Result<Option<T>, RecoveryError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => error,
            };
            match error {
                Error::RateLimited { retry_after } => {
                    tokio::time::sleep(retry_after).await;
                    continue;
                }
                // A proxy may say so once, and the post would stay as it is for ever.
                Error::Unauthorized => {
                    if let Err(error @ Error::Unauthorized) = self.client.me().await {
                        return Err(error.into());
                    }
                }
                // A proxy's page does not say that the thing is gone.
                Error::Unavailable { .. } | Error::Tls { .. } | Error::Malformed { .. } => {}
                error => {
                    tracing::info!(%error, "unfinished turn without its posts");
                    return Ok(None);
                }
            }
            tracing::warn!(%error, "Mattermost has to be asked again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// `message` without the line that shows a running turn; the last one says why.
pub(super) fn closed_off(message: &str, last: bool) -> String {
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
