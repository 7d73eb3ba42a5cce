//! Posts that are stored later than their time of creation says, as happens
//! when a database commits in another order.
//!
//! Trust: the wait is bounded, and ends with the simulator.

use std::time::Duration;

use tokio::time::timeout;

use super::error::ApiError;
use super::ids::Id;
use super::posting::Draft;
use super::server::App;

/// A post is held back no longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// Stores a draft, held back if that is asked for. A client that goes away
/// meanwhile does not stop it.
pub(super) async fn commit(app: &App, draft: Draft) -> Result<Id, ApiError> {
    let Some(newer) = app.faults.take_late() else {
        return app.change(|state| state.commit(draft));
    };
    let known = app.change(|state| {
        state.held += 1;
        state.newest_row(draft.post.channel_id)
    });
    let app = app.clone();
    let task = tokio::spawn(async move {
        let channel = draft.post.channel_id;
        let mut changes = app.changes();
        let wait = async {
            while !app.is_stopped()
                && app.read(|state| state.rows_after(channel, known)) < newer as usize
                && changes.changed().await.is_ok()
            {}
        };
        // When nothing newer comes it is stored all the same.
        let _ = timeout(LONGEST, wait).await;
        app.change(|state| {
            state.held -= 1;
            state.commit(draft)
        })
    });
    task.await.unwrap_or_else(|_| Err(ApiError::full()))
}
