//! The turns of one conversation, one after the other.
//!
//! Trust: nobody new.

use std::sync::Arc;

use gaggle_ipc::session::Before;
use tokio::sync::mpsc;

use super::{Inner, Job, turn};

/// Runs jobs until the conversation is set aside.
pub(super) async fn run(inner: Arc<Inner>, mut jobs: mpsc::Receiver<Job>, mut before: Before) {
    while let Some(job) = jobs.recv().await {
        let (key, turn) = (job.key, job.turn);
        let ran = turn::run(&inner, job, before).await;
        before = ran.next;
        if ran.served {
            inner.registry.leave(key, turn);
        } else {
            inner.registry.leave_for_good(key, turn);
        }
    }
}
