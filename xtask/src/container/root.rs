//! The roots that containers are booted from: small Debian systems, made once
//! and kept.
//!
//! Trust: Debian's archive, by its signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::run;

const CACHE: &str = "/var/cache/gaggle-container";
/// What a small server has, and what the package recommends: the containers
/// have no network to fetch it by.
const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,libpam-systemd,polkitd,procps,iproute2,libcap2-bin,ca-certificates";
const MIRROR: &str = "http://deb.debian.org/debian";

/// A release of Debian that the package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Release {
    /// bookworm, with systemd 252
    #[value(name = "12")]
    Bookworm,
    /// trixie, with systemd 257
    #[value(name = "13")]
    Trixie,
}

impl Release {
    /// Its name in the archive.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

/// The root of that release, made unless it is there.
///
/// # Errors
/// debootstrap fails.
pub(crate) fn prepared(release: Release) -> Result<PathBuf, String> {
    let suite = release.suite();
    let root = Path::new(CACHE).join(suite);
    // What it was made of: another list of packages makes another root.
    let made_of = root.with_extension("packages");
    if root.is_dir() && fs::read_to_string(&made_of).is_ok_and(|list| list == PACKAGES) {
        return Ok(root);
    }
    eprintln!("making a root of Debian {suite} (about a minute, once)");
    let part = root.with_extension("part");
    for old in [&root, &part].into_iter().filter(|old| old.exists()) {
        fs::remove_dir_all(old).map_err(|error| format!("{}: {error}", old.display()))?;
    }
    fs::create_dir_all(CACHE).map_err(|error| format!("{CACHE}: {error}"))?;
    let mut make = Command::new("debootstrap");
    make.arg("--variant=minbase").arg(format!("--include={PACKAGES}")).arg(suite);
    run::run(make.arg(&part).arg(MIRROR).stdout(std::io::stderr()))?;
    fs::rename(&part, &root)
        .and_then(|()| fs::write(&made_of, PACKAGES))
        .map_err(|error| format!("{}: {error}", root.display()))?;
    Ok(root)
}
