//! The manual pages of a package, as `man` finds them.
//!
//! Trust: man-db and groff say what is wrong with a page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// Every page can be shown without a warning, and `whatis` finds it.
///
/// # Errors
/// The first page with which something is wrong, and what.
pub(super) fn check(unpacked: &Path) -> Result<(), String> {
    let pages = pages(&unpacked.join("usr/share/man"))?;
    for page in &pages {
        let name = page.display();
        let mut man = Command::new("man");
        // Warnings come on the stream on which lines are counted here.
        man.args(["--warnings", "--local-file", "--encoding=UTF-8", "--troff-device=utf8"]);
        man.arg(page).env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
        let shown = man.output().map_err(|error| format!("man: {error}"))?;
        let warnings = String::from_utf8_lossy(&shown.stderr);
        if !shown.status.success() || !warnings.trim().is_empty() {
            return Err(format!("man --warnings {name}: {}", warnings.trim()));
        }
        run::read(Command::new("lexgrog").arg(page))
            .map_err(|error| format!("{name} cannot be found by whatis: {error}"))?;
    }
    if pages.len() < 10 {
        return Err(format!("only {} manual pages", pages.len()));
    }
    Ok(())
}

fn pages(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let failed = |error| format!("{}: {error}", folder.display());
    for section in fs::read_dir(folder).map_err(failed)?.flatten() {
        for page in fs::read_dir(section.path()).map_err(failed)?.flatten() {
            // Links lead to one of the others, by a path that is absolute once installed.
            if !page.path().is_symlink() {
                found.push(page.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
