//! Asks a person whether a tool may run, and passes on what they say.
//!
//! Trust: only the person who may ask now may also allow now: whether they are
//! let in is looked up again when they decide. In doubt, and without an answer
//! in time, the answer is no.

use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::session::{PermissionChoice, ToWorker};
use gaggle_ipc::{MattermostId, TurnId};
use serde_json::Map;
use tokio::sync::watch;
use tokio::time::Instant;

use super::question::{self, Question};
use super::{Decision, NO, ONCE, THREAD};
use crate::conversation::Key;
use crate::conversation::{Inner, Stop, turn};
use crate::delivery::{Address, PROP_TURN};
use crate::gate::{Admission, Site};
use crate::mattermost::{Error, NewPost, PendingPostId, PostPatch};
use crate::worker::Worker;

/// A line tells of reactions at once; this finds what it did not tell.
const LOOK: Duration = Duration::from_secs(10);

/// A question of Goose's.
pub(in crate::conversation) struct Asked {
    pub(in crate::conversation) worker: Arc<Worker>,
    pub(in crate::conversation) key: Key,
    /// The turn, as the ledger has it.
    pub(in crate::conversation) turn: TurnId,
    /// The turn, as the worker has it.
    pub(in crate::conversation) wire: TurnId,
    pub(in crate::conversation) ask: u32,
    pub(in crate::conversation) tool: String,
    pub(in crate::conversation) command: String,
    pub(in crate::conversation) address: Address,
    pub(in crate::conversation) site: Site,
    pub(in crate::conversation) stop: watch::Receiver<Stop>,
}

/// Most posts that one question takes. What is longer nobody reads.
const MOST_POSTS: usize = 4;

/// A post about a question.
struct Shown {
    id: MattermostId,
    channel: MattermostId,
    /// The thread it is in.
    root: MattermostId,
    text: String,
    /// It shows the command, and so can be answered.
    asks: bool,
}

/// How the waiting ended.
enum Waited {
    Decided(Decision),
    TooLate,
    Stopped,
}

