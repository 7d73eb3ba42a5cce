//! The control socket: the unprivileged frontend asks, root decides.
//!
//! Trust: a request names a Mattermost user id and nothing else. Account, uid,
//! path, command and environment cannot be expressed here. Requests are at most
//! [`MAX_REQUEST`](crate::codec::MAX_REQUEST) bytes and carry no descriptors.

use crate::codec::{Decode, Encode};
use crate::ids::{AccountName, MattermostUserId, WorkerId};
use crate::launch::{LaunchStep, Profile};

/// Most worker ids in one [`ControlReply::Workers`].
pub const MAX_LISTED: usize = 400;

/// What the frontend may ask. `request` is the frontend's own number, echoed
/// in the reply and looked up nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ControlRequest {
    /// Start this person's worker.
    Start {
        /// Echoed in the reply.
        request: u32,
        /// Whose worker.
        user: MattermostUserId,
    },
    /// Stop a worker, however busy it is.
    Stop {
        /// Echoed in the reply.
        request: u32,
        /// Which one; a number never given out or already gone is answered with `Stopping` too.
        worker: WorkerId,
    },
    /// Name the running workers.
    List {
        /// Echoed in the reply.
        request: u32,
    },
}

/// What root answers or tells. At most 4 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ControlReply {
    /// The worker's program runs as its account. Carries exactly one
    /// descriptor: the frontend's end of the session socket.
    Started {
        /// Of the `Start`.
        request: u32,
        /// Its id from now on.
        worker: WorkerId,
        /// The Linux account it runs as, to be shown to the person.
        account: AccountName,
        /// What of the home its agent may touch.
        profile: Profile,
        /// Other people share the account.
        shared: bool,
    },
    /// This person's worker runs already; its session socket was given out before.
    Running {
        /// Of the `Start`.
        request: u32,
        /// Its id.
        worker: WorkerId,
    },
    /// No worker was started, or it did not get as far as its program.
    Refused {
        /// Of the `Start`.
        request: u32,
        /// Why.
        refusal: Refusal,
    },
    /// The `Stop` was taken; `Exited` follows when the worker is gone.
    Stopping {
        /// Of the `Stop`.
        request: u32,
        /// Which one.
        worker: WorkerId,
    },
    /// A worker and all its descendants are gone. Unasked.
    Exited {
        /// Which one.
        worker: WorkerId,
        /// How it ended.
        exit: WorkerExit,
    },
    /// Answer to `List`.
    Workers {
        /// Of the `List`.
        request: u32,
        /// At most [`MAX_LISTED`] of them.
        workers: Vec<WorkerId>,
    },
    /// Root closes this connection.
    Closing {
        /// Why.
        reason: Closing,
    },
}

/// Why a `Start` was refused, with what an admin needs to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// The reason.
    pub code: RefusalCode,
    /// For failures on the way to the program: the step that failed.
    pub step: Option<LaunchStep>,
    /// The system's error number of that step, 0 if there is none.
    pub errno: i32,
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, step: None, errno: 0 }
    }
}

/// Reasons to start nothing. Each is audited under [`RefusalCode::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RefusalCode {
    /// The id stands in no mapping entry.
    Unmapped,
    /// The entry for this id was refused when the mapping was read.
    EntryRefused,
    /// No such account on this machine.
    AccountUnknown,
    /// The account is expired (the admin's off-switch).
    AccountExpired,
    /// uid, gid or home differ from when the mapping was read: the name may
    /// have been given to somebody else.
    AccountChanged,
    /// uid 0 or gid 0.
    AccountIsRoot,
    /// uid below 1000 or 65534.
    AccountIsSystem,
    /// The account is shared by several ids and no entry says so.
    AccountShared,
    /// The account's home is unusable as a home (`/`, relative, `/nonexistent`).
    HomeUnusable,
    /// Look-up of the account did not answer in time.
    LookupFailed,
    /// As many workers run as `max_workers` allows.
    TooManyWorkers,
    /// This person's worker was started too often lately.
    StartRate,
    /// This person's worker is just being started or stopped.
    Busy,
    /// A step between fork and the worker's program failed.
    LaunchFailed,
    /// The cgroup for the worker could not be made.
    CgroupFailed,
    /// The journal does not take audit records.
    AuditUnavailable,
    /// The admin switched everything off.
    Lockdown,
    /// Root is on its way out.
    ShuttingDown,
    /// Out of descriptors, processes or memory.
    Resources,
    /// This person's worker failed time and again; the next try has to wait.
    CrashLoop,
    /// A limit cannot be enforced on this machine and `require_limits` is on.
    LimitsUnavailable,
}

