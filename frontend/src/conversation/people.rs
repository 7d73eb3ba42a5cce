//! People's names and whether they are people, remembered for a while.
//!
//! Trust: Mattermost says who is a bot. Ids are what counts; names are shown only.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use gaggle_ipc::{MattermostId, MattermostUserId};
use tokio::time::Instant;

use crate::mattermost::{Client, Error, User};

/// How long an answer is good for: a person deactivated meanwhile still talks
/// to a worker that root itself would have stopped.
const FRESH: Duration = Duration::from_secs(300);
/// Most people that are remembered.
const MAX_KNOWN: usize = 5000;

#[derive(Debug)]
pub(super) struct People {
    client: Client,
    known: Mutex<HashMap<MattermostId, (Instant, User)>>,
    served: Mutex<HashSet<MattermostUserId>>,
}

impl People {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default(), served: Mutex::default() }
    }

    pub(super) async fn get(&self, id: MattermostId) -> Result<User, Error> {
        if let Ok(known) = self.known.lock()
            && let Some((at, user)) = known.get(&id)
            && at.elapsed() < FRESH
        {
            return Ok(user.clone());
        }
        let user = self.client.user(id).await?;
        self.remember(&user);
        Ok(user)
    }

    /// Those of several people that exist; of the others nothing is said.
    pub(super) async fn all(
        &self,
        ids: HashSet<MattermostId>,
    ) -> Result<HashMap<MattermostId, User>, Error> {
        let mut found = HashMap::new();
        if let Ok(known) = self.known.lock() {
            let fresh = |id: &MattermostId| known.get(id).filter(|(at, _)| at.elapsed() < FRESH);
            found.extend(ids.iter().filter_map(|id| Some((*id, fresh(id)?.1.clone()))));
        }
        let missing: Vec<_> = ids.into_iter().filter(|id| !found.contains_key(id)).collect();
        for user in self.client.users_by_ids(&missing).await? {
            self.remember(&user);
            found.insert(user.id, user);
        }
        Ok(found)
    }

    fn remember(&self, user: &User) {
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(user.id, (Instant::now(), user.clone()));
        }
    }

    /// A turn of theirs ended; whether they had a worker for it.
    pub(super) fn served(&self, id: MattermostUserId, had_worker: bool) {
        if let Ok(mut served) = self.served.lock() {
            if !had_worker {
                served.remove(&id);
            } else if served.len() < MAX_KNOWN {
                served.insert(id);
            }
        }
    }

    /// They had a worker for their last turn.
    pub(super) fn was_served(&self, id: MattermostUserId) -> bool {
        self.served.lock().is_ok_and(|served| served.contains(&id))
    }
}
