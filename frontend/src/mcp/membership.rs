//! Who is in which channel or team, remembered for a short while.
//!
//! Trust: the server. Whoever was removed is seen for [`FRESH`] more at most by what
//! reads; what writes always asks anew.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use tokio::time::Instant;

use crate::mattermost::{Client, Error};

/// How long an answer counts.
pub(super) const FRESH: Duration = Duration::from_secs(30);
/// Most answers that are remembered.
const MOST: usize = 20_000;

/// Of what somebody is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Channel(MattermostId),
    Team(MattermostId),
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Memberships(Mutex<HashMap<(Of, MattermostId), (bool, Instant)>>);

impl Memberships {
    /// Whether `user` is in it. What `client` may not know counts as no.
    pub(super) async fn has(
        &self,
        client: &Client,
        of: Of,
        user: MattermostId,
        anew: bool,
    ) -> Result<bool, Error> {
        let known = |book: &HashMap<_, (bool, Instant)>| {
            book.get(&(of, user)).filter(|(_, at)| at.elapsed() < FRESH).map(|(is, _)| *is)
        };
        if !anew && let Some(is) = self.0.lock().ok().and_then(|book| known(&book)) {
            return Ok(is);
        }
        // From before it was asked: the answer is never older than that.
        let at = Instant::now();
        let asked = match of {
            Of::Channel(channel) => client.channel_member(channel, user).await.map(|_| true),
            Of::Team(team) => client.is_team_member(team, user).await,
        };
        let is = match asked {
            Ok(is) => is,
            Err(Error::NotFound { .. } | Error::Forbidden { .. }) => false,
            Err(error) => return Err(error),
        };
        if let Ok(mut book) = self.0.lock() {
            if book.len() >= MOST {
                book.retain(|_, (_, at)| at.elapsed() < FRESH);
            }
            if book.len() >= MOST {
                book.clear();
            }
            book.insert((of, user), (is, at));
        }
        Ok(is)
    }
}
