//! The turns of one conversation, one after the other.
//!
//! Trust: nobody new.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Inner, Job, turn};

/// Runs jobs until the conversation is set aside.
pub(super) async fn run(inner: Arc<Inner>, mut jobs: mpsc::Receiver<Job>) {
    let mut past = None;
    while let Some(job) = jobs.recv().await {
        let (key, turn) = (job.key, job.turn);
        // The ledger knows also what was before the conversation was set aside.
        let before = match past {
            Some(past) => past,
            None => inner.past(key, turn).await,
        };
        let ran = turn::run(&inner, job, before).await;
        past = Some(ran.past);
        inner.approvals.forget(turn);
        if let Some(outgoing) = ran.outgoing {
            outgoing.send(&inner).await;
        }
        inner.people.served(key.user, ran.served);
        if ran.served {
            inner.registry.leave(key, turn);
        } else {
            inner.registry.leave_for_good(key, turn);
        }
    }
}
