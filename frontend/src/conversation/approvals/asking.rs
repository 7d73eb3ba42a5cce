//! Asks a person whether a tool may run, and passes on what they say.
//!
//! Trust: the admin's rules come first, and hold again when the person decides.
//! Only the person who may ask now may also allow now: whether they are let in is
//! looked up again then, too. In doubt, and without an answer in time, the answer
//! is no.

use std::sync::Arc;
use std::time::Duration;

use gaggle_ipc::TurnId;
use gaggle_ipc::session::{GooseMode, PermissionChoice, ToWorker};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Decision;
use super::question::{self, Question};
use super::showing::Shown;
use crate::conversation::{Inner, Key, Stop, turn};
use crate::delivery::Address;
use crate::gate::{Admission, Site};
use crate::policy::{self, Audience};
use crate::render::Transcript;
use crate::state::{ApprovalId, NewApproval, Verdict};
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
    /// The mode of the conversation.
    pub(in crate::conversation) mode: GooseMode,
    pub(in crate::conversation) refused: turn::Refused,
    pub(in crate::conversation) view: watch::Sender<Transcript>,
    pub(in crate::conversation) site: Site,
    pub(in crate::conversation) stop: watch::Receiver<Stop>,
}

/// How the waiting ended.
enum Waited {
    Decided(Decision),
    TooLate,
    Stopped,
}

/// A question under way.
struct Standing {
    question: Question,
    approval: ApprovalId,
    shown: Vec<Shown>,
}

