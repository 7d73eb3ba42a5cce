//! A copy of the source tree, as a source package has it: what git knows and
//! what is new, nothing that was built or is ignored.
//!
//! Trust: the tree is the developer's.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// Whoever has not said otherwise; as it stands in `debian/`.
const MAINTAINER: &str = "Gaggle maintainers <maintainers@gaggle.invalid>";

/// Makes `folder` such a copy, in the place of what was there.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn copy(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    for file in files()? {
        let (from, to) = (run::root().join(&file), folder.join(&file));
        copy_file(&from, &to).map_err(|error| format!("copy {}: {error}", file.display()))?;
    }
    match maintainer() {
        Some(maintainer) => sign(folder, &maintainer),
        None => Ok(()),
    }
}

/// The version that `debian/changelog` says, without Debian's revision.
///
/// # Errors
/// The file is missing or says none.
pub(super) fn version() -> Result<String, String> {
    let path = run::root().join("debian/changelog");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let version = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let version = version.ok_or_else(|| format!("{}: no version", path.display()))?.0;
    Ok(version.to_owned())
}

fn files() -> Result<Vec<PathBuf>, String> {
    let root = run::root();
    if !root.join(".git").exists() {
        // An unpacked source package has nothing but sources, save what cargo made.
        return walk(root);
    }
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let list = run::read(&mut list)?;
    let mut files: Vec<PathBuf> =
        list.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    // Removed, and not yet committed as removed.
    files.retain(|file| fs::symlink_metadata(root.join(file)).is_ok());
    files.dedup();
    Ok(files)
}

fn walk(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_folder = path.is_dir() && !path.is_symlink();
            if is_folder && path != root.join("target") {
                folders.push(path);
            } else if !is_folder {
                found.extend(path.strip_prefix(root).map(Path::to_owned));
            }
        }
    }
    Ok(found)
}

/// Links stay links; whether others may read or write a file does not go along.
fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    let about = fs::symlink_metadata(from)?;
    if about.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to)?;
    let mode = if about.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    // Cargo tells by the time whether it has compiled a file before.
    let times = FileTimes::new().set_modified(about.modified()?);
    File::options().write(true).open(to)?.set_times(times)?;
    fs::set_permissions(to, Permissions::from_mode(mode))
}

/// Whoever distributes the packages, by the variables that Debian's tools know.
fn maintainer() -> Option<String> {
    let name = std::env::var("DEBFULLNAME").ok()?;
    let address = std::env::var("DEBEMAIL").ok()?;
    Some(format!("{name} <{address}>"))
}

fn sign(folder: &Path, maintainer: &str) -> Result<(), String> {
    for file in ["debian/control", "debian/changelog"] {
        let path = folder.join(file);
        let failed = |error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(failed)?;
        fs::write(&path, text.replace(MAINTAINER, maintainer)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maintainer_that_is_replaced_is_the_one_in_debian() {
        for file in ["debian/control", "debian/changelog", "debian/copyright"] {
            let text = fs::read_to_string(run::root().join(file)).unwrap();
            assert!(text.contains(MAINTAINER), "{file}");
        }
    }

    #[test]
    fn the_packages_version_is_the_programs() {
        assert_eq!(version().unwrap(), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn what_is_built_is_no_source() {
        let files = files().unwrap();
        assert!(files.contains(&PathBuf::from("Cargo.lock")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
