//! `cargo xtask deb`: builds the Debian packages and looks into them.
//!
//! The build happens in a copy of the tree in `target/deb`, as with any other
//! source package; nothing is left in the tree itself.
//!
//! Trust: Debian's packaging tools; the crates are those of `Cargo.lock`.

mod completions;
mod contents;
mod lint;
mod manual;
mod package;
mod programs;
mod reproducible;
mod tree;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::{prerequisites, run};
use package::{Conditions, Packages};

const MORE: &str = "\
The packages are put into target/debian. As root, what the build and the checks
need is installed first; otherwise it is named.

The copy that they are built from can be built by hand as well, like any source
package: target/debian/gaggle_*.dsc. DEBFULLNAME and DEBEMAIL, if set, become its
maintainer.";

/// What the build needs.
const BUILD: &[prerequisites::Needed] =
    &[("make", "make"), ("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper")];
/// What looks into the packages.
const CHECKS: &[prerequisites::Needed] = &[
    ("lintian", "lintian"),
    ("man", "man-db"),
    ("lexgrog", "man-db"),
    ("/usr/share/bash-completion/bash_completion", "bash-completion"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];

/// Build the Debian package
#[derive(Args)]
#[command(after_help = MORE)]
pub(crate) struct Deb {
    /// Build twice, in different folders and under different conditions, and
    /// compare every byte; takes two full release builds
    #[arg(long)]
    reproducible: bool,
}

/// Does what the command line says, and prints the path of the package.
///
/// # Errors
/// As [`build`].
pub(crate) fn run(deb: &Deb) -> Result<(), String> {
    if deb.reproducible {
        require()?;
        return reproducible::check();
    }
    println!("{}", build()?.display());
    Ok(())
}

/// Builds `target/debian/gaggle_*.deb`, checked; its path.
///
/// # Errors
/// A tool is missing, has failed, or made what should not be installed. The
/// packages of an earlier build then stay where they are.
pub(crate) fn build() -> Result<PathBuf, String> {
    require()?;
    let target = run::target_folder()?;
    let folder = target.join("deb");
    let _alone = alone(&target.join("deb.lock"))?;
    let packages = Packages::build(&folder, &target, &Conditions::usual())?;
    check(&packages)?;
    publish(&packages, &target.join("debian"))
}

/// Waits until no other build works in the same folder; ends with what it returns.
fn alone(path: &Path) -> Result<File, String> {
    let failed = |error| format!("{}: {error}", path.display());
    let file = File::create(path).map_err(failed)?;
    // Its standard input is this very file, so what it locks stays locked here.
    let shared = file.try_clone().map_err(failed)?;
    run::run(Command::new("flock").arg("0").stdin(shared))?;
    Ok(file)
}

fn require() -> Result<(), String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    prerequisites::require(BUILD)?;
    prerequisites::require(CHECKS)
}

fn check(packages: &Packages) -> Result<(), String> {
    contents::check(&packages.binary)?;
    let unpacked = packages.folder.join("unpacked");
    unpack(&packages.binary, &unpacked)?;
    programs::check(&unpacked, &packages.places)?;
    manual::check(&unpacked)?;
    completions::check(&unpacked)?;
    lint::check(&packages.changes)
}

fn unpack(deb: &Path, folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    run::run(Command::new("dpkg-deb").arg("--extract").args([deb, folder]))
}

/// Puts them where people look, in the place of an earlier build's.
fn publish(packages: &Packages, folder: &Path) -> Result<PathBuf, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    // What an earlier version left must not be taken for this one's.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(failed)?;
    for file in packages.files()? {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, folder.join(name)).map_err(failed)?;
    }
    Ok(folder.join(packages.binary.file_name().unwrap_or_default()))
}
