//! Notices that a question was deleted while its turn runs.
//!
//! Trust: a line tells of it at once; this asks, for when there is none, or it
//! was lost on the way. Only "there is no such post" counts.

use std::sync::Weak;
use std::time::Duration;

use super::Inner;
use crate::mattermost::Error;

/// Asks for each running turn's question as long as there are conversations.
pub(super) async fn run(conversations: Weak<Inner>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = conversations.upgrade() else {
            return;
        };
        for asked in inner.registry.asked() {
            if let Err(Error::NotFound { .. }) = inner.client.post(asked).await {
                tracing::info!(post = %asked, "the question is gone");
                inner.registry.withdraw(asked);
            }
        }
    }
}
