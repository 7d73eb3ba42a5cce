//! What an attack needs to know of where it runs.
//!
//! Trust: the arguments are the exec step's, which has them from root. Without
//! arguments the strictest sandbox is assumed, so that a run outside of it shows
//! everything that it would close.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use gaggle_ipc::launch::Profile;
use nix::unistd::{Pid, Uid, getpid, getppid, getuid};

use crate::agent_environment::HOME_OF_ACCOUNT;
use crate::environment::Environment;
use crate::folders;

/// Any port: none are named in the mapping.
const ANY_PORT: &str = "any";
/// Given and empty: no port at all.
const NO_PORT: &str = "none";

/// Where the attacks run.
pub(super) struct Ground {
    /// Own uid.
    pub(super) uid: Uid,
    /// The process that starts the attacks.
    pub(super) probe: Pid,
    /// Its parent: the worker.
    pub(super) worker: Pid,
    /// The account's home.
    pub(super) home: PathBuf,
    /// What of it is the agent's.
    pub(super) profile: Profile,
    /// The only ports to connect to; `None` = any.
    pub(super) ports: Option<Vec<u16>>,
    /// The folder of Gaggle's programs.
    pub(super) programs: PathBuf,
    /// Descriptors that were open beyond 0, 1 and 2.
    pub(super) descriptors: Vec<i32>,
}

/// The arguments with which the exec step starts the probe.
pub(crate) fn to_arguments(environment: &Environment) -> [OsString; 2] {
    let ports = match environment.connect_ports.as_deref() {
        None => ANY_PORT.to_owned(),
        Some([]) => NO_PORT.to_owned(),
        Some(ports) => ports.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
    };
    [environment.profile.as_str().into(), ports.into()]
}

impl Ground {
    /// Looks around; `None` for arguments that cannot be read.
    pub(super) fn find(arguments: &[OsString]) -> Option<Self> {
        // First: everything below opens something.
        let descriptors = open_descriptors();
        let (profile, ports) = match arguments {
            [] => (Profile::Workspace, Some(Vec::new())),
            [profile, ports] => (Profile::parse(profile.to_str()?)?, parse_ports(ports)?),
            _ => return None,
        };
        let home = std::env::var_os(HOME_OF_ACCOUNT).or_else(|| std::env::var_os("HOME"))?;
        let own = std::env::current_exe().ok()?;
        Some(Self {
            uid: getuid(),
            probe: getpid(),
            worker: getppid(),
            home: home.into(),
            profile,
            ports,
            programs: own.parent()?.to_owned(),
            descriptors,
        })
    }

    /// The folder in which the agent works.
    pub(super) fn workspace(&self) -> PathBuf {
        self.home.join(folders::WORKSPACE)
    }

    /// A name in `folder` that nothing else has.
    pub(super) fn fresh(&self, folder: &Path) -> PathBuf {
        folder.join(format!(".gaggle-isolation-probe-{}", self.probe))
    }
}

fn parse_ports(ports: &OsStr) -> Option<Option<Vec<u16>>> {
    match ports.to_str()? {
        ANY_PORT => Some(None),
        NO_PORT => Some(Some(Vec::new())),
        list => list.split(',').map(|port| port.parse().ok()).collect::<Option<_>>().map(Some),
    }
}

fn open_descriptors() -> Vec<i32> {
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers: Vec<i32> = listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    // The listing's own is closed by now.
    numbers.into_iter().filter(|number| is_open(*number)).collect()
}

fn is_open(number: i32) -> bool {
    std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn without_arguments_the_strictest_sandbox_is_assumed() {
        let ground = Ground::find(&[]).unwrap();
        assert_eq!((ground.profile, ground.ports), (Profile::Workspace, Some(vec![])));
    }

    #[test]
    fn ports_any_none_and_named_are_told_apart() {
        for (word, ports) in
            [("any", None), ("none", Some(vec![])), ("443,8080", Some(vec![443, 8080]))]
        {
            assert_eq!(Ground::find(&words(&["full", word])).unwrap().ports, ports);
        }
        for bad in [&["full"][..], &["some", "any"], &["full", ""], &["full", "any", "x"]] {
            assert!(Ground::find(&words(bad)).is_none(), "{bad:?}");
        }
    }
}
