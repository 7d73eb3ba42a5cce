//! Debian's own look at the packages. A tag that stays has its reason in
//! `debian/gaggle.lintian-overrides` or `debian/source/lintian-overrides`.
//!
//! Trust: lintian reads the packages and runs nothing of them.

use std::path::Path;
use std::process::Command;

use crate::run;

/// Runs lintian over everything that a build made.
///
/// # Errors
/// It has something to say, however little.
pub(super) fn check(changes: &Path) -> Result<(), String> {
    let mut lintian = Command::new("lintian");
    lintian.args(["--info", "--display-info", "--pedantic"]);
    lintian.args(["--fail-on", "error,warning,info,pedantic"]);
    // It warns root of itself, and reads packages only.
    run::run(lintian.arg("--allow-root").arg(changes))
}
