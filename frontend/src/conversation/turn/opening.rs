//! How a turn begins: where the last one ended, anew, or with what another thread
//! had until now.
//!
//! Trust: the ledger. A worker lets go of what a turn does not go on with before
//! it hears of the turn.

use gaggle_ipc::session::{Before, ToWorker};

use super::{SendError, Turn};
use crate::conversation::{Job, Key, Past};
use crate::mattermost::ChannelKind;
use crate::state::{Bearings, Opening, Told};
use crate::worker::Worker;

impl Bearings {
    /// What Goose has of the turns before `job`, by how it begins.
    pub(super) fn past(&self, past: Past, job: &Job) -> Past {
        match self.opening {
            Opening::GoesOn => past,
            // Whoever begins anew does not want what was said before to come back
            // as what others said.
            Opening::Anew => {
                let seen = Some(job.asked.create_at.saturating_sub(1));
                Past { before: Before::Complete, told: Told { seen, ..Told::default() } }
            }
            // What others said here is new to it. The person's own turns are another
            // conversation of theirs, which they left.
            Opening::TakenFrom(_) => {
                let alone = job.site.kind == ChannelKind::Direct;
                let seen = alone.then(|| job.asked.create_at.saturating_sub(1));
                let before = if self.cut_short { Before::Interrupted } else { Before::Complete };
                Past { before, told: Told { seen, ..Told::default() } }
            }
        }
    }
}

impl Turn<'_> {
    /// Has the worker let go of what this turn does not go on with.
    pub(super) async fn open(
        &mut self,
        worker: &Worker,
        bearings: &Bearings,
    ) -> Result<(), SendError> {
        if let Some(number) = bearings.gone_on {
            let note = format!(
                "The conversation of this thread went on elsewhere, so I begin anew here. `!resume {number}` takes it back."
            );
            self.job.view.send_modify(|transcript| transcript.note(note));
        }
        let Key { user, thread } = self.job.key;
        let left = match bearings.opening {
            Opening::GoesOn => return Ok(()),
            Opening::Anew => None,
            Opening::TakenFrom(from) => {
                let other = Key { user, thread: from };
                Some(from).filter(|_| from != thread && !self.inner.registry.knows(other))
            }
        };
        for thread in [Some(thread), left].into_iter().flatten() {
            let close = ToWorker::CloseThread { thread };
            worker.send(&close).await.map_err(|_| SendError::Worker)?;
        }
        Ok(())
    }
}
