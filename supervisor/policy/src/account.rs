//! An account name -> numbers, and the accounts that get no agent.
//!
//! Trust: the name comes from the root-owned mapping; what the system's name
//! services say of it is believed, but judged by number: uid 0 under another
//! name is uid 0.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::AccountName;
use gaggle_ipc::control::RefusalCode;
use nix::unistd::{Gid, Group, User};
use serde::{Deserialize, Serialize};

use crate::sys;

const FIRST_PERSON: u32 = 1000;
/// `nobody`, and the two numbers that system calls read as "leave it as it is".
const NOBODYS: &[u32] = &[65534, 65535, u32::MAX];
const SECONDS_A_DAY: u64 = 86_400;

/// Groups whose members are root in all but name, or read what is not theirs.
const POWERFUL_GROUPS: &[&str] = &[
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

/// An account as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name, as the mapping spells it.
    pub name: AccountName,
    /// Its uid, 1000 or above and nobody's.
    pub uid: u32,
    /// Its primary gid, never 0.
    pub gid: u32,
    /// Its home, absolute and plain.
    pub home: PathBuf,
}

/// Looks an account up and judges it. The expiry is not judged here: it may
/// come and go while the mapping stays.
///
/// # Errors
/// The reason to give it no agent.
pub fn look_up(name: &AccountName) -> Result<Account, RefusalCode> {
    let user = match User::from_name(name.as_str()) {
        Ok(Some(user)) => user,
        Ok(None) => return Err(RefusalCode::AccountUnknown),
        Err(_) => return Err(RefusalCode::LookupFailed),
    };
    if user.uid.is_root() || user.gid.as_raw() == 0 {
        return Err(RefusalCode::AccountIsRoot);
    }
    if user.uid.as_raw() < FIRST_PERSON || NOBODYS.contains(&user.uid.as_raw()) {
        return Err(RefusalCode::AccountIsSystem);
    }
    let plain =
        user.dir.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    let deep = user.dir.components().count() > 1;
    let nowhere = user.dir.starts_with("/nonexistent") || user.dir.starts_with("/root");
    // The home goes into the worker's environment as text.
    let text =
        user.dir.to_str().is_some_and(|dir| !dir.chars().any(|c| c.is_control() || c == ':'));
    if !user.dir.is_absolute() || !plain || !deep || nowhere || !text {
        return Err(RefusalCode::HomeUnusable);
    }
    Ok(Account {
        name: name.clone(),
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        home: user.dir,
    })
}

/// The account is expired today: the admin's off-switch (`chage -E 1`).
///
/// # Errors
/// [`RefusalCode::LookupFailed`] if nobody can tell.
pub fn is_expired(account: &Account) -> Result<bool, RefusalCode> {
    let name = CString::new(account.name.as_str()).map_err(|_| RefusalCode::AccountUnknown)?;
    let day = sys::expiry_day(&name).map_err(|_| RefusalCode::LookupFailed)?;
    Ok(day.is_some_and(|day| day <= today()))
}

fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    i64::try_from(seconds / SECONDS_A_DAY).unwrap_or(i64::MAX)
}

/// Resolves the supplementary groups that a mapping entry asks for.
///
/// # Errors
/// A sentence that names the group and why it is refused.
pub fn resolve_groups(names: &[String]) -> Result<Vec<u32>, String> {
    let mut gids = Vec::new();
    for name in names {
        let group = match Group::from_name(name) {
            Ok(Some(group)) => group,
            Ok(None) => return Err(format!("group {name:?} does not exist")),
            Err(_) => return Err(format!("group {name:?} could not be looked up")),
        };
        refuse_powerful(name)?;
        // By number too: an alias of such a group is such a group.
        refuse_powerful_group(group.gid.as_raw())?;
        gids.push(group.gid.as_raw());
    }
    Ok(gids)
}

/// Refuses a group with the power of root, be it an account's primary one.
///
/// # Errors
/// A sentence that names the group.
pub fn refuse_powerful_group(gid: u32) -> Result<(), String> {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    let name = group.map(|group| group.name).unwrap_or_default();
    if gid == 0 { refuse_powerful("root") } else { refuse_powerful(&name) }
}

fn refuse_powerful(name: &str) -> Result<(), String> {
    if POWERFUL_GROUPS.contains(&name) {
        Err(format!("group {name:?} would give the agent the power of root; use another"))
    } else {
        Ok(())
    }
}

/// The home as a C string.
///
/// # Errors
/// [`RefusalCode::HomeUnusable`] if it has a NUL.
pub fn home_c(account: &Account) -> Result<CString, RefusalCode> {
    CString::new(account.home.as_os_str().as_bytes()).map_err(|_| RefusalCode::HomeUnusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_system_and_unknown_accounts_are_told_apart() {
        let of = |name| look_up(&AccountName::new(name).unwrap()).unwrap_err();
        assert_eq!(of("root"), RefusalCode::AccountIsRoot);
        assert_eq!(of("daemon"), RefusalCode::AccountIsSystem);
        assert_eq!(of("nobody"), RefusalCode::AccountIsSystem);
        assert_eq!(of("no-such-account-here"), RefusalCode::AccountUnknown);
    }

    #[test]
    fn groups_with_the_power_of_root_are_refused_by_name() {
        for name in ["sudo", "disk", "shadow", "adm"] {
            assert!(resolve_groups(&[name.to_owned()]).unwrap_err().contains(name));
        }
        assert!(resolve_groups(&["no-such-group".to_owned()]).unwrap_err().contains("exist"));
        assert_eq!(resolve_groups(&["users".to_owned()]).unwrap().len(), 1);
    }
}
