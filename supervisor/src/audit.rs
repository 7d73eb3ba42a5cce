//! Every privileged decision, as one record in the journal.
//!
//! Trust: the values are ids, account names, numbers and sentences of root's
//! own; what a worker wrote is only ever in [`WORKER_OUTPUT`], capped and
//! escaped by [`log_pipe`](crate::log_pipe). Readers find genuine records by
//! the journal's own trusted fields (`_UID=0`), see gaggle-audit(7).

use std::fmt::Display;

use crate::journal::{Journal, to_stderr};

/// A kind of event: journal id, name, syslog priority. Listed in docs/audit.md;
/// an id, once released, keeps its meaning for ever.
#[derive(Debug)]
pub(crate) struct Kind(&'static str, &'static str, u8);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $word:literal, $priority:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: Kind = Kind($id, $word, $priority);)*
    };
}

kinds! {
    /// The supervisor serves.
    READY = "f685c1c49b924910a707b8dde21845e8", "ready", 6;
    /// The supervisor stops everything.
    STOPPING = "3bb1207766654b389fe6a4c2bef17bd2", "stopping", 6;
    /// Mapping and settings were read and are in force.
    CONFIGURATION_LOADED = "a0db46a905e74bb186a53cddbb72e657", "configuration_loaded", 6;
    /// Reading failed; what was in force stays.
    CONFIGURATION_REFUSED = "3fb0f4db2b0b4fd5a634bd50549940bc", "configuration_refused", 3;
    /// One mapping entry was refused alone.
    ENTRY_REFUSED = "4006f48fa7944bfbbea8a4b71a353832", "entry_refused", 4;
    /// Files or accounts could not be looked at in time.
    REVIEW_FAILED = "5e2370982d1d4329b54e931d255533b4", "review_failed", 3;
    /// This machine cannot enforce some limits.
    LIMITS_MISSING = "ad77a73ea466493db9905ef721bf399a", "limits_missing", 4;
    /// The admin switched everything off, or on again.
    LOCKDOWN = "db403b791e714ba8ad9a55795a761c07", "lockdown", 4;
    /// A start is about to be tried; without this record there is none.
    START_ATTEMPT = "0f83726e0e1d46dba137606a80e0ae71", "start_attempt", 6;
    /// The worker's program runs as its account.
    WORKER_STARTED = "1de175fef1cf4d6d8b5e8ccbb58187fe", "worker_started", 5;
    /// No worker was started.
    START_REFUSED = "4310e12061124e1ea8f8e4194cda2a1e", "start_refused", 4;
    /// Root stops a worker.
    WORKER_STOPPING = "ffa3fa84f59642239fade27005f7ff35", "worker_stopping", 6;
    /// A worker and all its descendants are gone.
    WORKER_EXITED = "5e9f22cc2a21453c972814c6199ec092", "worker_exited", 5;
    /// A worker could not build its sandbox and ended.
    SANDBOX_REFUSED = "be6b96b0ecb04df897bbe43350833412", "sandbox_refused", 3;
    /// A frontend is being served.
    FRONTEND_CONNECTED = "ac18b706040f4441ba0270cad3c15a7f", "frontend_connected", 6;
    /// The frontend's connection ended.
    FRONTEND_GONE = "9a25cf3c16dd4428966150e1eb6ae1d9", "frontend_gone", 6;
    /// A peer that is not served here knocked.
    PEER_REFUSED = "b77cc89baba54c17ad27e75314e44256", "peer_refused", 4;
    /// A peer sent what is no request.
    PROTOCOL_VIOLATION = "52154bdf2dbd455380614827d146c2e0", "protocol_violation", 4;
    /// A left-over cgroup of an earlier supervisor was killed and removed.
    LEFTOVER_REMOVED = "5cb6fccf1e7b481e816d97cd8497b4c5", "leftover_removed", 5;
    /// Such a cgroup does not empty: something in it cannot be killed.
    LEFTOVER_STUCK = "42b3a86d13894c10874faa213fcc1869", "leftover_stuck", 3;
    /// A line a worker wrote. Unattested.
    WORKER_OUTPUT = "d2d4a769a71f4ba0ade914200e924c70", "worker_output", 6;
}

/// Emits a record: `record!(audit, KIND; NAME: value, …)`.
macro_rules! record {
    ($audit:expr, $kind:ident; $($name:ident: $value:expr),*) => {
        $audit.emit(&$crate::audit::$kind, &[$((stringify!($name), &$value)),*])
    };
}
pub(crate) use record;

/// Text of a root-owned file as it may stand in a record: one line, no controls.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
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
        self.journal.reachable
    }

    /// Emits one record; `true` if the journal has it. Otherwise it goes to
    /// stderr, so that nothing is silent. A field without a value is left out.
    pub(crate) fn emit(&mut self, kind: &Kind, fields: &[(&str, &dyn Display)]) -> bool {
        let Kind(message_id, name, priority) = kind;
        let mut message = format!("gaggle: {name}");
        let mut record = vec![
            ("MESSAGE_ID".to_owned(), (*message_id).to_owned()),
            ("PRIORITY".to_owned(), priority.to_string()),
            ("SYSLOG_IDENTIFIER".to_owned(), "gaggle-supervisor".to_owned()),
            ("GAGGLE_EVENT".to_owned(), (*name).to_owned()),
        ];
        // Shown for the one name of all parts too, except for what workers say.
        if *message_id != WORKER_OUTPUT.0 {
            record.push(("OBJECT_SYSTEMD_UNIT".to_owned(), "gaggle.service".to_owned()));
        }
        for (name, value) in fields {
            let value = value.to_string();
            if !value.is_empty() {
                message += &format!(" {}={value:?}", name.to_lowercase());
                record.push((format!("GAGGLE_{name}"), value));
            }
        }
        record.push(("MESSAGE".to_owned(), message.clone()));
        let taken = self.journal.send(&record);
        if !taken {
            to_stderr(*priority, &message);
        }
        taken
    }
}
