//! Which Goose the tests run, and where it lies.
//!
//! Trust: `cargo xtask` put it there after checking its digest.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Names another Goose than the one that is fetched.
pub const ENV_GOOSE: &str = "GAGGLE_TEST_GOOSE";

/// The release that Gaggle is tested with; `cargo xtask` reads the same file.
const RELEASE: &str = include_str!("goose.json");

#[derive(Deserialize)]
struct Release {
    version: String,
}

/// The Goose binary.
///
/// # Errors
/// It is not there; with the command that fetches it.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(ENV_GOOSE) {
        let named = PathBuf::from(named);
        ensure!(named.is_file(), "{ENV_GOOSE}={}: no such file", named.display());
        return Ok(named);
    }
    let Release { version } = serde_json::from_str(RELEASE)?;
    let cache = super::programs::target_folder()?.join("goose").join(version);
    let binary = cache.join("goose");
    ensure!(
        binary.is_file(),
        "Goose is not at {}; fetch it with `cargo xtask goose`",
        binary.display()
    );
    binary.canonicalize().context("find Goose")
}
