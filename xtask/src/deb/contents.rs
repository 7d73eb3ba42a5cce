//! What a package would install: nothing missing, nothing that others may write.
//!
//! Trust: `dpkg-deb` tells what is in the package.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run;

/// What a service manager and people would miss first.
const CONTAINED: &[&str] = &[
    "./etc/gaggle/gaggle.toml",
    "./usr/bin/gaggle",
    "./usr/lib/gaggle/gaggle-frontend",
    "./usr/lib/gaggle/gaggle-supervisor",
    "./usr/lib/gaggle/gaggle-worker",
    "./usr/lib/gaggle/goose-config/goose/AGENTS.md",
    "./usr/lib/gaggle/goose-config/goose/config.yaml",
    "./usr/lib/gaggle/goose-home/",
    "./usr/lib/sysusers.d/gaggle.conf",
    "./usr/lib/tmpfiles.d/gaggle.conf",
    "./usr/share/bash-completion/completions/gaggle",
    "./usr/share/doc/gaggle/examples/gaggle.toml.example",
    "./usr/share/fish/vendor_completions.d/gaggle.fish",
    "./usr/share/zsh/vendor-completions/_gaggle",
];

/// Looks at what would be installed.
///
/// # Errors
/// All that is wrong, in one sentence.
pub(super) fn check(deb: &Path) -> Result<(), String> {
    let list = run::read(Command::new("dpkg-deb").arg("--contents").arg(deb))?;
    let entries: Vec<Entry<'_>> = list.lines().filter_map(Entry::parse).collect();
    let mut problems: Vec<String> = entries.iter().filter_map(Entry::problem).collect();
    let has = |wanted: &str| entries.iter().any(|entry| entry.path == wanted);
    problems.extend(CONTAINED.iter().filter(|path| !has(path)).map(|path| format!("no {path}")));
    // Debian is moving units from /lib to /usr/lib.
    let in_folder = |unit: &str| {
        ["./lib", "./usr/lib"].iter().any(|lib| has(&format!("{lib}/systemd/system/{unit}")))
    };
    let units = names_in("packaging/systemd")?;
    problems.extend(units.iter().filter(|unit| !in_folder(unit)).map(|unit| format!("no {unit}")));
    for page in names_in("packaging/man")? {
        let section = page.rsplit('.').next().unwrap_or_default();
        let installed = format!("./usr/share/man/man{section}/{page}.gz");
        if !has(&installed) {
            problems.push(format!("no {installed}"));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{} is not to be installed: {}", deb.display(), problems.join("; ")))
}

/// Every file of a folder of the tree: what is added there has to be installed.
fn names_in(folder: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(run::root().join(folder)).map_err(|e| format!("{folder}: {e}"))?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    Ok(files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
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
