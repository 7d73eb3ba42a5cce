//! Everything root read, as one snapshot: a launch never sees half of a reload.
//!
//! Trust: all files are root-owned, opened by [`trusted_file`](crate::trusted_file).
//! `gaggle.toml` and `gaggle.env` are the frontend's and never opened here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gaggle_ipc::control::RefusalCode;
use gaggle_ipc::{AccountName, MattermostUserId};
use nix::unistd::User;
use serde::{Deserialize, Serialize};

use crate::account::{self, Account, PowerfulGroups};
use crate::limits::Limits;
use crate::mapping::{self, BadEntry, Entry};
use crate::provider_env::{self, ProviderEnv};
use crate::settings::{self, Settings};
use crate::trusted_file::{self, Secrecy};

const MAPPING: &str = "user_mapping.json";
const SETTINGS: &str = "supervisor.toml";
const PROVIDER_ENV: &str = "goose.env";
const ACCOUNT_ENVS: &str = "accounts";

/// Name of the file in the configuration folder that switches everything off.
pub const LOCKDOWN: &str = "lockdown";

type Fingerprint = Option<(u64, i64, i64, i64)>;

/// A person who gets an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account, looked up and judged.
    pub account: Account,
    /// The mapping entry.
    pub entry: Entry,
    /// Supplementary groups the entry asks for, resolved.
    pub groups: Vec<u32>,
    /// What its agents may use.
    pub limits: Limits,
    /// Provider settings of the agent. Secret.
    pub env: ProviderEnv,
}

/// The state in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// `supervisor.toml`.
    pub settings: Settings,
    /// uid and gid of the frontend, if its account exists and is not root.
    pub frontend: Option<(u32, u32)>,
    /// Who gets an agent.
    pub people: BTreeMap<MattermostUserId, Person>,
    /// Who everybody else runs as, if anybody does.
    pub fallback: Option<Person>,
    /// Ids whose entry was refused, for the right answer to a `Start`.
    pub refused: BTreeMap<MattermostUserId, RefusalCode>,
    /// The same and the keys that are no ids, with what mends them.
    pub bad: Vec<BadEntry>,
    read: Vec<(PathBuf, Fingerprint)>,
}

impl Snapshot {
    /// A file this snapshot was read from has changed since, or a name service
    /// that did not answer then may answer now.
    pub fn is_outdated(&self) -> bool {
        self.refused.values().any(|code| *code == RefusalCode::LookupFailed)
            || self.read.iter().any(|(path, before)| trusted_file::fingerprint(path) != *before)
    }

    /// The person of an id: an entry of their own, or the fallback for those who
    /// have none at all. A refused entry is not no entry.
    ///
    /// # Errors
    /// Why there is none.
    pub fn person(&self, user: MattermostUserId) -> Result<&Person, RefusalCode> {
        if let Some(code) = self.refused.get(&user) {
            return Err(*code);
        }
        self.people.get(&user).or(self.fallback.as_ref()).ok_or(RefusalCode::Unmapped)
    }

