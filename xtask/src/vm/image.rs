//! A small Debian with Gaggle and its tests, as a disk for a virtual machine.
//!
//! Trust: the root, which is made of Debian's archive. What is made is booted in
//! a machine without a network and nowhere else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::container::root;
use crate::run;

use super::kernel::Release;
use super::run::PASSED;

/// Of no use here, and slow where every instruction is emulated.
const OFF: &[&str] = &[
    "serial-getty@ttyS0.service",
    "getty@tty1.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-timesyncd.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-hwdb-update.service",
];
const PROGRAMS: &[&str] = &["gaggle-supervisor", "gaggle-frontend", "gaggle-worker"];
const UNIT: &str = include_str!("../../vm/tests.service");
const SCRIPT: &str = include_str!("../../vm/tests.sh");

/// What is put into the system.
pub(super) struct Content {
    /// A package to install; without one the programs of this build, with the
    /// units and folders that the package would bring.
    pub(super) deb: Option<PathBuf>,
    /// Where this build's programs are.
    pub(super) built: PathBuf,
    /// Goose.
    pub(super) goose: PathBuf,
    /// The tests' program.
    pub(super) tests: PathBuf,
}

/// Makes the disk below `folder`.
///
/// # Errors
/// The base cannot be fetched, the package cannot be installed, or there is no
/// room.
pub(super) fn make(release: Release, folder: &Path, content: &Content) -> Result<PathBuf, String> {
    let base = root::prepared(release.root())?;
    let folder = folder.join(release.suite());
    let (tree, image) = (folder.join("tree"), folder.join("disk.img"));
    let script = "set -e; rm -rf \"$1\" \"$2\"; cp -a \"$0\" \"$1\"";
    run::run(Command::new("sh").args(["-c", script]).args([&base, &tree, &image]))?;
    match &content.deb {
        Some(deb) => install_package(&tree, deb)?,
        None => install_build(&tree, &content.built)?,
    }
    prepare(&tree, content)?;
    let script = "set -e; truncate -s 3G \"$1\"
         mke2fs -q -F -t ext4 -O ^has_journal -d \"$0\" \"$1\"; rm -rf \"$0\"";
    run::run(Command::new("sh").args(["-c", script]).args([&tree, &image]))?;
    Ok(image)
}

fn install_package(tree: &Path, deb: &Path) -> Result<(), String> {
    let inside = tree.join("gaggle.deb");
    fs::copy(deb, &inside).map_err(|error| format!("{}: {error}", deb.display()))?;
    run::run(Command::new("chroot").arg(tree).args(["dpkg", "--install", "/gaggle.deb"]))
}

/// What `debian/` would install, of this build.
fn install_build(tree: &Path, built: &Path) -> Result<(), String> {
    let script = "set -e; programs=usr/lib/gaggle; from=\"$0\"; cd \"$1\"; shift 2
         mkdir -p $programs/goose-home $programs/goose-config/goose etc/gaggle/accounts
         strip -o usr/bin/gaggle \"$BUILT/gaggle\"
         for name; do strip -o $programs/$name \"$BUILT/$name\"; done
         ln -s gaggle-worker $programs/goose-shell
         cp $from/packaging/goose-config/goose/config.yaml $from/packaging/goose-config/goose/AGENTS.md $programs/goose-config/goose/
         cp $from/packaging/systemd/* lib/systemd/system/
         cp $from/packaging/sysusers.d/gaggle.conf usr/lib/sysusers.d/
         cp $from/packaging/tmpfiles.d/gaggle.conf usr/lib/tmpfiles.d/
         chroot . systemd-sysusers";
    let mut install = Command::new("sh");
    install.args(["-c", script]).arg(run::root()).arg(tree).arg("--").args(PROGRAMS);
    run::run(install.env("BUILT", built))
}

/// Goose, the tests, and their unit, which switches the machine off.
fn prepare(tree: &Path, content: &Content) -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| format!("{what}: {error}")
    };
    let units = tree.join("etc/systemd/system");
    let tests = tree.join("opt/gaggle-tests");
    let wanted = units.join("multi-user.target.wants");
    for folder in [&tests, &wanted] {
        fs::create_dir_all(folder).map_err(failed("folders"))?;
    }
    for unit in OFF {
        let _ = fs::remove_file(units.join(unit));
        symlink("/dev/null", units.join(unit)).map_err(failed(unit))?;
    }
    let goose = tree.join("usr/lib/gaggle/goose");
    fs::copy(&content.goose, &goose).map_err(failed("goose"))?;
    run::run(Command::new("strip").arg("-o").arg(tests.join("vm")).arg(&content.tests))?;
    let script = tests.join("run");
    fs::write(&script, SCRIPT.replace("@PASSED@", PASSED)).map_err(failed("run"))?;
    for program in [goose, script] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(program, mode).map_err(failed("modes"))?;
    }
    fs::write(units.join("gaggle-tests.service"), UNIT).map_err(failed("the tests' unit"))?;
    symlink("../gaggle-tests.service", wanted.join("gaggle-tests.service"))
        .map_err(failed("the tests' unit"))?;
    // An empty one would make this a first boot, at which units are enabled.
    fs::write(tree.join("etc/machine-id"), "6761676c652d74657374732d6d616368\n")
        .map_err(failed("machine-id"))?;
    fs::write(tree.join("etc/hostname"), "gaggle-tests\n").map_err(failed("hostname"))
}
