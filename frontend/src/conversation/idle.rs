//! Ends the workers that nobody has needed for a while.
//!
//! Trust: nobody; Goose keeps its conversations on disk and the ledger knows
//! them, so that the next message goes on where the last one ended.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gaggle_ipc::{MattermostUserId, WorkerId};
use tokio::time::Instant;

use super::Inner;

/// Between two looks there is a tenth of the limit, but neither more nor less
/// than these.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);

/// Looks for idle workers as long as there are conversations.
pub(super) async fn run(conversations: Weak<Inner>, limit: Duration) {
    let pause = (limit / 10).clamp(SHORTEST, LONGEST);
    let mut seen = HashMap::new();
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = conversations.upgrade() else {
            return;
        };
        if inner.stopping.load(Ordering::Acquire) {
            return;
        }
        look(&inner, limit, &mut seen).await;
    }
}

/// When each worker was first seen here: one that was started for a word about
/// itself never had a turn.
type Seen = HashMap<(MattermostUserId, WorkerId), Instant>;

async fn look(inner: &Inner, limit: Duration, seen: &mut Seen) {
    let people = inner.workers.people();
    inner.registry.forget_others(&people);
    let alive = people.iter().filter_map(|user| Some((*user, inner.workers.alive(*user)?.id)));
    let alive: Vec<_> = alive.collect();
    seen.retain(|worker, _| alive.contains(worker));
    for worker in alive {
        let since = *seen.entry(worker).or_insert_with(Instant::now);
        let (user, _) = worker;
        if since.elapsed() < limit || !inner.registry.is_quiet(user, limit) {
            continue;
        }
        // A turn is in the registry before it asks for its worker: one that is
        // not there now will wait for the next worker.
        inner.workers.retire(user, || inner.registry.is_quiet(user, limit)).await;
    }
}
