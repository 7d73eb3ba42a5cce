//! What the supervisor hands to a worker: descriptors, environment names, the
//! numbered steps between fork and service, and the exit codes that name them.
//!
//! Trust: all of it is root's word to the worker. The other way only an exit
//! code comes back, and it is informational.

use std::os::fd::RawFd;

use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder};

/// The worker's end of the session socket.
pub const SESSION_FD: RawFd = 3;
/// The worker's own cgroup folder (`w<id>/`), opened `O_DIRECTORY`. Its program
/// runs in `worker/` below; it makes one leaf per Goose beside that.
pub const CGROUP_FD: RawFd = 4;

/// The leaf of its cgroup folder in which the worker itself runs.
pub const WORKER_LEAF: &str = "worker";

/// The folders of a home that stay writable under profile `workspace`: the
/// agent's own, its caches, and what Goose and the worker keep.
pub const HOME_FOLDERS: &[&str] = &[
    "workspace",
    ".cache/gaggle",
    ".local/share/goose",
    ".local/state/goose",
    ".local/state/gaggle",
];

/// Groups whose members are root in all but name, or read what is not theirs.
pub const POWERFUL_GROUPS: &[&str] = &[
    "root",
    "sudo",
    "wheel",
    "admin",
    "docker",
    "podman",
    "lxd",
    "lxc",
    "incus",
    "incus-admin",
    "libvirt",
    "libvirt-qemu",
    "kvm",
    "disk",
    "shadow",
    "adm",
    "systemd-journal",
    "kmem",
    "tty",
    "video",
    "input",
    "render",
    "staff",
    "utmp",
    "crontab",
    "mail",
    "backup",
    "operator",
    "src",
    "gaggle",
    "plugdev",
    "netdev",
];

/// `workspace` or `full`: [`Profile::as_str`].
pub const ENV_PROFILE: &str = "GAGGLE_PROFILE";
/// Absolute path of the Goose binary, root-owned.
pub const ENV_GOOSE: &str = "GAGGLE_GOOSE";
/// Lowest Landlock ABI the worker may go on with, a decimal number.
pub const ENV_LANDLOCK_FLOOR: &str = "GAGGLE_LANDLOCK_FLOOR";
/// Most Goose processes alive at once, a decimal number.
pub const ENV_MAX_GOOSE: &str = "GAGGLE_MAX_GOOSE";
/// Comma-separated TCP ports that may be connected to; absent = any.
pub const ENV_CONNECT_PORTS: &str = "GAGGLE_CONNECT_PORTS";
/// Colon-separated absolute paths that may be read beyond the profile; absent = none.
pub const ENV_READ: &str = "GAGGLE_READ";
/// Colon-separated absolute paths that may be written beyond the profile; absent = none.
pub const ENV_WRITE: &str = "GAGGLE_WRITE";
/// Prefix of the provider settings; what follows it is the name Goose sees.
pub const ENV_AGENT_PREFIX: &str = "GAGGLE_AGENT_ENV_";

/// Names that steer the loader, the shell, Goose's guard rails or Gaggle itself.
const STEERING: &[&str] = &[
    "HOME",
    "PATH",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "IFS",
    "PS4",
    "GOOSE_MODE",
    "GOOSE_PATH_ROOT",
    "GOOSE_SHELL",
    "GOOSE_DISABLE_KEYRING",
];
const STEERING_PREFIXES: &[&str] =
    &["LD_", "GAGGLE_", "XDG_", "BASH_FUNC", "DBUS_", "GLIBC_", "GCONV_"];

