//! What a lab is to look like: the words between a test and `gaggle-lab`.
//!
//! Trust: both ends are one release of this crate, and both run as root.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The root-owned folder that holds programs, configuration and state inside a
/// lab. Not below `/run`, `/tmp` or `/home`, which workers have of their own.
pub const ROOT: &str = "/srv/gaggle";
/// The programs, side by side as when packaged.
pub const PROGRAMS: &str = "/srv/gaggle/lib";
/// Where the worker and what it needs beside itself lie when another program
/// has its place.
pub const REAL: &str = "/srv/gaggle/lib/real";
/// The configuration folder of both services.
pub const CONFIG: &str = "/srv/gaggle/etc";
/// The frontend's state folder.
pub const STATE: &str = "/srv/gaggle/state";
/// The runtime folder of both services.
pub const RUNTIME: &str = "/run/gaggle";
/// The account of the frontend.
pub const FRONTEND_USER: &str = "gaggle";
/// Its uid and gid.
pub const FRONTEND_UID: u32 = 950;

/// One Linux account of a lab. Its gid is its uid, its home `/home/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User and group id.
    pub uid: u32,
    /// Expiry day of the shadow file, in days since 1970; absent = never.
    pub expires: Option<i64>,
    /// How its home is made.
    pub home: Home,
}

/// How an account's home is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// Mode 0700, the account's own.
    Proper,
    /// Not at all.
    Missing,
    /// As a folder of root's.
    OfRoot,
    /// Writable for everybody.
    OpenToAll,
}

/// A file in the configuration folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its name in the folder.
    pub name: String,
    /// What it says.
    pub content: String,
    /// Its mode.
    pub mode: u32,
    /// The frontend's account owns it, else root.
    pub of_frontend: bool,
}

/// A whole lab, as `gaggle-lab` builds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// Folder with the built programs.
    pub built: PathBuf,
    /// The Goose binary.
    pub goose: PathBuf,
    /// A program in the worker's place; the worker then lies in [`REAL`].
    pub worker: Option<PathBuf>,
    /// Folder of the test's own for the journal file.
    pub outside: PathBuf,
    /// Accounts beside root, nobody and the frontend's.
    pub accounts: Vec<Account>,
    /// Configuration files.
    pub config: Vec<ConfigFile>,
}

/// The one line that `gaggle-lab` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Report {
    /// The lab stands until standard input ends.
    Ready {
        /// Process id of `gaggle-lab`, whose mount namespace the lab is.
        pid: u32,
        /// Its cgroup folder, with `services` and `workers` in it.
        cgroup: PathBuf,
    },
    /// The lab could not be built; why.
    Failed(String),
}

/// Name of the journal file in [`Spec::outside`].
pub const JOURNAL_FILE: &str = "journal.jsonl";
