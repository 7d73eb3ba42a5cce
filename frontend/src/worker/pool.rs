//! The worker of each person, started when it is needed.
//!
//! Trust: one worker per Mattermost user id, and none is ever used for another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaggle_ipc::MattermostUserId;
use gaggle_ipc::session::{Settings, ToWorker};
use tokio::sync::watch;

use super::{Worker, WorkerError};
use crate::supervisor::Supervisor;

/// How long a worker may take to end once it has nothing to do.
const RETIRE_LIMIT: Duration = Duration::from_secs(20);

/// All workers. Clones share them.
#[derive(Debug, Clone)]
pub struct Workers {
    supervisor: Supervisor,
    settings: Arc<watch::Sender<Settings>>,
    slots: Arc<Mutex<HashMap<MattermostUserId, Arc<Slot>>>>,
}

/// Held while a worker starts, so that two messages start one.
type Slot = tokio::sync::Mutex<Option<Arc<Worker>>>;

impl Workers {
    /// Workers that `supervisor` starts and that run with `settings`.
    #[must_use]
    pub fn new(supervisor: Supervisor, settings: Settings) -> Self {
        Self { supervisor, settings: Arc::new(watch::Sender::new(settings)), slots: Arc::default() }
    }

    /// The settings that every worker gets when it starts.
    #[must_use]
    pub fn settings(&self) -> Settings {
        *self.settings.borrow()
    }

    /// Workers that start from now on run with `settings`.
    pub fn change(&self, settings: Settings) {
        self.settings.send_replace(settings);
    }

    /// How long Goose may be silent in a turn.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.settings().inactivity_ms.into())
    }

    /// This person's worker, started if none is alive.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub async fn get(&self, user: MattermostUserId) -> Result<Arc<Worker>, WorkerError> {
        let slot = self.slot(user);
        let mut held = slot.lock().await;
        if let Some(worker) = held.as_ref().filter(|worker| worker.is_alive()) {
            return Ok(worker.clone());
        }
        *held = None;
        match Worker::start(&self.supervisor, user, self.settings()).await {
            Ok(worker) => {
                *held = Some(worker.clone());
                Ok(worker)
            }
            Err(error) => {
                // Strangers leave nothing behind.
                self.forget(user, &slot);
                Err(error)
            }
        }
    }

    /// This person's worker, if one is alive and not just being started.
    #[must_use]
    pub fn alive(&self, user: MattermostUserId) -> Option<Arc<Worker>> {
        let slot = self.slots.lock().ok()?.get(&user).cloned()?;
        let held = slot.try_lock().ok()?;
        held.as_ref().filter(|worker| worker.is_alive()).cloned()
    }

    /// All that are alive.
    #[must_use]
    pub fn all_alive(&self) -> Vec<Arc<Worker>> {
        let users: Vec<_> = match self.slots.lock() {
            Ok(slots) => slots.keys().copied().collect(),
            Err(_) => Vec::new(),
        };
        users.into_iter().filter_map(|user| self.alive(user)).collect()
    }

    /// Everybody who has or had a worker.
    #[must_use]
    pub fn people(&self) -> Vec<MattermostUserId> {
        self.slots.lock().map_or_else(|_| Vec::new(), |slots| slots.keys().copied().collect())
    }

    /// Ends this person's worker if `idle` still says so once nobody can get it
    /// any more. Whoever asks meanwhile waits, and gets the next one.
    pub async fn retire(&self, user: MattermostUserId, idle: impl FnOnce() -> bool) {
        let slot = self.slot(user);
        let Ok(mut held) = slot.try_lock() else {
            return;
        };
        if let Some(worker) = held.as_ref().filter(|worker| worker.is_alive()) {
            if !idle() {
                return;
            }
            tracing::info!(%user, worker = %worker.id, "idle, so it is ended");
            let _ = worker.send(&ToWorker::Drain).await;
            if !worker.gone_within(RETIRE_LIMIT).await {
                self.stop(worker).await;
                worker.gone_within(RETIRE_LIMIT).await;
            }
        }
        *held = None;
        self.forget(user, &slot);
    }

    /// Has a worker that does not react stopped.
    pub async fn stop(&self, worker: &Worker) {
        self.supervisor.stop(worker.id).await;
    }

    /// Drops an empty slot. One that somebody else waits for stays: two slots of
    /// one person would start two workers.
    fn forget(&self, user: MattermostUserId, slot: &Arc<Slot>) {
        if let Ok(mut slots) = self.slots.lock()
            && Arc::strong_count(slot) == 2
        {
            slots.remove(&user);
        }
    }

    fn slot(&self, user: MattermostUserId) -> Arc<Slot> {
        match self.slots.lock() {
            Ok(mut slots) => slots.entry(user).or_default().clone(),
            Err(_) => Arc::default(),
        }
    }
}
