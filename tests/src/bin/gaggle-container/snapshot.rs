//! What a root folder holds, to compare it with later.
//!
//! Trust: none; links are not followed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context, Result};

/// Other programs of the system write here while time passes: dpkg and apt
/// what they did, systemd and ldconfig what they know.
const OTHERS: &[&str] = &[
    "/etc/ld.so.cache",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
];
/// Compared by what is in it, and not by its size alone.
const BY_CONTENT: &str = "/etc";

/// Paths and what they are.
pub(crate) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Looks at all of `root` that belongs to nobody else.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let mut found = BTreeMap::new();
        walk(root, "", &mut found)?;
        Ok(Self(found))
    }

    /// What is different in `later`, a line each: `+`, `-` or `~`, and the path.
    pub(crate) fn difference(&self, later: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|path| !later.0.contains_key(*path));
        let mut lines: Vec<_> = gone.map(|path| format!("- {path}")).collect();
        for (path, now) in &later.0 {
            match self.0.get(path) {
                None => lines.push(format!("+ {path}")),
                Some(before) if before != now => lines.push(format!("~ {path}")),
                Some(_) => {}
            }
        }
        lines
    }
}

fn walk(root: &Path, below: &str, found: &mut BTreeMap<String, String>) -> Result<()> {
    let folder = root.join(below.trim_start_matches('/'));
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        if OTHERS.contains(&path.as_str()) {
            continue;
        }
        let about = entry.metadata()?;
        let mut what = format!("{:o} {} {}", about.mode(), about.uid(), about.gid());
        if about.is_symlink() {
            what += &format!(" to {}", fs::read_link(entry.path())?.display());
        } else if about.is_file() {
            what += &format!(" {}", about.len());
            if path.starts_with(BY_CONTENT) {
                what += &format!(" {:x}", digest(&fs::read(entry.path())?));
            }
        }
        found.insert(path.clone(), what);
        if about.is_dir() {
            walk(root, &path, found)?;
        }
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
