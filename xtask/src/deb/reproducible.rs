//! Two builds, one result: whoever has the source can tell that a package was
//! made of it.
//!
//! Trust: the same compiler and the same tools make both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::package::{Conditions, Packages};
use crate::run;

/// What differs between the machines of two builders, as far as one has it all.
const OTHER: Conditions = Conditions {
    umask: "077",
    environment: &[
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "C"),
        ("LANG", "C"),
        ("USER", "somebody"),
        ("DEB_BUILD_OPTIONS", "parallel=1"),
    ],
};

/// Builds twice from nothing and compares.
///
/// # Errors
/// A build failed, or the files that differ.
pub(super) fn check() -> Result<(), String> {
    let folder = run::target_folder()?.join("reproducible");
    let _ = fs::remove_dir_all(&folder);
    let started = Instant::now();
    let first = digests(&folder.join("a"), &Conditions::usual())?;
    let second = digests(&folder.join("another/and-longer"), &OTHER)?;
    let differ: Vec<&str> = first
        .iter()
        .filter(|line| !second.contains(line))
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    if !differ.is_empty() || first.len() != second.len() {
        return Err(format!(
            "two builds differ: {}; both are in {}, diffoscope shows how",
            differ.join(", "),
            folder.display()
        ));
    }
    for line in &first {
        println!("{line}");
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("the same in two builds, which took {minutes:.1} minutes");
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Digest and name of what is given away. What else a build writes names the
/// machine and the moment: that is what it is for.
fn digests(folder: &Path, conditions: &Conditions) -> Result<Vec<String>, String> {
    let packages = Packages::build(folder, &folder.join("cargo"), conditions)?;
    let given = |path: &PathBuf| {
        let name = path.to_string_lossy();
        [".deb", ".dsc", ".tar.xz"].iter().any(|end| name.ends_with(end))
    };
    let files: Vec<PathBuf> = packages.files()?.into_iter().filter(given).collect();
    let names = files.iter().filter_map(|path| path.file_name());
    let mut sums = Command::new("sha256sum");
    let sums = run::read(sums.current_dir(folder).arg("--").args(names))?;
    Ok(sums.lines().map(str::to_owned).collect())
}
