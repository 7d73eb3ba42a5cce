//! What must be there before anything is built.
//!
//! Trust: as root the packages are installed through apt; otherwise they are
//! named.

use std::process::Command;

use crate::run;

/// A program and the Debian package it is in.
pub(crate) type Needed = (&'static str, &'static str);

/// What the build needs.
pub(crate) const BUILD: &[Needed] = &[("cc", "gcc")];
/// What the fuzzer's build needs: libFuzzer is C++.
pub(crate) const FUZZ: &[Needed] = &[("cc", "gcc"), ("c++", "g++")];
/// What a lab needs.
pub(crate) const LAB: &[Needed] =
    &[("nsenter", "util-linux"), ("setpriv", "util-linux"), ("bash", "bash")];
/// What the tests have an agent use as well, and a clock that jumps.
pub(crate) const TOOLS: &[Needed] =
    &[("git", "git"), ("ssh", "openssh-client"), ("faketime", "faketime")];
/// What fetching Goose needs.
pub(crate) const FETCH: &[Needed] =
    &[("npm", "npm"), ("tar", "tar"), ("gzip", "gzip"), ("sha512sum", "coreutils")];

/// Installs or names what is missing of `needed`.
///
/// # Errors
/// Something is missing; with the command that installs it.
pub(crate) fn require(needed: &[Needed]) -> Result<(), String> {
    let mut packages: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| !run::exists(program))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !run::is_root() || !run::exists("apt-get") {
        return Err(format!("missing: {list}; on Debian: sudo apt-get install {list}"));
    }
    eprintln!("installing {list}");
    // A fresh machine has no list of packages yet.
    run::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]);
    install.args(&packages).env("DEBIAN_FRONTEND", "noninteractive");
    run::run(&mut install)
}

/// Compares the compiler with what the workspace needs.
///
/// # Errors
/// One sentence if it is older.
pub(crate) fn require_compiler() -> Result<(), String> {
    let manifest = std::fs::read_to_string(run::root().join("Cargo.toml"))
        .map_err(|error| format!("read Cargo.toml: {error}"))?;
    let needed = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
        .ok_or("Cargo.toml names no rust-version")?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = run::read(Command::new(rustc).arg("--version"))?;
    let version = found.split_whitespace().nth(1).unwrap_or_default();
    if numbers(version) < numbers(needed) {
        return Err(format!(
            "Gaggle needs Rust {needed} or newer and this is {version}; update it, e.g. with `rustup update stable`"
        ));
    }
    Ok(())
}

fn numbers(version: &str) -> Vec<u32> {
    let plain = version.split('-').next().unwrap_or_default();
    plain.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.95.0") > numbers("1.89"));
        assert!(numbers("1.100.0-nightly") > numbers("1.99.9"));
        assert!(numbers("1.88.0") < numbers("1.89"));
    }
}
