//! Edits `user_mapping.json`: locked, whole, or not at all.
//!
//! Trust: the file is root's and is read by the supervisor's own parser before
//! and after the change; what that refuses is never written.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use gaggle_ipc::MattermostUserId;
use gaggle_policy::mapping;
use gaggle_policy::trusted_file::{self, Secrecy};
use serde_json::{Map, Value};

use crate::output;

/// How the name of a file that is not yet the mapping begins.
const UNFINISHED: &str = ".user_mapping.new-";

/// The mapping as it stands, and held for one change if it is to be changed.
#[derive(Debug)]
pub(crate) struct MappingFile {
    path: PathBuf,
    entries: Map<String, Value>,
    /// Two admins at once take turns; held until the change is written.
    lock: Option<File>,
}

/// What the file is to become: entries to put, and `None` for those to remove.
pub(crate) type Edits = [(String, Option<Value>)];

impl MappingFile {
    /// Locks and reads the mapping in `config_dir`; one that does not exist is empty.
    ///
    /// # Errors
    /// If the folder or the file is not root's own, or the file is no mapping.
    pub(crate) fn open(config_dir: &Path) -> anyhow::Result<Self> {
        trusted_file::open_folder(config_dir).map_err(|e| anyhow::anyhow!("{e}"))?;
        let lock = lock(&config_dir.join(".user_mapping.lock"))?;
        Ok(Self { lock: Some(lock), ..Self::read(config_dir)? })
    }

    /// Reads it, to look at it only.
    ///
    /// # Errors
    /// As [`MappingFile::open`].
    pub(crate) fn read(config_dir: &Path) -> anyhow::Result<Self> {
        let path = config_dir.join("user_mapping.json");
        let text = match trusted_file::read(&path, Secrecy::Public) {
            Ok(text) => text,
            Err(missing) if missing.is_missing() => "{}".to_owned(),
            Err(untrusted) => bail!("{untrusted}"),
        };
        // Refuses what a plain JSON reader would silently repair, like a key
        // that stands twice.
        let parsed =
            mapping::parse(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        if let Some(twice) = parsed.bad.iter().find(|bad| bad.problem.contains("more than once")) {
            bail!("{}: {}: {}", path.display(), twice.key, twice.problem);
        }
        Ok(Self { path, entries: serde_json::from_str(&text)?, lock: None })
    }

    /// The entry of an id.
    pub(crate) fn entry(&self, user: MattermostUserId) -> Option<&Value> {
        self.entries.get(user.as_str())
    }

    /// The keys of all entries that name an account.
    pub(crate) fn keys_of(&self, account: &str) -> impl Iterator<Item = &str> {
        let named = move |value: &Value| account_of(value) == Some(account);
        self.entries.iter().filter(move |(_, value)| named(value)).map(|(key, _)| key.as_str())
    }

    /// The entry of a key, whatever it is.
    pub(crate) fn of_key(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// The whole text with these edits.
    ///
    /// # Errors
    /// If the supervisor's parser refuses what was put.
    pub(crate) fn edited(&self, edits: &Edits) -> anyhow::Result<String> {
        let mut entries = self.entries.clone();
        for (key, value) in edits {
            match value {
                Some(value) => entries.insert(key.clone(), value.clone()),
                None => entries.remove(key),
            };
        }
        let mut text = serde_json::to_string_pretty(&entries)?;
        text.push('\n');
        let parsed = mapping::parse(&text).map_err(|e| anyhow::anyhow!("{e}"))?;
        let put = |key: &str| edits.iter().any(|(edited, value)| edited == key && value.is_some());
        if let Some(bad) = parsed.bad.iter().find(|bad| put(&bad.key)) {
            bail!("{}", bad.problem);
        }
        Ok(text)
    }

    /// Writes what [`MappingFile::edited`] made, and lets the next admin in.
    ///
    /// # Errors
    /// If it is not held, or the disk refuses.
    pub(crate) fn write(self, text: &str) -> anyhow::Result<()> {
        self.lock.as_ref().context("the mapping is not held")?;
        write_whole(&self.path, text).with_context(|| format!("{}", self.path.display()))
    }
}

/// The account that an entry names.
pub(crate) fn account_of(entry: &Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("account").and_then(Value::as_str))
}

/// Takes the lock, in turn with other admins.
fn lock(path: &Path) -> anyhow::Result<File> {
    let named = || format!("{}", path.display());
    // Whoever can open it can hold it for ever: root alone.
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.with_context(named)?;
    file.set_permissions(Permissions::from_mode(0o600)).with_context(named)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        output::notice("another gaggle command is changing the mapping; waiting for it");
    }
    file.lock().with_context(named)?;
    Ok(file)
}

/// After a power cut the old file is there, or the new one, never a half.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("no folder")?;
    let mode = fs::metadata(path).map_or(0o640, |old| old.permissions().mode() & 0o777);
    // Of commands that were killed; whoever lives waits for the lock.
    for left in fs::read_dir(folder)?.flatten() {
        if left.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(left.path())?;
        }
    }
    let mut new = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
