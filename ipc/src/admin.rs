//! The admin socket: the `gaggle` command asks the supervisor.
//!
//! Trust: only a peer of uid 0 is served, and a request still is at most
//! [`MAX_REQUEST`](crate::codec::MAX_REQUEST) bytes. Answers come as several
//! frames that end with [`AdminReply::Done`], so that a thousand people fit.

use crate::codec::{Decode, Encode};
use crate::control::Refusal;
use crate::ids::{AccountName, MattermostUserId, WorkerId};
use crate::launch::Profile;
use crate::text::Text;

/// What the admin may ask.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AdminRequest {
    /// One `Summary`, an `Entry` per mapping entry, a `Worker` per worker, `Done`.
    Status,
    /// Read mapping and settings again: `Reloaded`, `Done`.
    Reload,
    /// Start a worker for this person that the asker alone talks to, beside any
    /// that runs: `Probing` or `Refused`, then `Done`. It ends with its socket.
    Probe {
        /// Whose sandbox.
        user: MattermostUserId,
    },
    /// Stop every worker and start none until it is lifted: `LockedDown`, `Done`.
    /// What lasts is the file `lockdown` in the configuration folder, which the
    /// asker has made or removed: root's next look follows it.
    Lockdown {
        /// Begin it, or lift it.
        on: bool,
    },
}

/// What root answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AdminReply {
    /// The supervisor itself.
    Summary(Summary),
    /// One entry of the mapping as root read it.
    Entry(Entry),
    /// One running worker.
    Worker(Worker),
    /// The outcome of a `Reload`.
    Reloaded {
        /// Usable entries now in force.
        usable: u32,
        /// Entries refused alone.
        refused: u32,
        /// The reading failed, the last good state stays in force; why.
        kept_previous: Option<Text<400>>,
    },
    /// The answer is complete.
    Done,
    /// The request was refused; why.
    Refused(Refusal),
    /// The worker of a `Probe` runs. Carries exactly one descriptor: the asker's
    /// end of the session socket. What comes over it is the account's word: give
    /// up root before reading.
    Probing {
        /// Its id.
        worker: WorkerId,
        /// The account it runs as.
        account: AccountName,
        /// What of the home its agent may touch.
        profile: Profile,
        /// Other people share the account.
        shared: bool,
    },
    /// The lockdown is as asked for.
    LockedDown {
        /// It is in force.
        on: bool,
        /// Workers that are being stopped for it.
        stopped: u32,
    },
}

/// The supervisor's own state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Summary {
    /// Version of the running supervisor.
    pub version: Text<32>,
    /// When it started, seconds since 1970.
    pub started: u64,
    /// Landlock ABI of the kernel, 0 if there is none.
    pub landlock_abi: u8,
    /// Lowest ABI a worker goes on with.
    pub landlock_floor: u8,
    /// A frontend is connected.
    pub frontend_connected: bool,
    /// The journal takes audit records.
    pub journal: bool,
    /// The last reload failed and an earlier state is in force; why.
    pub stale: Option<Text<400>>,
    /// The admin's lockdown is in force: nothing is started.
    pub lockdown: bool,
    /// Cgroup controllers that are missing, with spaces: their limits bite nobody.
    pub missing_controllers: Text<64>,
}

/// One entry of the mapping.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// The key as it stands in the file.
    pub key: Text<64>,
    /// The account as it stands in the file.
    pub account: Text<64>,
    /// The sandbox profile, for a usable entry.
    pub profile: Option<Profile>,
    /// Why this entry is refused and what mends it.
    pub problem: Option<Text<300>>,
}

/// One running worker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Worker {
    /// Its id.
    pub worker: WorkerId,
    /// Whose it is.
    pub user: MattermostUserId,
    /// The account it runs as.
    pub account: AccountName,
    /// That account's uid.
    pub uid: u32,
    /// Process id of the worker itself, for display.
    pub pid: i32,
    /// When it started, seconds since 1970.
    pub started: u64,
}
