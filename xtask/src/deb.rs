//! `cargo xtask deb`: builds the Debian package and looks into it.
//!
//! Trust: Debian's packaging tools; the crates are those of `Cargo.lock`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{prerequisites, run};

const NEEDED: &[prerequisites::Needed] =
    &[("make", "make"), ("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper")];

/// What a service manager and people would miss first.
const CONTAINED: &[&str] = &[
    "./etc/gaggle/gaggle.toml",
    "./usr/bin/gaggle",
    "./usr/lib/gaggle/gaggle-frontend",
    "./usr/lib/gaggle/gaggle-supervisor",
    "./usr/lib/gaggle/gaggle-worker",
    "./usr/lib/gaggle/goose-config/goose/config.yaml",
    "./usr/lib/gaggle/goose-home/",
    "./usr/lib/sysusers.d/gaggle.conf",
    "./usr/lib/tmpfiles.d/gaggle.conf",
];
/// Likewise; Debian is moving them from `/lib` to `/usr/lib`.
const UNITS: &[&str] = &[
    "gaggle.service",
    "gaggle-supervisor.service",
    "gaggle-frontend.service",
    "gaggle-control.socket",
    "gaggle-admin.socket",
];

/// Builds `target/debian/gaggle_*.deb`; its path.
///
/// # Errors
/// A tool is missing, has failed, or made what should not be installed.
pub(crate) fn build() -> Result<PathBuf, String> {
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    prerequisites::require(NEEDED)?;
    let target = run::target_folder()?;
    let folder = target.join("debian");
    // What an earlier version left must not be taken for this one's.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // The last step with the network.
    run::run(&mut run::cargo(&["fetch", "--locked"]))?;
    run::run(&mut package(&target, &folder))?;
    let deb = made(&folder)?;
    check(&deb)?;
    lint(&deb)?;
    Ok(deb)
}

fn package(target: &Path, folder: &Path) -> Command {
    let mut build = Command::new("dpkg-buildpackage");
    build.current_dir(run::root());
    // What the build needs is there: build-essential asks for a C++ compiler too.
    build.args(["--build=binary", "--no-check-builddeps", "--unsigned-changes"]);
    for option in ["--changes-option=-u", "--buildinfo-option=-u"] {
        build.arg(format!("{option}{}", folder.display()));
    }
    build.arg(format!("--buildinfo-file={}", folder.join("gaggle.buildinfo").display()));
    build.arg(format!("--changes-file={}", folder.join("gaggle.changes").display()));
    build.env("CARGO_TARGET_DIR", target).env("PARENT", folder);
    // Those of the cargo that runs this program are not for the one in there.
    for name in ["CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "LD_LIBRARY_PATH", "MAKEFLAGS"] {
        build.env_remove(name);
    }
    build
}

fn made(folder: &Path) -> Result<PathBuf, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = files.flatten().map(|file| file.path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("gaggle_") && name.ends_with(".deb")
    };
    paths.find(ours).ok_or_else(|| format!("no package in {}", folder.display()))
}

/// Looks at what would be installed.
fn check(deb: &Path) -> Result<(), String> {
    let list = run::read(Command::new("dpkg-deb").arg("--contents").arg(deb))?;
    let entries: Vec<Entry<'_>> = list.lines().filter_map(Entry::parse).collect();
    let mut problems: Vec<String> = entries.iter().filter_map(Entry::problem).collect();
    let has = |wanted: &str| entries.iter().any(|entry| entry.path == wanted);
    problems.extend(CONTAINED.iter().filter(|path| !has(path)).map(|path| format!("no {path}")));
    let in_folder = |unit: &str| {
        ["./lib", "./usr/lib"].iter().any(|lib| has(&format!("{lib}/systemd/system/{unit}")))
    };
    problems.extend(UNITS.iter().filter(|unit| !in_folder(unit)).map(|unit| format!("no {unit}")));
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{} is not to be installed: {}", deb.display(), problems.join("; ")))
}

/// A line of `dpkg-deb --contents`.
struct Entry<'a> {
    mode: &'a str,
    owner: &'a str,
    path: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next()?, words.next()?);
        Some(Self { mode, owner, path: words.nth(3)? })
    }

    /// What the supervisor would refuse to believe, or an attacker like.
    fn problem(&self) -> Option<String> {
        let usual = match self.mode.get(..1) {
            Some("l") => true,
            Some("d") => self.mode == "drwxr-xr-x",
            Some("-") => ["-rwxr-xr-x", "-rw-r--r--"].contains(&self.mode),
            _ => false,
        };
        let fine = usual && self.owner == "root/root";
        (!fine).then(|| format!("{} is {} {}", self.path, self.mode, self.owner))
    }
}

/// Debian's own look, where it is installed.
fn lint(deb: &Path) -> Result<(), String> {
    if !run::exists("lintian") {
        eprintln!("not checked by lintian: it is not installed");
        return Ok(());
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--info", "--display-info", "--pedantic", "--fail-on", "error"]);
    // It warns root of itself, and reads a package only.
    run::run(lintian.arg("--allow-root").arg(deb))
}

#[cfg(test)]
mod tests {
    use super::Entry;

    fn problem(line: &str) -> Option<String> {
        Entry::parse(line).unwrap().problem()
    }

    #[test]
    fn what_others_may_write_or_become_is_found() {
        let file = |mode: &str, owner: &str| {
            problem(&format!("{mode} {owner} 77 2026-11-21 00:00 ./usr/bin/gaggle"))
        };
        assert_eq!(file("-rwxr-xr-x", "root/root"), None);
        assert_eq!(file("-rw-r--r--", "root/root"), None);
        for mode in ["-rwsr-xr-x", "-rwxr-sr-x", "-rwxrwxr-x", "-rw-------", "prw-r--r--"] {
            assert!(file(mode, "root/root").is_some_and(|said| said.contains(mode)), "{mode}");
        }
        assert!(file("-rwxr-xr-x", "gaggle/gaggle").is_some());
        let folder = "drwxrwxrwx root/root 0 2026-11-21 00:00 ./etc/gaggle/";
        assert!(problem(folder).is_some());
    }

    #[test]
    fn links_have_no_mode_of_their_own() {
        let link =
            "lrwxrwxrwx root/root 0 2026-11-21 00:00 ./usr/lib/gaggle/goose-shell -> gaggle-worker";
        assert_eq!(problem(link), None);
    }
}
