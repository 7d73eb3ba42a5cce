//! Every privileged decision, as one record in the journal.
//!
//! Trust: the values are ids, account names, numbers and sentences of root's
//! own; what a worker wrote is only ever in [`Event::WorkerOutput`], capped and
//! escaped by [`log_pipe`](crate::log_pipe). Readers find genuine records by
//! the journal's own trusted fields (`_UID=0`), see gaggle-audit(7).

use gaggle_ipc::control::{Refusal, StopReason, WorkerExit};
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::{AccountName, MattermostUserId, WorkerId};

use crate::journal::{Journal, to_stderr};

/// What happened.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The supervisor serves.
    Ready { landlock_abi: u8, landlock_floor: u8 },
    /// The supervisor stops everything.
    Stopping,
    /// Mapping and settings were read and are in force.
    ConfigurationLoaded { usable: usize, refused: usize },
    /// Reading failed; what was in force stays.
    ConfigurationRefused { why: &'a str },
    /// One mapping entry was refused alone.
    EntryRefused { key: &'a str, account: &'a str, why: &'a str },
    /// A start is about to be tried; without this record there is none.
    StartAttempt { user: MattermostUserId, account: &'a AccountName },
    /// The worker's program runs as its account.
    WorkerStarted {
        user: MattermostUserId,
        account: &'a AccountName,
        worker: WorkerId,
        uid: u32,
        pid: i32,
    },
    /// No worker was started.
    StartRefused { user: MattermostUserId, account: Option<&'a str>, refusal: Refusal },
    /// Root stops a worker.
    WorkerStopping { worker: WorkerId, user: MattermostUserId, reason: StopReason },
    /// A worker and all its descendants are gone.
    WorkerExited {
        worker: WorkerId,
        user: MattermostUserId,
        account: &'a AccountName,
        exit: WorkerExit,
    },
    /// A worker could not build its sandbox and ended.
    SandboxRefused {
        worker: WorkerId,
        user: MattermostUserId,
        account: &'a AccountName,
        step: LaunchStep,
    },
    /// A frontend is being served.
    FrontendConnected { uid: u32 },
    /// The frontend's connection ended.
    FrontendGone,
    /// A peer that is not served here knocked.
    PeerRefused { socket: &'a str, uid: u32, why: &'a str },
    /// A peer sent what is no request.
    ProtocolViolation { socket: &'a str, uid: u32, why: &'a str },
    /// A left-over cgroup of an earlier supervisor was killed and removed.
    LeftoverRemoved { name: &'a str },
    /// Such a cgroup does not empty: something in it cannot be killed.
    LeftoverStuck { name: &'a str },
    /// A line a worker wrote. Unattested.
    WorkerOutput { worker: WorkerId, account: &'a AccountName, line: &'a str },
}

/// Stable facts of an event kind: journal id, name, syslog priority.
struct Kind(&'static str, &'static str, u8);

impl Event<'_> {
    // Listed in docs/audit.md. An id, once released, keeps its meaning for ever.
    fn kind(&self) -> Kind {
        match self {
            Self::Ready { .. } => Kind("f685c1c49b924910a707b8dde21845e8", "ready", 6),
            Self::Stopping => Kind("3bb1207766654b389fe6a4c2bef17bd2", "stopping", 6),
            Self::ConfigurationLoaded { .. } => {
                Kind("a0db46a905e74bb186a53cddbb72e657", "configuration_loaded", 6)
            }
            Self::ConfigurationRefused { .. } => {
                Kind("3fb0f4db2b0b4fd5a634bd50549940bc", "configuration_refused", 3)
            }
            Self::EntryRefused { .. } => {
                Kind("4006f48fa7944bfbbea8a4b71a353832", "entry_refused", 4)
            }
            Self::StartAttempt { .. } => {
                Kind("0f83726e0e1d46dba137606a80e0ae71", "start_attempt", 6)
            }
            Self::WorkerStarted { .. } => {
                Kind("1de175fef1cf4d6d8b5e8ccbb58187fe", "worker_started", 5)
            }
            Self::StartRefused { .. } => {
                Kind("4310e12061124e1ea8f8e4194cda2a1e", "start_refused", 4)
            }
            Self::WorkerStopping { .. } => {
                Kind("ffa3fa84f59642239fade27005f7ff35", "worker_stopping", 6)
            }
            Self::WorkerExited { .. } => {
                Kind("5e9f22cc2a21453c972814c6199ec092", "worker_exited", 5)
            }
            Self::SandboxRefused { .. } => {
                Kind("be6b96b0ecb04df897bbe43350833412", "sandbox_refused", 3)
            }
            Self::FrontendConnected { .. } => {
                Kind("ac18b706040f4441ba0270cad3c15a7f", "frontend_connected", 6)
            }
            Self::FrontendGone => Kind("9a25cf3c16dd4428966150e1eb6ae1d9", "frontend_gone", 6),
            Self::PeerRefused { .. } => Kind("b77cc89baba54c17ad27e75314e44256", "peer_refused", 4),
            Self::ProtocolViolation { .. } => {
                Kind("52154bdf2dbd455380614827d146c2e0", "protocol_violation", 4)
            }
            Self::LeftoverStuck { .. } => {
                Kind("42b3a86d13894c10874faa213fcc1869", "leftover_stuck", 3)
            }
            Self::LeftoverRemoved { .. } => {
                Kind("5cb6fccf1e7b481e816d97cd8497b4c5", "leftover_removed", 5)
            }
            Self::WorkerOutput { .. } => {
                Kind("d2d4a769a71f4ba0ade914200e924c70", "worker_output", 6)
            }
        }
    }

    fn fields(&self) -> Fields {
        let mut f = Fields::default();
        match self {
            Self::Ready { landlock_abi, landlock_floor } => {
                f.put("LANDLOCK_ABI", landlock_abi).put("LANDLOCK_FLOOR", landlock_floor)
            }
            Self::Stopping | Self::FrontendGone => &mut f,
            Self::ConfigurationLoaded { usable, refused } => {
                f.put("USABLE", usable).put("REFUSED", refused)
            }
            Self::ConfigurationRefused { why } => f.put("REASON", why),
            Self::EntryRefused { key, account, why } => {
                f.put("KEY", printable(key)).put("ACCOUNT", printable(account)).put("REASON", why)
            }
            Self::StartAttempt { user, account } => f.put("USER", user).put("ACCOUNT", account),
            Self::WorkerStarted { user, account, worker, uid, pid } => f
                .put("USER", user)
                .put("ACCOUNT", account)
                .put("WORKER", worker)
                .put("UID", uid)
                .put("PID", pid),
            Self::StartRefused { user, account, refusal } => {
                f.put("USER", user).put("REASON", refusal.code.name());
                if let Some(account) = account {
                    f.put("ACCOUNT", printable(account));
                }
                if let Some(step) = refusal.step {
                    f.put("STEP", step.name());
                }
                if refusal.errno != 0 {
                    f.put("ERRNO", refusal.errno);
                }
                &mut f
            }
            Self::WorkerStopping { worker, user, reason } => {
                f.put("WORKER", worker).put("USER", user).put("REASON", reason.name())
            }
            Self::WorkerExited { worker, user, account, exit } => f
                .put("WORKER", worker)
                .put("USER", user)
                .put("ACCOUNT", account)
                .put("REASON", exit_word(*exit)),
            Self::SandboxRefused { worker, user, account, step } => f
                .put("WORKER", worker)
                .put("USER", user)
                .put("ACCOUNT", account)
                .put("STEP", step.name()),
            Self::FrontendConnected { uid } => f.put("UID", uid),
            Self::PeerRefused { socket, uid, why }
            | Self::ProtocolViolation { socket, uid, why } => {
                f.put("SOCKET", socket).put("UID", uid).put("REASON", why)
            }
            Self::LeftoverRemoved { name } | Self::LeftoverStuck { name } => f.put("CGROUP", name),
            Self::WorkerOutput { worker, account, line } => {
                f.put("WORKER", worker).put("ACCOUNT", account).put("UNATTESTED", line)
            }
        };
        f
    }
}

fn exit_word(exit: WorkerExit) -> String {
    match exit {
        WorkerExit::Status(status) => format!("status {status}"),
        WorkerExit::SandboxRefused(step) => format!("sandbox_refused {}", step.name()),
        WorkerExit::Signal(signal) => format!("signal {signal}"),
        WorkerExit::Stopped(reason) => format!("stopped {}", reason.name()),
    }
}

/// Text of a root-owned file as it may stand in a record: one line, no controls.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn put(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.0.push((format!("GAGGLE_{name}"), value.to_string()));
        self
    }
}

/// The one place from which records leave.
#[derive(Debug)]
pub(crate) struct Audit {
    journal: Journal,
}

impl Audit {
    /// Makes the emitter.
    pub(crate) fn new() -> Self {
        Self { journal: Journal::new() }
    }

    /// The journal took the last record.
    pub(crate) fn is_recorded(&self) -> bool {
        self.journal.is_reachable()
    }

    /// Emits one record; `true` if the journal has it. Otherwise it goes to
    /// stderr, so that nothing is silent.
    pub(crate) fn emit(&mut self, event: &Event<'_>) -> bool {
        let Kind(message_id, name, priority) = event.kind();
        let fields = event.fields();
        let message = fields.0.iter().fold(format!("gaggle: {name}"), |text, (name, value)| {
            let name = name.trim_start_matches("GAGGLE_").to_lowercase();
            format!("{text} {name}={value:?}")
        });
        let priority_word = priority.to_string();
        let mut record = vec![
            ("MESSAGE", message.as_str()),
            ("MESSAGE_ID", message_id),
            ("PRIORITY", priority_word.as_str()),
            ("SYSLOG_IDENTIFIER", "gaggle-supervisor"),
            ("GAGGLE_EVENT", name),
        ];
        record.extend(fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let taken = self.journal.send(&record);
        if !taken {
            to_stderr(priority, &message);
        }
        taken
    }
}
