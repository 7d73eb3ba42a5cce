//! Puts a question in its thread's line, and its answer on the way.
//!
//! Trust: the gate let the person in, and the ledger has the question.

use std::sync::Arc;

use gaggle_ipc::session::ToWorker;
use gaggle_ipc::{MattermostUserId, TurnId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::registry::Active;
use super::{Inner, Job, Key, Prompt, Stop, thread, typing};
use crate::delivery::{Address, Delivery, DeliveryError, Order};
use crate::render::{Phase, Transcript};
use crate::state::Outcome;

/// How a turn is shown.
struct Manner {
    user: MattermostUserId,
    quiet: bool,
    again: bool,
}

impl Inner {
    /// Puts a prompt in its thread's queue and shows that.
    pub(super) fn begin(self: &Arc<Self>, prompt: Prompt) {
        let Prompt { turn, key, address, asked, site, author, text, summary, .. } = prompt;
        let (stopper, stop) = watch::channel(Stop::No);
        let (begun, begins) = watch::channel(false);
        let mut transcript = Transcript::new(Phase::Queued);
        prompt.note.into_iter().for_each(|note| transcript.note(note));
        let (view, watched) = watch::channel(transcript);
        let active = Active {
            turn,
            asked: asked.post,
            channel: asked.channel,
            view: watched.clone(),
            stop: stopper.clone(),
            begun: begins,
        };
        let place = match self.registry.join(key, active) {
            Ok(place) => place,
            Err(refused) => {
                self.spawn(move |inner| async move {
                    inner.decline(turn, &address, refused.words()).await
                });
                return;
            }
        };
        tracing::info!(%turn, user = %key.user, thread = %key.thread, ahead = place.ahead, "asked");
        if let Some(evicted) = place.evicted {
            self.close(evicted);
        }
        // Whoever had a worker may have one: that need not be found out first.
        let welcome = self.people.was_served(key.user) || self.workers.alive(key.user).is_some();
        let phase = match (place.ahead, welcome) {
            (0, true) => Phase::Working(Instant::now()),
            (0, false) => Phase::Held,
            _ => Phase::Queued,
        };
        view.send_modify(|transcript| transcript.phase = phase);
        let shown = (watched, Order { after: place.after, begun });
        let manner = Manner { user: key.user, quiet: prompt.quiet, again: prompt.again };
        let stands = self.deliver(turn, address.clone(), shown, stopper, manner);
        if let Some(jobs) = place.new {
            tokio::spawn(thread::run(self.clone(), jobs));
        }
        // The registry bounds a thread's jobs below what the queue holds.
        let files = prompt.files;
        let _ = place.jobs.try_send(Job {
            turn,
            key,
            text,
            files,
            summary,
            author,
            address,
            asked,
            site,
            view,
            stop,
            stands,
        });
    }

    fn deliver(
        self: &Arc<Self>,
        turn: TurnId,
        address: Address,
        shown: (watch::Receiver<Transcript>, Order),
        stop: watch::Sender<Stop>,
        Manner { user, quiet, again }: Manner,
    ) -> watch::Receiver<bool> {
        let (standing, stands) = watch::channel(false);
        let (channel, root) = (address.channel, address.root);
        let pace = (self.live().style.clone(), self.pace);
        let view = shown.0.clone();
        let mut delivery =
            Delivery::new(self.client.clone(), self.state.clone(), turn, address, shown, pace);
        if quiet {
            delivery = delivery.quiet();
        }
        self.spawn(move |inner| async move {
            let typing = async {
                typing::show(&inner, turn, (channel, root), view).await;
                std::future::pending::<()>().await;
            };
            let deliver = async {
                if again {
                    delivery.adopt().await?;
                }
                delivery.run().await
            };
            // The hint ends with what it hints at.
            let delivered = tokio::select! {
                delivered = deliver => delivered,
                () = typing => return,
            };
            match delivered {
                Ok(cut_short) => {
                    tracing::info!(%turn, "answered");
                    standing.send_replace(true);
                    if let Some(post) = cut_short {
                        inner.offer_again(post, user).await;
                    }
                }
                Err(DeliveryError::State(error)) => inner.fail(error),
                Err(error) => {
                    tracing::warn!(%turn, %error, "not answered");
                    stop.send_replace(Stop::Gone);
                }
            }
        });
        stands
    }

    /// Says why a turn is not begun, and closes it.
    pub(super) async fn decline(&self, turn: TurnId, address: &Address, text: &str) {
        let outcome = Outcome::Refused;
        self.answer_at(address.channel, address.root, (address.asked, outcome), text).await;
        if let Err(error) = self.state.end_turn(turn, outcome).await {
            self.fail(error);
        }
    }

    /// Has the worker forget a conversation; Goose keeps it on disk.
    pub(super) fn close(self: &Arc<Self>, key: Key) {
        tracing::info!(user = %key.user, thread = %key.thread, "set aside");
        self.spawn(move |inner| async move {
            // It may have been taken up again meanwhile.
            if let Some(worker) = inner.workers.alive(key.user)
                && !inner.registry.knows(key)
            {
                let _ = worker.send(&ToWorker::CloseThread { thread: key.thread }).await;
            }
        });
    }
}
