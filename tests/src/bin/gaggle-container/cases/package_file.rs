//! The package before anybody installs it, and where no systemd runs.
//!
//! Trust: as in the module above. Each control is a package with that one flaw.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::machine::{self, said};
use crate::package;
use crate::snapshot::Snapshot;
use crate::stage::Stage;

/// What maintainer scripts must not do to a tree that others may write in.
const RECURSIVE: &[&str] = &["chown -R", "chmod -R", "chown --recursive", "chmod --recursive"];
/// Extended attributes that `dpkg-deb` would have to carry for capabilities.
const CAPABILITIES: &str = "setcap";

/// What of the package would give an attacker rights.
fn flaws(deb: &Path, folder: &Path) -> Result<Vec<String>> {
    let contents = package::contents(deb)?;
    let mut found: Vec<_> = contents
        .lines()
        .filter(|line| {
            let mut words = line.split_whitespace();
            let (mode, owner) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let plain = ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"].contains(&mode);
            !plain || owner != "root/root"
        })
        .map(str::to_owned)
        .collect();
    for (name, text) in package::scripts(deb, &folder.join("scripts"))? {
        let bad = |line: &&str| {
            RECURSIVE.iter().any(|word| line.contains(word)) || line.contains(CAPABILITIES)
        };
        found.extend(text.lines().filter(bad).map(|line| format!("{name}: {line}")));
    }
    Ok(found)
}

pub(crate) fn l23_l24_c46_nothing_in_it_gives_rights_away(stage: &mut Stage) -> Result<()> {
    let found = flaws(&stage.deb, &stage.folder)?;
    ensure!(found.is_empty(), "{}", found.join("\n"));
    for (name, flaw) in [
        ("set-id", "chmod 4755 usr/lib/gaggle/gaggle-worker"),
        (
            "writable",
            "chmod 666 usr/lib/systemd/system/gaggle.service lib/systemd/system/gaggle.service || true",
        ),
        ("chown", "sed -i '2i chown -R gaggle /var/lib/gaggle' DEBIAN/postinst"),
        ("capabilities", "sed -i '2i setcap cap_setuid=p /usr/bin/gaggle' DEBIAN/postinst"),
    ] {
        let deb = package::changed(&stage.deb, &stage.folder, name, flaw)?;
        let found = flaws(&deb, &stage.folder)?;
        fs::remove_file(&deb)?;
        ensure!(found.len() == 1, "the control {name}: {found:?}");
    }
    Ok(())
}

/// As in an image that is only built here: nothing runs, nothing can be started.
pub(crate) fn it_installs_and_purges_where_no_systemd_runs(stage: &mut Stage) -> Result<()> {
    let root = machine::layer(&stage.base, &stage.folder.join("chroot"))?;
    fs::copy(&stage.deb, root.join("var/cache/gaggle.deb"))?;
    let before = Snapshot::of(&root)?;
    let run = |words: &[&str]| -> Result<String> {
        let mut command = Command::new("chroot");
        command.arg(&root).args(words).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        let output = command.output()?;
        ensure!(output.status.success(), "{words:?} failed: {}", said(&output));
        Ok(said(&output))
    };
    run(&["dpkg", "--install", "/var/cache/gaggle.deb"])?;
    run(&["id", "gaggle"])?;
    ensure!(root.join("usr/bin/gaggle").exists(), "no gaggle");
    let wants = root.join("etc/systemd/system/multi-user.target.wants/gaggle.service");
    ensure!(fs::symlink_metadata(wants).is_err(), "it is enabled");
    run(&["dpkg", "--purge", "gaggle"])?;
    let mut left = before.difference(&Snapshot::of(&root)?);
    left.retain(|line| !super::removal::stays(line));
    ensure!(left.is_empty(), "not as before:\n{}", left.join("\n"));
    Ok(())
}
