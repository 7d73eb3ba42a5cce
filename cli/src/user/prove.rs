//! After a change: the running supervisor reads it, and one start shows that
//! the person can be served.
//!
//! Trust: the supervisor. What the started worker says is read elsewhere,
//! without privileges.

use std::time::{Duration, Instant};

use gaggle_ipc::MattermostUserId;
use gaggle_ipc::admin::{AdminReply, AdminRequest, Worker};

use crate::{Places, admin_socket, doctor, output, status};

/// A worker that is stopped is gone sooner.
const STOPPED: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// How far a change got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in force; and a start was tried, if it was asked for.
    InForce,
    /// It is written, and counts once the supervisor runs.
    NotRunning,
    /// It is written, and the supervisor, or a start, refuses it.
    Refused,
}

impl Outcome {
    /// The stable word in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::NotRunning => "supervisor_not_running",
            Self::Refused => "refused",
        }
    }

    /// The command's exit status.
    pub(super) fn status(self) -> u8 {
        if self == Self::Refused { 3 } else { 0 }
    }
}

/// Has the running supervisor read the mapping, and tells if it minds.
///
/// # Errors
/// If it runs but does not answer.
pub(super) fn reload(places: &Places) -> anyhow::Result<Outcome> {
    let Some(replies) = admin_socket::ask(places, &AdminRequest::Reload)? else {
        output::notice(
            "the supervisor is not running, the change counts from its next start: systemctl start gaggle",
        );
        return Ok(Outcome::NotRunning);
    };
    let kept = replies.into_iter().find_map(|reply| match reply {
        AdminReply::Reloaded { kept_previous, .. } => kept_previous,
        _ => None,
    });
    if let Some(why) = kept {
        output::error(&format!("the supervisor goes on with the earlier configuration: {why}"));
        return Ok(Outcome::Refused);
    }
    Ok(Outcome::InForce)
}

/// As [`reload`], and then one start for the person, unless it is not asked for.
///
/// # Errors
/// As there.
pub(super) fn serve(
    places: &Places,
    user: MattermostUserId,
    probe: bool,
    json: bool,
) -> anyhow::Result<Outcome> {
    let read = reload(places)?;
    if read != Outcome::InForce {
        return Ok(read);
    }
    let Some(report) = status::ask(places)? else { return Ok(Outcome::NotRunning) };
    let own = report.entries.iter().find(|entry| entry.key.as_str() == user.as_str());
    if let Some(problem) = own.and_then(|entry| entry.problem.as_ref()) {
        output::error(&format!("the supervisor refuses this entry: {problem}"));
        return Ok(Outcome::Refused);
    }
    if report.summary.as_ref().is_some_and(|summary| !summary.frontend_connected) {
        output::notice(
            "nobody is answered yet, the frontend is not connected: systemctl start gaggle",
        );
    }
    if report.summary.as_ref().is_some_and(|summary| summary.lockdown) {
        output::notice("nobody is served while everything is locked down: gaggle lockdown off");
    }
    let proven = !probe || doctor::prove(places, user, json)?;
    Ok(if proven { Outcome::InForce } else { Outcome::Refused })
}

/// Waits until no worker is `left`; `false` if that takes too long.
///
/// # Errors
/// As [`reload`].
pub(super) fn is_stopped(places: &Places, left: impl Fn(&Worker) -> bool) -> anyhow::Result<bool> {
    let deadline = Instant::now() + STOPPED;
    loop {
        let Some(report) = status::ask(places)? else { return Ok(true) };
        if !report.workers.iter().any(&left) {
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(ASK_AGAIN);
    }
}
