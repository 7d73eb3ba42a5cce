//! Rows of `docs/attacks.md`: a frontend taken over: the control socket and the token in hand.
//!
//! The attacker is `gaggle-probe` under the frontend's own account, in a lab in
//! which the real frontend was not started.

mod connections;
mod crash;
mod injection;
mod reach;
mod requests;
mod sessions;
mod starts;

use std::time::Duration;

use anyhow::Result;
use gaggle_ipc::session::{Settings, ToWorker};
use gaggle_tests::lab::{Lab, Which, wait};

/// What happens at all happens within this.
const SOON: Duration = Duration::from_secs(20);

/// The first frame of an honest frontend.
const CONFIGURE: ToWorker =
    ToWorker::Configure(Settings { inactivity_ms: 60_000, idle_ms: 60_000, spare: false });

/// Alice, bob and a supervisor that waits for a frontend.
#[track_caller]
fn lab() -> Result<Option<Lab>> {
    Lab::builder().without_frontend().start_if_possible()
}

/// How many records of that event there are.
fn records(lab: &Lab, event: &str) -> usize {
    lab.namespace.records().iter().filter(|record| record.is(event)).count()
}

/// Waits until nothing of any worker runs.
fn no_worker_is_left(lab: &Lab) -> bool {
    wait::until(SOON, || lab.namespace.processes("workers").is_empty().then_some(())).is_some()
}

/// How many descriptors the supervisor has open.
fn descriptors(lab: &mut Lab) -> Result<usize> {
    let pid = lab.service(Which::Supervisor)?.pid();
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
