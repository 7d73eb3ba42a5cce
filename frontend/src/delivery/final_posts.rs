//! The end of a turn, brought to its thread however long that takes.
//!
//! Trust: as the module above. New posts come before old ones are cut down, and
//! the mark that an answer is whole comes last: a kill in between leaves too
//! much in the thread, never too little.

use serde_json::Value;
use tokio::time::Instant;

use super::slot::{self, Props, Slot};
use super::{Delivery, DeliveryError, PutError};
use crate::mattermost::Error;
use crate::render::{self, Phase, Transcript};
use crate::state::Outcome;

/// Pause after the first failure; it doubles up to [`super::Pace::slowest_edit`].
const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

impl Delivery {
    /// Shows the end. Tries until Mattermost has acknowledged all of it.
    pub(super) async fn finish(&mut self, transcript: &Transcript) -> Result<(), DeliveryError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.finish_once(transcript).await {
                Ok(()) => return Ok(()),
                Err(PutError::State(error)) => return Err(error.into()),
                Err(PutError::Mattermost(error)) => error,
            };
            self.wait_out(error).await?;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.pace.slowest_edit);
        }
    }

    async fn finish_once(&mut self, transcript: &Transcript) -> Result<(), PutError> {
        let (long, outcome) = match &transcript.phase {
            Phase::Withdrawn => return self.withdraw().await,
            Phase::Postponed => return self.postpone(transcript).await,
            Phase::Ended(ending) => (ending.long, ending.outcome),
            _ => (None, Outcome::Failed),
        };
        let rendered = render::posts(transcript, &self.style);
        let begun = self.slots.first().is_some_and(|slot| slot.post().is_some());
        match long {
            Some(took) if begun => {
                self.put_below(&rendered.messages).await?;
                let left = render::progress_left(transcript, self.style.trace, took.as_secs());
                let props = slot::props(rendered.attachments.as_ref(), Some(outcome));
                self.put(0, "answer", &left, props).await?;
                self.remove_beyond(1).await
            }
            _ => {
                let attachments = rendered.attachments.as_ref();
                self.put_in_place(&rendered.messages, attachments, outcome).await
            }
        }
    }

    /// The answer takes the place of the progress.
    async fn put_in_place(
        &mut self,
        messages: &[String],
        attachments: Option<&Value>,
        outcome: Outcome,
    ) -> Result<(), PutError> {
        let done = slot::props(attachments, Some(outcome));
        let Some((first, more)) = messages.split_first() else {
            return Ok(());
        };
        // A first post that is not there yet has to be made before the others.
        if self.slots.first().is_none_or(|slot| slot.post().is_none()) {
            let props = match more {
                [] => done.clone(),
                _ => slot::props(attachments, None),
            };
            self.put(0, "answer", first, props).await?;
        }
        for (at, message) in more.iter().enumerate() {
            self.put(at + 1, "answer", message, Props::new()).await?;
        }
        self.put(0, "answer", first, done).await?;
        self.remove_beyond(messages.len()).await
    }

    /// The answer as new posts below the progress.
    async fn put_below(&mut self, messages: &[String]) -> Result<(), PutError> {
        for (at, message) in messages.iter().enumerate() {
            let message = match &self.outbox.address.person {
                Some(person) if at == 0 => render::with_person(message, person),
                _ => message.clone(),
            };
            while self.below.len() <= at {
                let part = format!("final-{}", self.below.len());
                self.below.push(Slot::new(part));
            }
            let Some(slot) = self.below.get_mut(at) else {
                continue;
            };
            let put = self.outbox.put(slot, &message, Props::new()).await;
            let put = put.map_err(PutError::Mattermost)?;
            if let (slot::Put::Created, Some(post)) = (put, slot.post()) {
                let noted = self.state.turn_answer_post(self.turn, post).await;
                noted.map_err(PutError::State)?;
            }
        }
        Ok(())
    }

    /// Says so where something is shown already.
    async fn postpone(&mut self, transcript: &Transcript) -> Result<(), PutError> {
        let rendered = render::posts(transcript, &self.style);
        if let Some(message) = rendered.messages.first()
            && self.slots.first().is_some_and(|slot| slot.post().is_some())
        {
            self.put(0, "answer", message, Props::new()).await?;
        }
        Ok(())
    }

    async fn withdraw(&mut self) -> Result<(), PutError> {
        self.remove_beyond(0).await
    }

    async fn remove_beyond(&mut self, kept: usize) -> Result<(), PutError> {
        while self.slots.len() > kept {
            if let Some(post) = self.slots.last().and_then(Slot::post) {
                match self.outbox.delete(post).await {
                    // Gone already, with its thread perhaps.
                    Ok(()) | Err(Error::Forbidden { .. } | Error::NotFound { .. }) => {}
                    Err(error) => return Err(PutError::Mattermost(error)),
                }
            }
            self.slots.pop();
        }
        Ok(())
    }
}

/// How long a turn took that began then, if that is long for a reader.
#[must_use]
pub fn long(began: Instant, limit: std::time::Duration) -> Option<std::time::Duration> {
    Some(began.elapsed()).filter(|took| *took > limit)
}
