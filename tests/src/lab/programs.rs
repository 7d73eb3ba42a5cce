//! Where the built programs lie.
//!
//! Trust: cargo put them there; a missing one is named, never searched for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder of this build's programs, like `target/debug`.
///
/// # Errors
/// This process was not started from a target folder.
pub fn built_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    let folder = own.parent().context("a program lies in a folder")?;
    let tests = folder.file_name().is_some_and(|name| name == "deps");
    let folder = if tests { folder.parent() } else { Some(folder) };
    Ok(folder.context("a target folder")?.to_owned())
}

/// The target folder itself.
///
/// # Errors
/// As [`built_folder`].
pub fn target_folder() -> Result<PathBuf> {
    let built = built_folder()?;
    Ok(built.parent().context("a target folder")?.to_owned())
}

/// The built program `name`.
///
/// # Errors
/// It is not there; with the command that builds it.
pub fn built(name: &str) -> Result<PathBuf> {
    let path = built_folder()?.join(Path::new(name));
    ensure!(path.is_file(), "{} is not built; run `cargo build --workspace`", path.display());
    Ok(path)
}
