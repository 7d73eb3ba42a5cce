//! `cargo xtask man`: manual pages and completions, to be read and tried.
//!
//! Trust: as the caller's. A package build makes its own.

use crate::run;

/// Writes into `target/manual` and says what is there.
///
/// # Errors
/// The program that writes them cannot be built or fails.
pub(crate) fn write() -> Result<(), String> {
    let folder = run::target_folder()?.join("manual");
    let mut write = run::cargo(&["run", "--quiet", "--package", "gaggle-manual", "--"]);
    run::run(write.arg(&folder))?;
    println!("pages in {0}/man, completions in {0}/completions", folder.display());
    println!("to read one: man --local-file {}/man/gaggle.8", folder.display());
    println!("those written by hand are in packaging/man");
    Ok(())
}
