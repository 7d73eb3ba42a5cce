//! What the admin is shown of root's state.
//!
//! Trust: the asking peer is uid 0; still nothing secret leaves here.

use gaggle_ipc::admin::{AdminReply, Entry, Summary, Worker};
use gaggle_ipc::text::Text;
use gaggle_policy::configuration::Person;

use crate::audit::printable;
use crate::service::Service;
use gaggle_launch::sys;

/// The answer to `Status`.
pub(crate) fn report(service: &Service) -> Vec<AdminReply> {
    let mut replies = vec![AdminReply::Summary(Summary {
        version: Text::lossy(env!("CARGO_PKG_VERSION")),
        started: service.started,
        landlock_abi: sys::landlock_abi(),
        landlock_floor: service.snapshot.settings.landlock_floor,
        frontend_connected: service.frontend.is_some(),
        journal: service.audit.is_recorded(),
        stale: service.stale.as_deref().map(Text::lossy),
        lockdown: service.lockdown,
        missing_controllers: Text::lossy(&service.ground.tree.missing_controllers()),
    })];
    let usable = |key: &str, person: &Person| {
        AdminReply::Entry(Entry {
            key: Text::lossy(key),
            account: Text::lossy(person.account.name.as_str()),
            profile: Some(person.entry.profile),
            problem: None,
        })
    };
    let snapshot = &service.snapshot;
    replies.extend(snapshot.people.iter().map(|(user, person)| usable(user.as_str(), person)));
    replies.extend(snapshot.fallback.iter().map(|person| usable("everybody else", person)));
    replies.extend(snapshot.bad.iter().map(|bad| {
        AdminReply::Entry(Entry {
            key: Text::lossy(&printable(&bad.key)),
            account: Text::lossy(&printable(&bad.account)),
            profile: None,
            problem: Some(Text::lossy(&bad.problem)),
        })
    }));
    replies.extend(service.workers.values().map(|worker| {
        AdminReply::Worker(Worker {
            worker: worker.id,
            user: worker.user,
            account: worker.account.clone(),
            uid: worker.uid,
            pid: worker.pid.as_raw(),
            started: worker.started,
        })
    }));
    replies
}

/// What `systemctl status` shows in its line for the state.
pub(crate) fn line(service: &Service) -> String {
    let lockdown = if service.lockdown { "; locked down, no agent is started" } else { "" };
    let stale = service.stale.as_deref().map(printable).unwrap_or_default();
    let earlier = if stale.is_empty() { "" } else { "; an earlier configuration is in force: " };
    format!("people at work: {}{lockdown}{earlier}{stale}", service.workers.len())
}

/// The answer to `Reload`, after it was done.
pub(crate) fn reloaded(service: &Service) -> AdminReply {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    AdminReply::Reloaded {
        usable: count(service.snapshot.people.len()),
        refused: count(service.snapshot.bad.len()),
        kept_previous: service.stale.as_deref().map(Text::lossy),
    }
}
