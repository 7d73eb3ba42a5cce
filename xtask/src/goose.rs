//! Fetching the Goose binary that tests and demo use.
//!
//! Trust: the registry that the npm client is configured for may answer
//! anything; only a package with the digest in `goose.json` is unpacked.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{prerequisites, run};

const RELEASE: &str = include_str!("../../tests/src/lab/goose.json");

struct Release {
    package: String,
    version: String,
    integrity: String,
}

impl Release {
    fn read() -> Result<Self, String> {
        let release: serde_json::Value =
            serde_json::from_str(RELEASE).map_err(|e| format!("goose.json: {e}"))?;
        let text = |key: &str| {
            let value = release[key].as_str().map(str::to_owned);
            value.ok_or_else(|| format!("goose.json has no {key}"))
        };
        Ok(Self {
            package: text("package")?,
            version: text("version")?,
            integrity: text("integrity")?,
        })
    }
}

/// The cached Goose binary, fetched first if it is not there.
///
/// # Errors
/// It cannot be fetched or is not what it should be; with what to do.
pub(crate) fn fetch() -> Result<PathBuf, String> {
    let release = Release::read()?;
    let cache = run::target_folder()?.join("goose").join(&release.version);
    let binary = cache.join("goose");
    if binary.is_file() {
        return Ok(binary);
    }
    let architecture = std::env::consts::ARCH;
    if architecture != "x86_64" {
        return Err(format!(
            "Goose is fetched for x86_64 only and this is {architecture}; name a binary with --goose PATH"
        ));
    }
    fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    let tarball = match find_tarball(&cache) {
        Some(tarball) => tarball,
        None => download(&release, &cache)?,
    };
    if let Err(why) = check(&release, &tarball) {
        // A broken download must not be found again by the next try.
        let _ = fs::remove_file(&tarball);
        return Err(why);
    }
    unpack(&tarball, &cache, &binary)?;
    Ok(binary)
}

fn find_tarball(cache: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(cache).ok()?.flatten();
    files.map(|file| file.path()).find(|path| path.extension().is_some_and(|e| e == "tgz"))
}

fn download(release: &Release, cache: &Path) -> Result<PathBuf, String> {
    prerequisites::require(prerequisites::FETCH)?;
    let name = format!("{}@{}", release.package, release.version);
    // Packed elsewhere first: npm's file has its final name before it is whole.
    let part = cache.join("part");
    fs::create_dir_all(&part).map_err(|e| format!("{}: {e}", part.display()))?;
    let child = Command::new("npm")
        .args(["pack", "--silent", "--pack-destination"])
        .args([part.as_os_str(), name.as_ref()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| format!("npm could not be started: {e}"))?;
    let label = format!("fetching Goose {} (about 90 MB, once)", release.version);
    watch(child, &label).map_err(|why| {
        format!(
            "{why}; npm could not fetch {name}: is a registry reachable (`npm ping`)? Or name a Goose binary \
             with --goose PATH"
        )
    })?;
    let packed = find_tarball(&part).ok_or("npm made no package file")?;
    let tarball = cache.join(packed.file_name().ok_or("npm made no package file")?);
    fs::rename(&packed, &tarball).map_err(|e| format!("{}: {e}", tarball.display()))?;
    let _ = fs::remove_dir(&part);
    Ok(tarball)
}

/// Waits for a child, saying on a terminal that it still works.
fn watch(mut child: Child, label: &str) -> Result<(), String> {
    let terminal = std::io::stderr().is_terminal();
    if !terminal {
        eprintln!("{label}");
    }
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if terminal {
            eprint!("\r{label} … {} s", start.elapsed().as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    if terminal {
        eprintln!();
    }
    if status.success() { Ok(()) } else { Err(format!("{status}")) }
}

fn check(release: &Release, tarball: &Path) -> Result<(), String> {
    let found = run::read(Command::new("sha512sum").arg("--").arg(tarball))?;
    let found = found.split_whitespace().next().unwrap_or_default();
    let wanted = release.integrity.strip_prefix("sha512-").and_then(hex_of_base64);
    if wanted.as_deref() == Some(found) {
        return Ok(());
    }
    Err(format!(
        "{} has not the digest that tests/src/lab/goose.json names; it was removed and not unpacked",
        tarball.display()
    ))
}

fn unpack(tarball: &Path, cache: &Path, binary: &Path) -> Result<(), String> {
    let part = cache.join("goose.part");
    let file = fs::File::create(&part).map_err(|e| format!("{}: {e}", part.display()))?;
    let child = Command::new("tar")
        .args(["--extract", "--gzip", "--to-stdout", "--file"])
        .arg(tarball)
        .arg("package/bin/goose")
        .stdout(file)
        .spawn()
        .map_err(|e| format!("tar could not be started: {e}"))?;
    watch(child, "unpacking Goose")?;
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&part, executable)
        .and_then(|()| fs::rename(&part, binary))
        .map_err(|e| format!("{}: {e}", binary.display()))
}

/// Digests stand in base64 in npm's world and in hexadecimal in that of `sha512sum`.
fn hex_of_base64(text: &str) -> Option<String> {
    let mut hex = String::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            hex += &format!("{:02x}", bits >> held & 0xff);
        }
    }
    Some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_becomes_hexadecimal() {
        assert_eq!(hex_of_base64("aGVsbG8=").as_deref(), Some("68656c6c6f"));
        assert_eq!(hex_of_base64("/+8=").as_deref(), Some("ffef"));
        assert_eq!(hex_of_base64("a b"), None);
    }

    #[test]
    fn the_release_is_named_with_a_whole_digest() {
        let release = Release::read().unwrap();
        let digest = release.integrity.strip_prefix("sha512-").unwrap();
        assert_eq!(hex_of_base64(digest).unwrap().len(), 128);
    }
}
