//! How a turn begins: where the last one ended, anew, or with what another thread
//! had until now.
//!
//! Trust: the ledger. A worker lets go of what a turn does not go on with before
//! it hears of the turn.

use gaggle_ipc::session::{Before, ToWorker};

use super::{SendError, Turn};
use crate::conversation::{Job, Key, Past};
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
            // How its last turn ended is another thread's to know: Goose's own record
            // is looked at. Of this thread it has nothing.
            Opening::TakenFrom(_) => {
                let anew = Some(job.turn);
                Past { before: Before::Interrupted, told: Told { anew, ..Told::default() } }
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
