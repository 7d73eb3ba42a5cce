//! The worker's side: starts the probe where a Goose would run, and passes on
//! what it says.
//!
//! Trust: the frontend only says when. The probe runs in domain B, so its words
//! are worth what an agent's are: they must be the lines of this program's own
//! list, in its order, within size and time, and are passed on unread.

use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use gaggle_ipc::Text;
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::session::{FromWorker, GooseMode};
use tokio::process::ChildStdout;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::report::{self, MAX_LINE};
use super::{ATTACKS, Attack};
use crate::exec_agent::Program;
use crate::outbox::Outbox;
use crate::spawner::Started;
use crate::stage::Shared;

/// How long all attacks together may take.
const LIMIT: Duration = Duration::from_secs(45);
/// How long a probe may take to end by itself, and a killed one to die.
const DEATH: Duration = Duration::from_secs(2);

/// At most one running probe.
pub(crate) struct Relay {
    shared: Rc<Shared>,
    /// Ends the running one when it is dropped.
    running: Option<oneshot::Sender<()>>,
}

impl Relay {
    /// None runs.
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, running: None }
    }

    /// Starts the probe in `serving`, unless one runs or nothing new is taken.
    pub(crate) fn begin(&mut self, serving: &mut JoinSet<()>, draining: bool) {
        let busy = self.running.as_ref().is_some_and(|running| !running.is_closed());
        if busy || draining {
            return self.shared.outbox.of_worker(FromWorker::ProbeEnded { complete: false });
        }
        let (running, ended) = oneshot::channel();
        self.running = Some(running);
        serving.spawn_local(probe(Rc::clone(&self.shared), ended));
    }

    /// Ends the running probe, if there is one.
    pub(crate) fn end(&mut self) {
        self.running = None;
    }
}

async fn probe(shared: Rc<Shared>, mut ended: oneshot::Receiver<()>) {
    // No mode is in force before a turn; this one has no folder of its own.
    let complete = match shared.spawner.start(Program::Probe, GooseMode::Approve) {
        Ok(mut started) => {
            let (complete, grace) = tokio::select! {
                complete = relay(&shared.outbox, started.child.stdout.take()) => (complete, DEATH),
                _ = &mut ended => (false, Duration::ZERO),
            };
            end(started, grace).await;
            complete
        }
        Err(error) => {
            tracing::error!("the isolation probe: {error}");
            false
        }
    };
    // Before the last word, so that whoever hears it may ask again.
    drop(ended);
    shared.outbox.of_worker(FromWorker::ProbeEnded { complete });
}

/// Passes on a line for each attack. Returns whether all were there.
async fn relay(outbox: &Outbox, output: Option<ChildStdout>) -> bool {
    let Some(output) = output else { return false };
    let mut lines = FramedRead::new(output, LinesCodec::new_with_max_length(MAX_LINE));
    let all = async {
        for attack in ATTACKS {
            let Some(Ok(line)) = lines.next().await else { return false };
            let Some(message) = probed(attack, &line) else { return false };
            outbox.of_worker(message);
        }
        true
    };
    let complete = timeout(LIMIT, all).await.unwrap_or(false);
    if !complete {
        tracing::error!("the isolation probe did not come to its end");
    }
    complete
}

fn probed(attack: &Attack, line: &str) -> Option<FromWorker> {
    let (name, outcome) = report::parse(line)?;
    (name == attack.name).then(|| FromWorker::Probed {
        attack: Text::lossy(name),
        outcome: outcome.verdict,
        detail: Text::lossy(&outcome.detail),
    })
}

/// Sees to the probe's end, after `grace` by force.
async fn end(started: Started, grace: Duration) {
    let Started { mut child, leaf, own } = started;
    // By itself first: then its status names the step that failed.
    let status = timeout(grace, child.wait()).await;
    if let Some(leaf) = &leaf {
        leaf.kill();
    }
    let _ = child.start_kill();
    match status {
        Ok(Ok(status)) => tracing::info!("the isolation probe ended: {}", step_or(status)),
        _ if timeout(DEATH, child.wait()).await.is_ok() => {}
        _ => tracing::error!("a killed isolation probe does not end; the kernel holds it"),
    }
    if let Some(leaf) = leaf {
        leaf.end().await;
    }
    drop(own);
}

fn step_or(status: ExitStatus) -> String {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let step = code.and_then(LaunchStep::from_exit_status);
    step.map_or_else(|| status.to_string(), |step| format!("{} failed", step.name()))
}
