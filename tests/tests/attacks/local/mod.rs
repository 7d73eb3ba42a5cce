//! Rows of `docs/attacks.md`: other users of the machine.
//!
//! The attacker is bob, who has an account and a login, or the frontend's
//! account where its rows need the same tools.

mod files;
pub(crate) mod outsider;
mod processes;
mod runtime;
mod sockets;
mod traces;

use std::time::Duration;

use gaggle_tests::lab::spec::FRONTEND_UID;
use gaggle_tests::lab::{Lab, Which};

/// What happens at all happens within this.
const SOON: Duration = Duration::from_secs(20);

/// A process of ours.
struct Ours {
    what: &'static str,
    pid: i32,
    uid: u32,
}

/// Supervisor, frontend, and alice's worker and Goose, all of them running.
fn ours(lab: &mut Lab) -> anyhow::Result<Vec<Ours>> {
    lab.answer("alice", "hello")?;
    let alice = lab.person("alice")?.uid;
    let mut all = vec![
        Ours { what: "supervisor", pid: lab.service(Which::Supervisor)?.pid(), uid: 0 },
        Ours { what: "frontend", pid: lab.service(Which::Frontend)?.pid(), uid: FRONTEND_UID },
    ];
    for what in ["gaggle-worker", "goose"] {
        let pids = lab.namespace.people_running(what);
        all.extend(pids.into_iter().map(|pid| Ours { what, pid, uid: alice }));
    }
    assert_eq!(all.len(), 4, "one of each");
    Ok(all)
}