    /// The id itself, if it has an entry of its own.
    #[must_use]
    pub fn own_entry(&self, user: MattermostUserId) -> Option<MattermostUserId> {
        self.people.contains_key(&user).then_some(user)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// A sentence that names the file and what mends it.
    pub fn load(config_dir: &Path) -> Result<Self, String> {
        Self::read(config_dir, None)
    }

    /// As [`Snapshot::load`], with a text that is yet to become the mapping.
    ///
    /// # Errors
    /// As there.
    pub fn load_with(config_dir: &Path, mapping: &str) -> Result<Self, String> {
        Self::read(config_dir, Some(mapping))
    }

    fn read(config_dir: &Path, mapping: Option<&str>) -> Result<Self, String> {
        let mut reader = Reader {
            config_dir,
            read: Vec::new(),
            frontend: None,
            limits: Limits::default(),
            powerful: PowerfulGroups::look_up(),
        };
        let settings =
            reader.optional(SETTINGS, Secrecy::Public, settings::parse)?.unwrap_or_default();
        let frontend = User::from_name(&settings.frontend_user).ok().flatten();
        let frontend = frontend.filter(|user| !user.uid.is_root());
        reader.frontend = frontend.as_ref().map(|user| user.uid.as_raw());
        reader.limits = settings.limits.or(&Limits::default())?;
        let common = reader
            .optional(PROVIDER_ENV, Secrecy::Secret, provider_env::parse)?
            .unwrap_or_default();
        let mapping = match mapping {
            Some(text) => mapping::parse(text)?,
            None => {
                reader.optional(MAPPING, Secrecy::Public, mapping::parse)?.ok_or_else(|| {
                    let path = config_dir.join(MAPPING);
                    format!("{}: no such file; `gaggle user add` makes it", path.display())
                })?
            }
        };
        let mut snapshot = Self {
            settings,
            frontend: frontend.map(|user| (user.uid.as_raw(), user.gid.as_raw())),
            people: BTreeMap::new(),
            fallback: None,
            refused: BTreeMap::new(),
            bad: mapping.bad,
            read: Vec::new(),
        };
        for bad in &snapshot.bad {
            if let Ok(user) = MattermostUserId::new(&bad.key) {
                snapshot.refused.insert(user, RefusalCode::EntryRefused);
            }
        }
        for (user, entry) in mapping.good {
            match reader.person(&entry, &common) {
                Ok(person) => {
                    snapshot.people.insert(user, person);
                }
                Err((code, problem)) => snapshot.refuse(user, &entry, code, problem),
            }
        }
        snapshot.fallback = snapshot.read_fallback(&mut reader, &common)?;
        snapshot.refuse_undeclared_sharing();
        snapshot.read = reader.read;
        Ok(snapshot)
    }

    fn read_fallback(
        &self,
        reader: &mut Reader<'_>,
        common: &ProviderEnv,
    ) -> Result<Option<Person>, String> {
        let Some(name) = &self.settings.fallback_account else { return Ok(None) };
        let name = AccountName::new(name).map_err(|error| format!("fallback_account: {error}"))?;
        let person = reader
            .person(&Entry::fallback(name), common)
            .map_err(|(_, problem)| format!("fallback_account: {problem}"))?;
        let uid = person.account.uid;
        if let Some(bad) = self.bad.iter().find(|bad| bad.account == person.account.name.as_str()) {
            return Err(format!(
                "fallback_account: it is the account of {}, whose entry is refused",
                bad.key
            ));
        }
        match self.people.iter().find(|(_, own)| own.account.uid == uid && !own.entry.shared) {
            Some((id, _)) => Err(format!("fallback_account: it is {id}'s own account")),
            None => Ok(Some(person)),
        }
    }

    fn refuse(
        &mut self,
        user: MattermostUserId,
        entry: &Entry,
        code: RefusalCode,
        problem: String,
    ) {
        self.refused.insert(user, code);
        let (key, account) = (user.as_str().to_owned(), entry.account.as_str().to_owned());
        self.bad.push(BadEntry { key, account, problem });
    }

    /// Several people on one uid see each other's files: each entry must say so.
    fn refuse_undeclared_sharing(&mut self) {
        let mut ids_of_uid = BTreeMap::<u32, Vec<MattermostUserId>>::new();
        for (user, person) in &self.people {
            ids_of_uid.entry(person.account.uid).or_default().push(*user);
        }
        for ids in ids_of_uid.into_values().filter(|ids| ids.len() > 1) {
            let declared = |id| self.people.get(id).is_some_and(|person| person.entry.shared);
            if ids.iter().all(declared) {
                continue;
            }
            for id in ids {
                if let Some(person) = self.people.remove(&id) {
                    let problem =
                        "this account is named by several ids; give each its own, or say \
                                   \"shared\": true in every one of these entries"
                            .to_owned();
                    self.refuse(id, &person.entry, RefusalCode::AccountShared, problem);
                }
            }
        }
    }
}

struct Reader<'a> {
    config_dir: &'a Path,
    read: Vec<(PathBuf, Fingerprint)>,
    /// Whoever has this uid can speak as every person.
    frontend: Option<u32>,
    /// Everybody's.
    limits: Limits,
    powerful: PowerfulGroups,
}

impl Reader<'_> {
    fn optional<T>(
        &mut self,
        name: &str,
        secrecy: Secrecy,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let path = self.config_dir.join(name);
        // The fingerprint first: a change during the read is then noticed later.
        self.read.push((path.clone(), trusted_file::fingerprint(&path)));
        match trusted_file::read(&path, secrecy) {
            Ok(text) => {
                parse(&text).map(Some).map_err(|error| format!("{}: {error}", path.display()))
            }
            Err(untrusted) if untrusted.is_missing() => Ok(None),
            Err(untrusted) => Err(untrusted.to_string()),
        }
    }

    fn person(
        &mut self,
        entry: &Entry,
        common: &ProviderEnv,
    ) -> Result<Person, (RefusalCode, String)> {
        let account = account::look_up(&entry.account)
            .map_err(|code| (code, account::problem(code, &entry.account)))?;
        if Some(account.uid) == self.frontend {
            let problem = "this is the frontend's own account; use another".to_owned();
            return Err((RefusalCode::AccountIsSystem, problem));
        }
        self.powerful
            .refuse(account.gid)
            .map_err(|problem| (RefusalCode::EntryRefused, problem))?;
        let groups = self
            .powerful
            .resolve(&entry.groups)
            .map_err(|problem| (RefusalCode::EntryRefused, problem))?;
        let own = format!("{ACCOUNT_ENVS}/{}.env", entry.account);
        let own = self
            .optional(&own, Secrecy::Secret, provider_env::parse)
            .map_err(|problem| (RefusalCode::EntryRefused, problem))?
            .unwrap_or_default();
        let env = common.overridden_by(&own);
        let limits = entry
            .limits
            .or(&self.limits)
            .map_err(|problem| (RefusalCode::EntryRefused, problem))?;
        Ok(Person { account, entry: entry.clone(), groups, limits, env })
    }
}