impl Inner {
    /// Answers by the rules, or asks, in a task of its own: the turn goes on
    /// meanwhile. After `enough` failures nothing more is allowed.
    pub(in crate::conversation) fn ask(self: &Arc<Self>, asked: Asked, enough: bool) {
        if enough {
            self.spawn(move |_| async move { asked.reply(PermissionChoice::Reject).await });
            return;
        }
        match self.verdict(&asked) {
            policy::Verdict::Run => {
                tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, "allowed by the rules");
                self.spawn(move |_| async move { asked.reply(PermissionChoice::Allow).await });
            }
            policy::Verdict::Refuse => {
                tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, "forbidden by the rules");
                let note = question::forbidden(&asked.tool, asked.audience());
                asked.view.send_modify(|transcript| transcript.note(note));
                self.spawn(move |_| async move { asked.reply(PermissionChoice::Reject).await });
            }
            policy::Verdict::Ask if self.approvals.remembers(asked.key, &asked.tool) => {
                tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, "allowed for the thread");
                self.spawn(move |inner| async move {
                    let still = inner.may_still_ask(&asked).await;
                    asked.reply(choice(still)).await;
                });
            }
            policy::Verdict::Ask => self.ask_person(asked),
        }
    }

    fn ask_person(self: &Arc<Self>, asked: Asked) {
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
            if let Some((standing, how)) = settled {
                inner.show_outcome(standing.shown, &how).await;
            }
        });
    }

    /// What the rules that are in force now say.
    fn verdict(&self, asked: &Asked) -> policy::Verdict {
        self.live().tools.verdict(&asked.tool, asked.mode, asked.audience())
    }

    /// Asks and tells the worker; the posts that asked, and how it was decided.
    async fn settle(
        &self,
        asked: &Asked,
        name: &str,
        decision: watch::Receiver<Option<Decision>>,
    ) -> Option<(Standing, String)> {
        let standing = match self.stand(asked, name).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::warn!(turn = %asked.turn, %error, "the question was not posted");
                asked.reply(PermissionChoice::Reject).await;
                let (channel, root) = (asked.address.channel, asked.address.root);
                self.reply_at(channel, root, &question::unasked(&asked.tool)).await;
                return None;
            }
        };
        let waited = self.wait(asked, &standing, decision).await;
        let how = self.answer(asked, standing.approval, waited).await;
        Some((standing, how))
    }

    /// Has the question stand where the person sees it, and in the ledger before
    /// that.
    async fn stand(&self, asked: &Asked, name: &str) -> Result<Standing, NotAsked> {
        let channel = self.where_shown(asked).await?;
        let new = NewApproval {
            turn: asked.turn,
            user: asked.key.user,
            tool: asked.tool.clone(),
            channel,
        };
        let (approval, first) = match self.state.open_approval(new).await {
            Ok(opened) => opened,
            Err(error) => {
                self.fail(error);
                return Err(NotAsked::Ledger);
            }
        };
        let question = Question {
            tool: asked.tool.clone(),
            command: asked.command.clone(),
            name: name.to_owned(),
            patience: self.pace.approval,
            first,
        };
        match self.put(asked, &question, (approval, channel)).await {
            Ok(shown) => {
                self.add_buttons(name, &shown).await;
                Ok(Standing { question, approval, shown })
            }
            Err(error) => {
                self.note_verdict(approval, Verdict::Unasked).await;
                Err(error.into())
            }
        }
    }

    async fn wait(
        &self,
        asked: &Asked,
        standing: &Standing,
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
            if let Some(decision) = self.look(asked, &standing.shown).await {
                return Waited::Decided(decision);
            }
            if Instant::now() >= end {
                return Waited::TooLate;
            }
            if remind.is_some_and(|at| at <= Instant::now()) {
                remind = None;
                if let Some(first) = standing.shown.first() {
                    self.reply_at(first.channel, Some(first.root), &standing.question.reminder())
                        .await;
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

    /// Tells the worker, and says how it was decided. The ledger knows first.
    async fn answer(&self, asked: &Asked, approval: ApprovalId, waited: Waited) -> String {
        let decision = match waited {
            Waited::Decided(decision) => Some(decision),
            Waited::TooLate => None,
            // The turn's end says the rest; the worker gave the answer itself.
            Waited::Stopped => {
                self.note_verdict(approval, Verdict::Void).await;
                return "🛑 Stopped.".to_owned();
            }
        };
        let allowed = matches!(decision, Some(Decision::Once | Decision::Thread));
        if allowed && let Some(why) = self.not_any_more(asked).await {
            tracing::warn!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, why, "allowed by somebody who may not any more");
            self.note_verdict(approval, Verdict::Forbidden).await;
            asked.reply(PermissionChoice::Reject).await;
            return format!("🚫 Not allowed: {why}");
        }
        if decision == Some(Decision::Thread) {
            self.approvals.remember(asked.key, &asked.tool);
        }
        self.note_verdict(approval, verdict(decision)).await;
        tracing::info!(turn = %asked.turn, user = %asked.key.user, tool = %asked.tool, %approval, ?decision, "decided");
        let last = self.approvals.count(asked.turn, allowed);
        asked.reply(choice(allowed)).await;
        question::outcome(decision, &asked.tool, last)
    }

    /// Why a yes does not count any more.
    async fn not_any_more(&self, asked: &Asked) -> Option<&'static str> {
        if self.verdict(asked) == policy::Verdict::Refuse {
            return Some("your admin's rules forbid this tool here by now.");
        }
        (!self.may_still_ask(asked).await).then_some("you may not use me any more.")
    }

    async fn note_verdict(&self, approval: ApprovalId, verdict: Verdict) {
        if let Err(error) = self.state.close_approval(approval, verdict).await {
            self.fail(error);
        }
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
    /// Who reads along.
    pub(super) fn audience(&self) -> Audience {
        self.address.audience()
    }

    async fn reply(&self, choice: PermissionChoice) {
        let (thread, turn, ask) = (self.key.thread, self.wire, self.ask);
        if choice == PermissionChoice::Reject {
            self.refused.add();
        }
        // A worker that is gone shows at the turn.
        let _ = self.worker.send(&ToWorker::PermissionReply { thread, turn, ask, choice }).await;
    }
}

/// Why nobody was asked.
#[derive(Debug, thiserror::Error)]
enum NotAsked {
    #[error(transparent)]
    Mattermost(#[from] crate::mattermost::Error),
    #[error("the ledger failed")]
    Ledger,
}

fn choice(allowed: bool) -> PermissionChoice {
    if allowed { PermissionChoice::Allow } else { PermissionChoice::Reject }
}

fn verdict(decision: Option<Decision>) -> Verdict {
    match decision {
        Some(Decision::Once) => Verdict::Once,
        Some(Decision::Thread) => Verdict::Thread,
        Some(Decision::No) => Verdict::No,
        None => Verdict::Expired,
    }
}