impl Inner {
    /// Asks, in a task of its own: the turn goes on meanwhile.
    pub(in crate::conversation) fn ask(self: &Arc<Self>, asked: Asked) {
        if self.approvals.remembers(asked.key, &asked.tool) {
            tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, "allowed for the thread");
            self.spawn(move |inner| async move {
                let still = inner.may_still_ask(&asked).await;
                asked
                    .reply(if still { PermissionChoice::Allow } else { PermissionChoice::Reject })
                    .await;
            });
            return;
        }
        let opened = match self.approvals.is_worn_out(asked.turn) {
            true => None,
            false => self.approvals.open(asked.key, asked.turn),
        };
        let Some((name, decision)) = opened else {
            self.spawn(move |_| async move { asked.reply(PermissionChoice::Reject).await });
            return;
        };
        self.spawn(move |inner| async move {
            let settled = inner.settle(&asked, &name, decision).await;
            // Before anybody reads how it was decided: a word that comes later is
            // told that nothing is asked any more.
            inner.approvals.close(&name);
            if let Some((shown, how)) = settled {
                inner.show_outcome(shown, &how).await;
            }
        });
    }

    /// Asks and tells the worker; the posts that asked, and how it was decided.
    async fn settle(
        &self,
        asked: &Asked,
        name: &str,
        decision: watch::Receiver<Option<Decision>>,
    ) -> Option<(Vec<Shown>, String)> {
        let question = Question {
            tool: asked.tool.clone(),
            command: asked.command.clone(),
            name: name.to_owned(),
            patience: self.pace.approval,
        };
        let shown = match self.put(asked, &question).await {
            Ok(shown) => shown,
            Err(error) => {
                tracing::warn!(turn = %asked.turn, %error, "the question was not posted");
                asked.reply(PermissionChoice::Reject).await;
                let (channel, root) = (asked.address.channel, asked.address.root);
                self.reply_at(channel, root, &question::unasked(&asked.tool)).await;
                return None;
            }
        };
        for post in shown.iter().filter(|post| post.asks) {
            self.approvals.stands(name, post.id);
            for emoji in [ONCE, THREAD, NO] {
                // A missing button can be typed.
                let _ = self.client.add_reaction(post.id, emoji).await;
            }
        }
        let waited = self.wait(asked, &question, &shown, decision).await;
        let how = self.answer(asked, waited).await;
        Some((shown, how))
    }

    async fn show_outcome(&self, shown: Vec<Shown>, how: &str) {
        for post in shown {
            let message = Some(Question::decided(&post.text, how));
            let patch = PostPatch { message, ..PostPatch::default() };
            if let Err(error) = self.client.patch_post(post.id, &patch).await {
                tracing::info!(post = %post.id, %error, "a question still shows its buttons");
            }
        }
    }

    /// Posts the question; the posts with buttons. What others read along has
    /// the command only in the person's own direct channel.
    async fn put(&self, asked: &Asked, question: &Question) -> Result<Vec<Shown>, Error> {
        let (channel, root) = (asked.address.channel, Some(asked.address.root));
        let posts = question.posts();
        if posts.len() > MOST_POSTS {
            return Err(Error::Malformed {
                what: "a question that is too long to be read".to_owned(),
            });
        }
        if asked.address.person.is_none() {
            return Ok(vec![self.put_all(asked, (channel, root), posts).await?]);
        }
        let me = self.live().gate.me;
        let direct = self.client.direct_channel(me, asked.key.user.into()).await?.id;
        let full = self.put_all(asked, (direct, None), posts).await?;
        let short = self.put_all(asked, (channel, root), vec![question.short()]).await?;
        Ok(vec![full, Shown { asks: false, ..short }])
    }

    async fn put_all(
        &self,
        asked: &Asked,
        (channel, mut root): (MattermostId, Option<MattermostId>),
        messages: Vec<String>,
    ) -> Result<Shown, Error> {
        let mut last = None;
        for message in messages {
            // With the turn's mark, a later process finds a question that an
            // earlier one left open.
            let mark = (PROP_TURN.to_owned(), asked.address.asked.as_str().into());
            let new = NewPost {
                channel,
                root,
                message,
                props: Map::from_iter([mark]),
                pending_post_id: PendingPostId::new(),
            };
            let id = self.client.create_post(&new).await?.id;
            root = root.or(Some(id));
            let text = new.message;
            last = Some(Shown { id, channel, root: root.unwrap_or(id), text, asks: true });
        }
        last.ok_or_else(|| Error::Malformed { what: "a question without words".to_owned() })
    }

    async fn wait(
        &self,
        asked: &Asked,
        question: &Question,
        shown: &[Shown],
        mut decision: watch::Receiver<Option<Decision>>,
    ) -> Waited {
        let begun = Instant::now();
        let end = begun + self.pace.approval;
        let mut remind = Some(begun + self.pace.approval / 2);
        let mut stop = asked.stop.clone();
        loop {
            let look = Instant::now() + LOOK;
            let until = remind.unwrap_or(end).min(look).min(end);
            tokio::select! {
                decided = decision.wait_for(Option::is_some) => {
                    // Nobody closes it before this does.
                    let decided = decided.ok().and_then(|decided| *decided);
                    return decided.map_or(Waited::Stopped, Waited::Decided);
                }
                _ = turn::stopped(&mut stop) => return Waited::Stopped,
                () = tokio::time::sleep_until(until) => {}
            }
            if let Some(decision) = self.look(asked, shown).await {
                return Waited::Decided(decision);
            }
            if Instant::now() >= end {
                return Waited::TooLate;
            }
            if remind.is_some_and(|at| at <= Instant::now()) {
                remind = None;
                if let Some(first) = shown.first() {
                    self.reply_at(first.channel, first.root, &question.reminder()).await;
                }
            }
        }
    }

    /// What the person's reactions say by now.
    async fn look(&self, asked: &Asked, shown: &[Shown]) -> Option<Decision> {
        let mut own = Vec::new();
        for post in shown.iter().filter(|post| post.asks) {
            let reactions = self.client.reactions(post.id).await.unwrap_or_default();
            own.extend(reactions.into_iter().filter(|one| asked.key.user == one.user.into()));
        }
        Decision::of_all(own.iter())
    }

    /// Tells the worker, and says how it was decided.
    async fn answer(&self, asked: &Asked, waited: Waited) -> String {
        let decision = match waited {
            Waited::Decided(decision) => Some(decision),
            Waited::TooLate => None,
            // The turn's end says the rest; the worker gave the answer itself.
            Waited::Stopped => return "🛑 Stopped.".to_owned(),
        };
        let allowed = matches!(decision, Some(Decision::Once | Decision::Thread));
        if allowed && !self.may_still_ask(asked).await {
            tracing::warn!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, "allowed by somebody who may not any more");
            asked.reply(PermissionChoice::Reject).await;
            return "🚫 Not allowed: you may not use me any more.".to_owned();
        }
        if decision == Some(Decision::Thread) {
            self.approvals.remember(asked.key, &asked.tool);
        }
        tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, ?decision, "decided");
        let last = self.approvals.count(asked.turn, allowed);
        asked.reply(if allowed { PermissionChoice::Allow } else { PermissionChoice::Reject }).await;
        question::outcome(decision, &asked.tool, last)
    }

    /// By what holds now, asked anew, and no if that cannot be found out.
    async fn may_still_ask(&self, asked: &Asked) -> bool {
        let user = asked.key.user.into();
        let admitted = |author| self.live().gate.admit(&author) == Admission::Admitted;
        self.client.user(user).await.is_ok_and(admitted)
            && self.denied(user, &asked.site, true).await == Ok(None)
    }
}

impl Asked {
    async fn reply(&self, choice: PermissionChoice) {
        let (thread, turn, ask) = (self.key.thread, self.wire, self.ask);
        // A worker that is gone shows at the turn.
        let _ = self.worker.send(&ToWorker::PermissionReply { thread, turn, ask, choice }).await;
    }
}