impl RefusalCode {
    /// The stable word in audit records and JSON output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmapped => "unmapped",
            Self::EntryRefused => "entry_refused",
            Self::AccountUnknown => "account_unknown",
            Self::AccountExpired => "account_expired",
            Self::AccountChanged => "account_changed",
            Self::AccountIsRoot => "account_is_root",
            Self::AccountIsSystem => "account_is_system",
            Self::AccountShared => "account_shared",
            Self::HomeUnusable => "home_unusable",
            Self::LookupFailed => "lookup_failed",
            Self::TooManyWorkers => "too_many_workers",
            Self::StartRate => "start_rate",
            Self::Busy => "busy",
            Self::LaunchFailed => "launch_failed",
            Self::CgroupFailed => "cgroup_failed",
            Self::AuditUnavailable => "audit_unavailable",
            Self::Lockdown => "lockdown",
            Self::ShuttingDown => "shutting_down",
            Self::Resources => "resources",
            Self::CrashLoop => "crash_loop",
            Self::LimitsUnavailable => "limits_unavailable",
        }
    }
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum WorkerExit {
    /// By itself, with this status.
    Status(u8),
    /// By itself, before it served anything: a step of its own sandbox failed.
    SandboxRefused(LaunchStep),
    /// By a signal that root did not send.
    Signal(u8),
    /// Root stopped it.
    Stopped(StopReason),
}

/// The phrase in audit records.
impl std::fmt::Display for WorkerExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::SandboxRefused(step) => write!(f, "sandbox_refused {}", step.name()),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Stopped(reason) => write!(f, "stopped {}", reason.name()),
        }
    }
}

/// Why root stopped a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum StopReason {
    /// The frontend asked.
    Requested,
    /// Its mapping entry is gone, refused, or names another account.
    MappingChanged,
    /// Its account expired or vanished.
    AccountExpired,
    /// The frontend's connection ended.
    FrontendGone,
    /// The admin switched everything off.
    Lockdown,
    /// Root is on its way out.
    ShuttingDown,
    /// It did not reach its program in time.
    LaunchTimeout,
}

impl StopReason {
    /// The stable word in audit records and JSON output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::MappingChanged => "mapping_changed",
            Self::AccountExpired => "account_expired",
            Self::FrontendGone => "frontend_gone",
            Self::Lockdown => "lockdown",
            Self::ShuttingDown => "shutting_down",
            Self::LaunchTimeout => "launch_timeout",
        }
    }
}

impl StopReason {
    /// What a `Start` is answered whose worker was stopped on its way.
    #[must_use]
    pub fn refusal(self) -> RefusalCode {
        match self {
            Self::Requested | Self::FrontendGone => RefusalCode::Busy,
            Self::MappingChanged => RefusalCode::AccountChanged,
            Self::AccountExpired => RefusalCode::AccountExpired,
            Self::Lockdown => RefusalCode::Lockdown,
            Self::ShuttingDown => RefusalCode::ShuttingDown,
            Self::LaunchTimeout => RefusalCode::LaunchFailed,
        }
    }
}

/// Why root closes a control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Closing {
    /// The peer's uid is not the one that is served here.
    PeerNotAllowed,
    /// Another connection is being served.
    InUse,
    /// A request that is no request.
    ProtocolViolation,
    /// The version byte differs: root's own version.
    Version(u8),
    /// Root is on its way out.
    ShuttingDown,
}
