//! `cargo xtask vm qemu`: the tests that need a kernel of their own: one that is
//! old, one that has cgroup controllers, one without Landlock.
//!
//! Trust: Debian's archive, by its signatures. The machines have no network and
//! cannot write here.

mod image;
mod initrd;
mod kernel;
mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum as _};

use crate::{container, goose, prerequisites, run as command};
use image::Content;
use kernel::{Kernel, Release};
use run::Machine;

const NEEDED: &[prerequisites::Needed] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("debootstrap", "debootstrap"),
    ("mke2fs", "e2fsprogs"),
    ("setpriv", "util-linux"),
    ("strip", "binutils"),
    ("zstd", "zstd"),
    ("xz", "xz-utils"),
];
/// Modules for a system on a disk, and for one over this machine's files. The
/// file system asks for crc32c by another name than its module's.
const ON_DISK: &[&str] = &["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "autofs4"];
const OVER_FILES: &[&str] = &["9pnet_virtio", "9p", "overlay"];
/// Tests in the installed system, and those of the lab.
const INSTALLED: &str = "vm";
const LAB: &[&str] = &["system_limits", "system_oom"];
/// Ended after this, even where every instruction is emulated on a busy machine.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Run the tests that need a machine of their own.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Old kernels, and limits with a kernel that has the controllers
    Qemu(Qemu),
    /// The package in booted containers, from its installation to its removal
    Container(container::Container),
}

#[derive(Debug, Args)]
struct Qemu {
    /// Use the processor's own virtualisation; without it everything is emulated
    #[arg(long)]
    kvm: bool,
    /// Only Debian with this kernel; else one after the other
    #[arg(long, value_enum)]
    kernel: Option<Release>,
    /// Install this package; without it the programs of a debug build
    #[arg(long, value_name = "FILE")]
    deb: Option<PathBuf>,
    /// Only these tests of the installed system, like `limits::` or
    /// `limits::a_fork`; or `lab`
    #[arg(long, value_name = "NAME")]
    test: Option<String>,
}

/// One start of a machine.
struct Boot {
    /// For people.
    what: &'static str,
    /// Of the kernel's command line.
    command_line: &'static str,
    /// Names of tests, or the beginning of them.
    tests: &'static [&'static str],
}

/// What is tried with each release.
fn boots(release: Release) -> &'static [Boot] {
    match release {
        Release::Bookworm => &[
            Boot {
                what: "as it comes",
                command_line: "",
                tests: &["old_kernel::", "limits::", "addresses::"],
            },
            Boot {
                what: "without Landlock",
                command_line: "lsm=lockdown,yama,apparmor",
                tests: &["no_landlock::"],
            },
        ],
        Release::Trixie => &[Boot {
            what: "as it comes",
            command_line: "",
            tests: &["new_kernel::", "limits::", "addresses::"],
        }],
    }
}

/// Runs the tests that were asked for.
pub(crate) fn run(arguments: &Vm) -> Result<(), String> {
    match &arguments.which {
        Which::Qemu(arguments) => boot_all(arguments),
        Which::Container(arguments) => container::run(arguments),
    }
}

impl Qemu {
    fn with_lab(&self) -> bool {
        self.test.as_deref().is_none_or(|name| name == "lab")
    }

    /// Those of a boot's tests that are asked for.
    fn of(&self, boot: &Boot) -> String {
        let Some(name) = &self.test else { return boot.tests.join(",") };
        let has = boot.tests.iter().any(|test| name.starts_with(test));
        if has { name.clone() } else { String::new() }
    }
}