/// A provider setting of this name could change what is executed or loosen the
/// sandbox. Root refuses it when it reads the files, the worker once more.
#[must_use]
pub fn steers_programs(name: &str) -> bool {
    STEERING.contains(&name) || STEERING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What of the home an agent may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Profile {
    /// `~/workspace`, Goose's own data and state, and tool caches.
    Workspace,
    /// The whole home: an admin's explicit word.
    Full,
}

impl Profile {
    /// The word in configuration, environment and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Full => "full",
        }
    }

    /// The profile of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "workspace" => Some(Self::Workspace),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal;)*) => {
        /// A step between fork and service. The ids in the docs are those of
        /// the launch checklist in `docs/launch.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum LaunchStep {
            $($(#[$doc])* $name = $code,)*
        }

        impl LaunchStep {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The step with this code.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The stable word in audit records and JSON output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

steps! {
    /// C1: default signal dispositions and an empty mask.
    Signals = 1, "signals";
    /// C2: a session and process group of its own.
    NewSession = 2, "new_session";
    /// C3: join the leaf.
    JoinCgroup = 3, "join_cgroup";
    /// C4: exactly the descriptors 0 to 4.
    Descriptors = 4, "descriptors";
    /// C5: private mounts.
    Mounts = 5, "mounts";
    /// C6: resource limits.
    Limits = 6, "limits";
    /// C7: umask and OOM score.
    Umask = 7, "umask";
    /// C8: locked securebits.
    Securebits = 8, "securebits";
    /// C9: empty bounding, ambient and inheritable sets.
    Capabilities = 9, "capabilities";
    /// C10: supplementary groups.
    Groups = 10, "groups";
    /// C10: real, effective and saved gid.
    Gid = 11, "gid";
    /// C10: real, effective and saved uid.
    Uid = 12, "uid";
    /// C11: the drop is complete and cannot be undone.
    Verify = 13, "verify";
    /// C12: die with the supervisor.
    DeathSignal = 14, "death_signal";
    /// C13: enter the home as the account.
    HomeMissing = 15, "home_missing";
    /// C13: the home is a folder of the account's own.
    HomeOwner = 16, "home_owner";
    /// C13: nobody else may write in the home.
    HomeMode = 17, "home_mode";
    /// C14: the worker's program.
    Exec = 18, "exec";
    /// P1: the account is no longer there.
    AccountUnknown = 19, "account_unknown";
    /// P1: uid, gid or home are not those of when the mapping was read.
    AccountChanged = 20, "account_changed";
    /// P2: the account is expired.
    AccountExpired = 21, "account_expired";
    /// P1: nobody can tell.
    AccountLookup = 22, "account_lookup";
    /// P2: the worker's or Goose's program is not root's own.
    Programs = 23, "programs";
    /// W1: the worker finds itself as it must be.
    WorkerIdentity = 30, "worker_identity";
    /// W1: an environment variable of this module is missing or unreadable.
    WorkerEnvironment = 31, "worker_environment";
    /// W2: not dumpable.
    WorkerDumpable = 32, "worker_dumpable";
    /// W3: the folders of the home that the rules name.
    WorkerFolders = 33, "worker_folders";
    /// W3: Goose, the shell wrapper or its folders are missing or not root's.
    WorkerPrograms = 34, "worker_programs";
    /// W4: Landlock below the floor.
    LandlockFloor = 35, "landlock_floor";
    /// W4: the Landlock domain could not be built or entered.
    Landlock = 36, "landlock";
    /// A1: the agent's step into its own leaf.
    AgentCgroup = 40, "agent_cgroup";
    /// A1: the agent's Landlock domain.
    AgentLandlock = 41, "agent_landlock";
    /// A1: the agent's system call filter.
    AgentSeccomp = 42, "agent_seccomp";
    /// A2: Goose's program.
    AgentExec = 43, "agent_exec";
}

// One byte on the wire, the same as in an exit status.
impl Encode for LaunchStep {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (*self as u8).encode(encoder)
    }
}

impl<Context> Decode<Context> for LaunchStep {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::from_code(u8::decode(decoder)?).ok_or(DecodeError::Other("no such launch step"))
    }
}

crate::codec::borrow_decode!(LaunchStep);

/// Added to a step's code to make the exit status of a worker (or of the
/// agent's exec step) that refused to go on there.
const EXIT_BASE: u8 = 100;

impl LaunchStep {
    /// Exit status by which a process says that this step failed.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        EXIT_BASE + self as u8
    }

    /// The step that an exit status names.
    #[must_use]
    pub fn from_exit_status(status: u8) -> Option<Self> {
        status.checked_sub(EXIT_BASE).and_then(Self::from_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_code_and_exit_status() {
        for step in LaunchStep::ALL {
            assert_eq!(LaunchStep::from_code(*step as u8), Some(*step));
            assert_eq!(LaunchStep::from_exit_status(step.exit_status()), Some(*step));
        }
        assert_eq!(LaunchStep::from_exit_status(0), None);
        assert_eq!(LaunchStep::from_exit_status(99), None);
        assert_eq!(LaunchStep::from_exit_status(255), None);
    }
}
