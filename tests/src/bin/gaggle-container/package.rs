//! The package as a file: what is in it, and other versions of it.
//!
//! Trust: Debian's tools for packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The package's version, as its changelog says.
///
/// # Errors
/// It is no package.
pub(crate) fn version(deb: &Path) -> Result<String> {
    read(Command::new("dpkg-deb").arg("--field").arg(deb).arg("Version"))
}

/// What `dpkg-deb --contents` lists.
///
/// # Errors
/// It is no package.
pub(crate) fn contents(deb: &Path) -> Result<String> {
    read(Command::new("dpkg-deb").arg("--contents").arg(deb))
}

/// A package that differs from `deb` by what `script` does to its unpacked
/// folder, as `folder/name.deb`.
///
/// # Errors
/// A tool fails.
pub(crate) fn changed(deb: &Path, folder: &Path, name: &str, script: &str) -> Result<PathBuf> {
    let unpacked = folder.join(name);
    let made = folder.join(format!("{name}.deb"));
    read(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(&unpacked))?;
    read(Command::new("sh").args(["-ec", script]).current_dir(&unpacked))?;
    // Speed counts, not size.
    read(Command::new("dpkg-deb").args(["-Zgzip", "-z1", "--build"]).arg(&unpacked).arg(&made))?;
    fs::remove_dir_all(&unpacked)?;
    Ok(made)
}

/// Unpacks the maintainer scripts into `folder`.
///
/// # Errors
/// It is no package.
pub(crate) fn scripts(deb: &Path, folder: &Path) -> Result<Vec<(String, String)>> {
    read(Command::new("dpkg-deb").arg("--control").arg(deb).arg(folder))?;
    let names = ["preinst", "postinst", "prerm", "postrm"];
    let script = |name: &&str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        Some(((*name).to_owned(), text))
    };
    let found = names.iter().filter_map(script).collect();
    fs::remove_dir_all(folder)?;
    Ok(found)
}

fn read(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("start {name}"))?;
    let said = super::machine::said(&output);
    ensure!(output.status.success(), "{name} failed: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
