//! Runs a turn again that was cut short, when its person clicks 🔁.
//!
//! Trust: the person whose turn it was, and nobody else. They are let in once more
//! as if they had just asked; what the turn had done already is theirs to know.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use gaggle_ipc::{MattermostId, MattermostUserId};
use tokio::time::Instant;

use super::{Inner, Key, Prompt};
use crate::mattermost::{Emoji, Reaction};
use crate::state::EndedTurn;

/// What is clicked.
const AGAIN: Emoji = Emoji::new("repeat");
/// A line tells of a click; without one, the offers of so long are looked at.
const LOOKED_AT: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(10);
/// Most of them.
const MAX: usize = 20;

/// Posts that show 🔁 since a short while.
#[derive(Debug, Default)]
pub(super) struct Offers(Mutex<Vec<Offer>>);

#[derive(Debug, Clone, Copy)]
struct Offer {
    post: MattermostId,
    user: MattermostUserId,
    since: Instant,
}

impl Offers {
    fn add(&self, post: MattermostId, user: MattermostUserId) {
        if let Ok(mut offers) = self.0.lock() {
            if offers.len() >= MAX {
                offers.remove(0);
            }
            offers.push(Offer { post, user, since: Instant::now() });
        }
    }

    fn standing(&self) -> Vec<Offer> {
        let Ok(mut offers) = self.0.lock() else { return Vec::new() };
        offers.retain(|offer| offer.since.elapsed() < LOOKED_AT);
        offers.clone()
    }

    fn taken(&self, post: MattermostId) {
        if let Ok(mut offers) = self.0.lock() {
            offers.retain(|offer| offer.post != post);
        }
    }
}

/// Looks for clicks that no line told of, as long as there are conversations.
pub(super) async fn run(conversations: Weak<Inner>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(inner) = conversations.upgrade() else { return };
        for offer in inner.offers.standing() {
            let reactions = inner.client.reactions(offer.post).await.unwrap_or_default();
            for reaction in reactions.iter().filter(|one| offer.user == one.user.into()) {
                inner.reacted(reaction);
            }
        }
    }
}

impl Inner {
    /// Puts 🔁 below the last post of a turn that was cut short.
    pub(super) async fn offer_again(&self, post: MattermostId, user: MattermostUserId) {
        self.offers.add(post, user);
        // Without it the sentence still says what can be done.
        let _ = self.client.add_reaction(post, AGAIN).await;
    }

    /// Somebody reacted to something.
    pub(super) fn reacted(self: &Arc<Self>, reaction: &Reaction) {
        self.approvals.reacted(reaction);
        let own = reaction.user == self.live().gate.me;
        if !own && matches!(reaction.emoji.as_str(), "repeat" | "arrows_counterclockwise") {
            let (post, user) = (reaction.post, reaction.user.into());
            self.spawn(move |inner| async move { inner.again(post, user).await });
        }
    }

    async fn again(self: Arc<Self>, post: MattermostId, user: MattermostUserId) {
        let ended = match self.state.ended_turn(post).await {
            Ok(ended) => ended.filter(|ended| ended.user == user),
            Err(error) => return self.fail(error),
        };
        let Some(ended) = ended else { return };
        self.offers.taken(ended.answer);
        if self.stopping.load(std::sync::atomic::Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.run_again(ended).await {
            tracing::warn!(%post, %error, "a turn was not begun again");
        }
    }

    async fn run_again(self: &Arc<Self>, ended: EndedTurn) -> Result<(), super::RecoveryError> {
        let key = Key { user: ended.user, thread: ended.thread };
        let (question, channel) = (ended.question, ended.channel);
        let Some(asks) = self.asks_still(question, channel, key).await? else {
            return Ok(());
        };
        // The row comes before anything is done; two clicks make one.
        if let Some(turn) = self.state.open_repeat(ended).await? {
            tracing::info!(%turn, user = %key.user, thread = %key.thread, "again");
            let quiet = self.state.choice(key.user, key.thread).await?.quiet;
            self.begin(Prompt { quiet, ..self.prompt(asks, turn, key, ended.answer) });
        }
        Ok(())
    }
}
