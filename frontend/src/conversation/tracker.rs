//! Counts what a planned stop has to wait for.
//!
//! Trust: nobody.

use std::time::Duration;

use tokio::sync::watch;

/// How many things are under way.
#[derive(Debug, Default)]
pub(super) struct Tracker(watch::Sender<usize>);

/// One thing under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Held(watch::Sender<usize>);

impl Tracker {
    pub(super) fn hold(&self) -> Held {
        self.0.send_modify(|count| *count += 1);
        Held(self.0.clone())
    }

    /// Waits until nothing is under way; `false` if that takes longer.
    pub(super) async fn idle_within(&self, limit: Duration) -> bool {
        let mut count = self.0.subscribe();
        tokio::time::timeout(limit, count.wait_for(|count| *count == 0)).await.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
