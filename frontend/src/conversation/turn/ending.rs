//! The last word on a turn.
//!
//! Trust: what the worker says of a failure goes to the journal under an error
//! id; people get a sentence of ours.

use std::sync::Arc;

use gaggle_ipc::control::RefusalCode;
use gaggle_ipc::session::{Failure, FailureKind, TurnEnd};
use tokio::time::Instant;

use super::super::{Inner, Job, Stop};
use super::End;
use crate::delivery;
use crate::render::{Ending, Phase};
use crate::state::Outcome;
use crate::supervisor::StartError;
use crate::words::{self, ErrorId};
use crate::worker::WorkerError;

const INTERRUPTED: &str =
    "What I did until then is done. Click 🔁 to have me begin it again, or ask in other words.";
const DELETED: &str = "🛑 Stopped: what you asked was deleted.";
const NOTHING: &str =
    "There is nothing for me to work on. Please send it again, or write what you need.";
const RESTARTED: &str = "Interrupted: I was restarted.";

/// Tells the thread how the turn ended, and with that the ledger, which will have
/// what this returns; `None` if it is told elsewhere or later.
pub(super) fn tell(inner: &Arc<Inner>, job: &Job, end: End, began: Instant) -> Option<Outcome> {
    let stopped = *job.stop.borrow();
    let (outcome, note) = match end {
        End::Ledger(error) => {
            inner.fail(error);
            return postpone(job);
        }
        End::Unsent(Stop::Shutdown) => return postpone(job),
        End::NotStarted(error) => not_started(inner, job, &error)?,
        End::Nothing => (Outcome::Refused, Some(NOTHING.to_owned())),
        End::Unsent(Stop::Deleted) => (Outcome::Cancelled, Some(DELETED.to_owned())),
        End::Unsent(_) => (Outcome::Cancelled, Some("🛑 Stopped before it began.".to_owned())),
        End::Said(end) => said(job, end, stopped),
        End::GaveUp(question) => (Outcome::Cancelled, Some(question)),
        End::WorkerGone(_) | End::Silent if stopped == Stop::Shutdown => {
            (Outcome::Interrupted, Some(format!("⚠️ {RESTARTED} {INTERRUPTED}")))
        }
        End::Silent if stopped.by_person().is_some() => {
            (Outcome::Cancelled, stopped.by_person().map(str::to_owned))
        }
        End::WorkerGone(exit) => {
            let id = ErrorId::new();
            tracing::warn!(turn = %job.turn, %id, ?exit, "the worker went away in the middle");
            let why =
                exit.as_ref().map_or("Your agent ended unexpectedly.".to_owned(), words::exit);
            (Outcome::Interrupted, Some(warning(&format!("Interrupted. {why} {INTERRUPTED}"), id)))
        }
        End::Silent => {
            let id = ErrorId::new();
            tracing::warn!(turn = %job.turn, %id, "the worker did not react");
            let why = "Interrupted: your agent did not react any more and was stopped.";
            (Outcome::Interrupted, Some(warning(&format!("{why} {INTERRUPTED}"), id)))
        }
    };
    let long = delivery::long(began, inner.pace.long);
    job.view.send_modify(|transcript| transcript.end(Ending { outcome, note, long }));
    Some(outcome)
}

impl Stop {
    /// What to say if the person wanted it.
    fn by_person(self) -> Option<&'static str> {
        match self {
            Self::Person => Some("🛑 Stopped."),
            Self::Deleted => Some(DELETED),
            Self::No | Self::Gone | Self::Shutdown => None,
        }
    }
}

/// Leaves the turn to the process that comes next.
fn postpone(job: &Job) -> Option<Outcome> {
    job.view.send_modify(|transcript| transcript.phase = Phase::Postponed);
    None
}

type Told = (Outcome, Option<String>);

fn said(job: &Job, end: TurnEnd, stopped: Stop) -> Told {
    match end {
        TurnEnd::Complete if job.view.borrow().answer.trim().is_empty() => {
            let failure = Failure {
                kind: FailureKind::EmptyAnswer,
                detail: gaggle_ipc::Text::default(),
                may_have_acted: true,
            };
            failed(job, &failure)
        }
        TurnEnd::Complete => (Outcome::Complete, None),
        TurnEnd::Cancelled if stopped.by_person().is_some() => {
            (Outcome::Cancelled, stopped.by_person().map(str::to_owned))
        }
        TurnEnd::Cancelled => (Outcome::Interrupted, Some(format!("⚠️ {RESTARTED} {INTERRUPTED}"))),
        TurnEnd::Failed(failure) => failed(job, &failure),
        end => (Outcome::Complete, words::shortened(&end).map(|note| format!("⚠️ {note}"))),
    }
}

fn failed(job: &Job, failure: &Failure) -> Told {
    let id = ErrorId::new();
    tracing::warn!(
        turn = %job.turn,
        user = %job.key.user,
        %id,
        kind = ?failure.kind,
        detail = failure.detail.as_str(),
        may_have_acted = failure.may_have_acted,
        "turn failed"
    );
    (Outcome::Failed, Some(warning(words::failure(failure.kind), id)))
}

/// `None` if the person is told elsewhere.
fn not_started(inner: &Arc<Inner>, job: &Job, error: &WorkerError) -> Option<Told> {
    if let WorkerError::Start(StartError::Refused(refusal)) = error
        && refusal.code == RefusalCode::Unmapped
    {
        tracing::info!(turn = %job.turn, user = %job.key.user, "not mapped");
        job.view.send_modify(|transcript| transcript.phase = Phase::Withdrawn);
        let (name, user) = (job.author.username.clone(), job.author.id);
        inner.spawn(move |inner| async move {
            inner.notices.tell(user, &words::not_set_up(&name, user.into())).await;
        });
        return None;
    }
    let id = ErrorId::new();
    tracing::warn!(turn = %job.turn, user = %job.key.user, %id, %error, "no worker");
    Some((Outcome::Refused, Some(warning(&words::not_started(error), id))))
}

fn warning(sentence: &str, id: ErrorId) -> String {
    format!("⚠️ {}", words::with_id(sentence, id))
}
