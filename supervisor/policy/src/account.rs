//! An account name -> numbers, and the accounts that get no agent.
//!
//! Trust: the name comes from the root-owned mapping; what the system's name
//! services say of it is believed, but judged by number: uid 0 under another
//! name is uid 0.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::{Component, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gaggle_ipc::AccountName;
use gaggle_ipc::control::RefusalCode;
use gaggle_ipc::launch::POWERFUL_GROUPS;
use nix::unistd::{Gid, Group, User};
use serde::{Deserialize, Serialize};

use crate::sys;

const FIRST_PERSON: u32 = 1000;
/// `nobody`, and the two numbers that system calls read as "leave it as it is".
const NOBODYS: &[u32] = &[65534, 65535, u32::MAX];
const SECONDS_A_DAY: u64 = 86_400;

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

/// Why an account gets no agent and what mends it, as a sentence.
#[must_use]
pub fn problem(code: RefusalCode, account: &AccountName) -> String {
    let name = account.as_str();
    match code {
        RefusalCode::AccountUnknown => format!(
            "no account {name:?} on this machine; run: gaggle user add {name} --mattermost ID"
        ),
        RefusalCode::AccountIsRoot => {
            format!("{name:?} has uid 0 or gid 0; nobody's agent runs as root")
        }
        RefusalCode::AccountIsSystem => format!(
            "{name:?} is a system account (uid below 1000 or 65534); use a person's or a dedicated one"
        ),
        RefusalCode::HomeUnusable => {
            format!("{name:?} has no usable home; set one with: usermod -d /home/{name} {name}")
        }
        _ => format!("{name:?} could not be looked up; is the name service up?"),
    }
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

/// The groups with the power of root, by number: an alias of such a group is
/// such a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerfulGroups(BTreeSet<u32>);

impl PowerfulGroups {
    /// Looks them up.
    #[must_use]
    pub fn look_up() -> Self {
        let known = |name: &str| Group::from_name(name).ok().flatten();
        let gids = POWERFUL_GROUPS.iter().filter_map(|name| known(name));
        Self(gids.map(|group| group.gid.as_raw()).chain([0]).collect())
    }

    /// Refuses a group with the power of root, be it an account's primary one.
    ///
    /// # Errors
    /// A sentence that names the group.
    pub fn refuse(&self, gid: u32) -> Result<(), String> {
        let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
        let name = group.map_or_else(|| gid.to_string(), |group| group.name);
        if self.0.contains(&gid) || POWERFUL_GROUPS.contains(&name.as_str()) {
            return Err(format!(
                "group {name:?} would give the agent the power of root; use another"
            ));
        }
        Ok(())
    }

    /// Resolves the supplementary groups that a mapping entry asks for.
    ///
    /// # Errors
    /// A sentence that names the group and why it is refused.
    pub fn resolve(&self, names: &[String]) -> Result<Vec<u32>, String> {
        let mut gids = Vec::new();
        for name in names {
            let gid = match Group::from_name(name) {
                Ok(Some(group)) => group.gid.as_raw(),
                Ok(None) => return Err(format!("group {name:?} does not exist")),
                Err(_) => return Err(format!("group {name:?} could not be looked up")),
            };
            self.refuse(gid)?;
            gids.push(gid);
        }
        Ok(gids)
    }
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
        let powerful = PowerfulGroups::look_up();
        for name in ["sudo", "disk", "shadow", "adm"] {
            assert!(powerful.resolve(&[name.to_owned()]).unwrap_err().contains(name));
        }
        assert!(powerful.resolve(&["no-such-group".to_owned()]).unwrap_err().contains("exist"));
        assert_eq!(powerful.resolve(&["users".to_owned()]).unwrap().len(), 1);
    }
}