/// Boots the machines and runs the tests in them.
fn boot_all(qemu: &Qemu) -> Result<(), String> {
    let all = Release::value_variants().iter().flat_map(|release| boots(*release));
    if !qemu.with_lab() && all.map(|boot| qemu.of(boot)).all(|tests| tests.is_empty()) {
        return Err("no such test; `--test` begins with a name like limits::".to_owned());
    }
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    prerequisites::require(NEEDED)?;
    if !command::is_root() {
        return Err("files of a system are made as root: run it as root".to_owned());
    }
    let goose = goose::fetch()?;
    let target = command::target_folder()?;
    let folder = target.join("vm");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let [tests] = &build(&[INSTALLED])?[..] else { return Err("no program of tests".to_owned()) };
    let content =
        Content { deb: qemu.deb.clone(), built: target.join("debug"), goose, tests: tests.clone() };
    let releases = Release::value_variants().iter().copied();
    let releases = releases.filter(|one| qemu.kernel.is_none_or(|only| only == *one));
    let mut failed = Vec::new();
    for release in releases {
        let kernel = kernel::fetch(release, &folder)?;
        installed(qemu, release, &kernel, &folder, &content, &mut failed)?;
        if release == Release::Trixie && qemu.with_lab() {
            failed.extend(run::boot(&lab(&kernel, &folder)?, qemu.kvm).err());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Boots the release with Gaggle installed. What a test finds goes to `failed`,
/// and the next boot is tried all the same.
fn installed(
    qemu: &Qemu,
    release: Release,
    kernel: &Kernel,
    folder: &Path,
    content: &Content,
    failed: &mut Vec<String>,
) -> Result<(), String> {
    if boots(release).iter().all(|boot| qemu.of(boot).is_empty()) {
        return Ok(());
    }
    let image = image::make(release, folder, content)?;
    let init = include_str!("../../vm/installed.sh");
    let initial = initrd::pack(&folder.join(release.suite()), kernel, ON_DISK, init, &[])?;
    for boot in boots(release) {
        let tests = qemu.of(boot);
        if tests.is_empty() {
            continue;
        }
        let machine = Machine {
            title: format!("{}, {}", release.title(), boot.what),
            kernel: kernel.image.clone(),
            initial: initial.clone(),
            command_line: format!(
                "{} systemd.show_status=no gaggle.tests={tests}",
                boot.command_line
            ),
            devices: run::disk(&image),
            limit: LIMIT,
        };
        failed.extend(run::boot(&machine, qemu.kvm).err());
    }
    Ok(())
}

/// A machine over this one's files, for the lab's tests.
fn lab(kernel: &Kernel, folder: &Path) -> Result<Machine, String> {
    let tests: Vec<_> = build(LAB)?.iter().map(|test| test.display().to_string()).collect();
    let order = format!(
        "export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root GAGGLE_TEST_PATIENCE=5; cd {tests}
         ok=yes; for test in {list}; do $test --test-threads 1 || ok=no; done
         test $ok = yes && echo {passed}; busybox poweroff -f",
        tests = command::root().join("tests").display(),
        list = tests.join(" "),
        passed = run::PASSED
    );
    let init = include_str!("../../vm/lab.sh");
    let folder = folder.join("lab");
    let initial = initrd::pack(&folder, kernel, OVER_FILES, init, &[("tests.sh", &order)])?;
    Ok(Machine {
        title: "a lab's tests, Linux 6.12".to_owned(),
        kernel: kernel.image.clone(),
        initial,
        command_line: "lsm=landlock".to_owned(),
        devices: run::own_files(),
        limit: LIMIT,
    })
}

/// Builds programs and tests; the tests' files.
fn build(tests: &[&str]) -> Result<Vec<PathBuf>, String> {
    command::run(&mut command::cargo(&["build", "--workspace", "--bins"]))?;
    let mut build =
        command::cargo(&["test", "--package", "gaggle-tests", "--no-run", "--message-format=json"]);
    for test in tests {
        build.args(["--test", test]);
    }
    let messages = command::read(&mut build)?;
    let file = |line: &str| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split_once('"').map(|(path, _)| PathBuf::from(path))
    };
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tests.iter().any(|test| name.starts_with(&format!("{test}-")))
    };
    Ok(messages.lines().filter_map(file).filter(ours).collect())
}
