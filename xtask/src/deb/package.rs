//! One build: source package, packages, and where they were made.
//!
//! Trust: `debian/rules` of the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tree;
use crate::run;

/// Writes the list of crates into each program.
const AUDITABLE: &str = "cargo-auditable";
const AUDITABLE_VERSION: &str = "0.7.7";

/// What must not make a difference.
pub(super) struct Conditions {
    /// As for the shell's `umask`.
    pub(super) umask: &'static str,
    /// Variables of the build.
    pub(super) environment: &'static [(&'static str, &'static str)],
}

impl Conditions {
    /// Those of a developer, as far as they may be known.
    pub(super) fn usual() -> Self {
        Self { umask: "022", environment: &[] }
    }
}

/// What a build made.
pub(super) struct Packages {
    /// Where all of it is.
    pub(super) folder: PathBuf,
    /// The package.
    pub(super) binary: PathBuf,
    /// The list of all files, which other tools begin with.
    pub(super) changes: PathBuf,
    /// Folders of the build and of the one who built: no business of users.
    pub(super) places: Vec<PathBuf>,
}

impl Packages {
    /// Builds in `folder`, where nothing of an earlier build is left, with cargo's
    /// files in `target`, where everything is.
    pub(super) fn build(
        folder: &Path,
        target: &Path,
        conditions: &Conditions,
    ) -> Result<Self, String> {
        let _ = fs::remove_dir_all(folder);
        let tree = folder.join(format!("gaggle-{}", tree::version()?));
        tree::copy(&tree)?;
        // The last step with the network.
        run::run(run::cargo(&["fetch", "--locked"]).current_dir(&tree))?;
        let tools = auditable()?;
        run::run(&mut command(&tree, target, &tools, conditions)?)?;
        let cargo_home = cargo_home()?;
        Ok(Self {
            folder: folder.to_owned(),
            binary: only(folder, "gaggle_", ".deb")?,
            changes: only(folder, "gaggle_", ".changes")?,
            places: vec![tree, target.to_owned(), cargo_home],
        })
    }

    /// Everything that may be given away.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let entries = fs::read_dir(&self.folder)
            .map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        Ok(files)
    }
}

fn command(
    tree: &Path,
    target: &Path,
    tools: &Path,
    conditions: &Conditions,
) -> Result<Command, String> {
    let mut build = Command::new("sh");
    build.args(["-c", "umask \"$1\" && shift && exec \"$@\"", "sh", conditions.umask]);
    // What the build needs is there: build-essential asks for a C++ compiler too.
    build.args(["dpkg-buildpackage", "--no-check-builddeps", "--unsigned-source"]);
    build.arg("--unsigned-changes").current_dir(tree);
    // Those of the cargo that runs this program are not for the one in there.
    for name in ["CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "LD_LIBRARY_PATH", "MAKEFLAGS"] {
        build.env_remove(name);
    }
    build.env("PATH", run::path_with(tools)?).env("CARGO_TARGET_DIR", target);
    build.env("CARGO_HOME", cargo_home()?);
    build.envs(conditions.environment.iter().copied());
    Ok(build)
}

fn cargo_home() -> Result<PathBuf, String> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    Ok(PathBuf::from(home).join(".cargo"))
}

/// The folder of `cargo-auditable`, which is installed there first if need be.
fn auditable() -> Result<PathBuf, String> {
    let tools = run::target_folder()?.join("tools").join(AUDITABLE_VERSION);
    let folder = tools.join("bin");
    if !folder.join(AUDITABLE).is_file() {
        eprintln!("installing {AUDITABLE} {AUDITABLE_VERSION} into {}", tools.display());
        let mut install = run::cargo(&["install", AUDITABLE, "--locked", "--quiet"]);
        install.args(["--version", AUDITABLE_VERSION, "--root"]).arg(&tools);
        run::run(&mut install)?;
    }
    Ok(folder)
}

/// The one file of `folder` whose name begins and ends like this.
fn only(folder: &Path, begin: &str, end: &str) -> Result<PathBuf, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = files.flatten().map(|file| file.path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(begin) && name.ends_with(end)
    };
    paths.find(ours).ok_or_else(|| format!("no {begin}*{end} in {}", folder.display()))
}
