//! Who is in which team, remembered for a moment.
//!
//! Trust: Mattermost says so. Where it does not, nobody is let in: a server that
//! cannot be reached is asked again later, a team that the bot may not look into
//! is one that nobody can be shown to be in.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use gaggle_ipc::MattermostId;
use tokio::time::Instant;

use crate::mattermost::{Client, Error};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(60);
/// Most answers that are remembered.
const MAX_KNOWN: usize = 10_000;

type Known = HashMap<(MattermostId, MattermostId), (Instant, bool)>;

#[derive(Debug)]
pub(super) struct Teams {
    client: Client,
    known: Mutex<Known>,
}

impl Teams {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    /// In which of `teams` `user` is, as far as the bot may know. `fresh` asks
    /// anew.
    ///
    /// # Errors
    /// [`Error`] that may pass.
    pub(super) async fn of(
        &self,
        user: MattermostId,
        teams: &HashSet<MattermostId>,
        fresh: bool,
    ) -> Result<HashMap<MattermostId, bool>, Error> {
        let mut found = HashMap::new();
        for team in teams {
            if let Some(is) = self.known(*team, user).filter(|_| !fresh) {
                found.insert(*team, is);
                continue;
            }
            match self.client.is_team_member(*team, user).await {
                Ok(is) => {
                    self.remember(*team, user, is);
                    found.insert(*team, is);
                }
                Err(error @ (Error::Forbidden { .. } | Error::Rejected { .. })) => {
                    tracing::warn!(%team, %error, "nobody can be shown to be in this team or not: is the bot in it?");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn known(&self, team: MattermostId, user: MattermostId) -> Option<bool> {
        let known = self.known.lock().ok()?;
        known.get(&(team, user)).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, is)| *is)
    }

    fn remember(&self, team: MattermostId, user: MattermostId, is: bool) {
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert((team, user), (Instant::now(), is));
        }
    }
}
