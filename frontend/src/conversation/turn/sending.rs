//! What a turn sends: the prompt with its surroundings, and how it is to be answered.
//!
//! Trust: nothing comes in here. The ledger says that a prompt was sent before it is.

use gaggle_ipc::session::{GooseMode, Part, ToWorker};
use gaggle_ipc::{ModelName, TurnId};

use super::super::files::Brought;
use super::super::prompt::Composed;
use super::{End, Turn, stopped};
use crate::state::{Bearings, StateError};
use crate::worker::Worker;

/// Why it was not sent.
pub(super) enum SendError {
    /// The worker is gone, and did not get the prompt.
    Worker,
    Ledger(StateError),
}

impl Turn<'_> {
    /// What is sent to Goose, as it was at the first try.
    pub(super) fn compose(&self) -> impl Future<Output = Result<Composed, End>> + use<> {
        let (inner, asking) = (self.inner.clone(), self.job.asking(self.told));
        let (known, mut stop) = (self.composed.clone(), self.job.stop.clone());
        async move {
            if let Some(known) = known {
                return Ok(known);
            }
            tokio::select! {
                composed = inner.compose(asking) => composed.map_err(End::Ledger),
                stop = stopped(&mut stop) => Err(End::Unsent(stop)),
            }
        }
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, worker: &Worker, turn: TurnId) -> Result<(), SendError> {
        let (key, ledger) = (self.job.key, self.job.turn);
        let thread = key.thread;
        let state = &self.inner.state;
        let bearings = state.bearings(ledger).await.map_err(SendError::Ledger)?;
        self.open(worker, &bearings).await?;
        let composed = self.composed.clone().unwrap_or_default();
        let Brought { text, images, .. } = self.brought.clone().unwrap_or_default();
        for text in Part::pieces(&(composed.text + &text)) {
            let part = ToWorker::PromptPart { thread, turn, text };
            worker.send(&part).await.map_err(|_| SendError::Worker)?;
        }
        for name in images {
            let image = ToWorker::PromptImage { thread, turn, name };
            worker.send(&image).await.map_err(|_| SendError::Worker)?;
        }
        if !self.sent {
            state.turn_sent(ledger, composed.told).await.map_err(SendError::Ledger)?;
            self.sent = true;
        }
        let (mode, model) = self.answered_with(&bearings);
        let (resume, before) = (bearings.session, self.before);
        let prompt = ToWorker::Prompt { thread, turn, resume, before, mode, model };
        worker.send(&prompt).await.map_err(|_| SendError::Worker)
    }

    /// The mode and the model of this turn, decided anew for each.
    fn answered_with(&self, bearings: &Bearings) -> (GooseMode, Option<ModelName>) {
        let live = self.inner.live();
        let mode = live.tools.goose_mode(self.mode, self.job.address.audience());
        let chosen = live.model_of(bearings.choice.model.as_ref());
        (mode, chosen.or(bearings.usual_model.as_ref()).cloned())
    }
}
