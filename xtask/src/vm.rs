//! `cargo xtask vm qemu`: the tests that need cgroup controllers, in a virtual
//! machine with a kernel of its own over this machine's files.
//!
//! Trust: Debian's archive, by apt's signatures. The machine has no network and
//! cannot write here: it sees this file system read-only.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};

use crate::{goose, prerequisites, run};

const NEEDED: &[prerequisites::Needed] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("zstd", "zstd"),
    ("xz", "xz-utils"),
];
/// Below `kernel/`, in the order in which they load.
const MODULES: &[&str] =
    &["fs/netfs/netfs", "net/9p/9pnet", "net/9p/9pnet_virtio", "fs/9p/9p", "fs/overlayfs/overlay"];
/// Its kernel has the Landlock that Debian's users have.
const SUITE: &str = "trixie";
/// Tests that are not run elsewhere.
const TESTS: &[&str] = &["system_limits", "system_oom"];
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// What the guest prints last when every test passed.
const PASSED: &str = "ALL TESTS PASSED";

/// Run the tests that need a virtual machine.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Limits that bite one person alone, with a kernel that has the controllers
    Qemu {
        /// Use the processor's own virtualisation; without it everything is emulated
        #[arg(long)]
        kvm: bool,
    },
}

/// Boots the machine and runs the tests in it.
pub(crate) fn run(arguments: &Vm) -> Result<(), String> {
    let Which::Qemu { kvm } = arguments.which;
    prerequisites::require_compiler()?;
    prerequisites::require(prerequisites::BUILD)?;
    prerequisites::require(NEEDED)?;
    if !run::is_root() {
        return Err("the machine's root reads this file system as root: run it as root".to_owned());
    }
    goose::fetch()?;
    let folder = run::root().join("target/vm");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let kernel = kernel(&folder)?;
    let tests = build()?;
    let initial = initial_ram_disk(&folder, &kernel, &tests)?;
    boot(&kernel.join("vmlinux"), &initial, kvm)
}

/// Builds programs and tests; the tests' files.
fn build() -> Result<Vec<PathBuf>, String> {
    run::run(&mut run::cargo(&["build", "--workspace", "--bins"]))?;
    let mut build =
        run::cargo(&["test", "--package", "gaggle-tests", "--no-run", "--message-format=json"]);
    for test in TESTS {
        build.args(["--test", test]);
    }
    let messages = run::read(&mut build)?;
    let file = |line: &str| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split_once('"').map(|(path, _)| PathBuf::from(path))
    };
    let ours = |path: &PathBuf| TESTS.iter().any(|test| path.to_string_lossy().contains(test));
    Ok(messages.lines().filter_map(file).filter(ours).collect())
}

/// Debian's kernel, unpacked; fetched once.
fn kernel(folder: &Path) -> Result<PathBuf, String> {
    let unpacked = folder.join("kernel");
    if unpacked.join("vmlinux").exists() {
        return Ok(unpacked);
    }
    let apt = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part)).map_err(|error| error.to_string())?;
    }
    let script = format!(
        "set -e; cd {apt}
         echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {SUITE} main' > sources.list
         own='-o Dir::Etc::sourcelist={apt}/sources.list -o Dir::Etc::sourceparts=/dev/null
              -o Dir::State::lists={apt}/lists -o Dir::Cache={apt}/cache -o APT::Sandbox::User=root'
         apt-get $own update -qq
         name=$(apt-cache $own depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p' | head -n 1)
         apt-get $own download -qq $name
         dpkg-deb -x linux-image-*.deb {kernel}
         rm linux-image-*.deb",
        apt = apt.display(),
        kernel = unpacked.display()
    );
    eprintln!("fetching Debian {SUITE}'s kernel");
    run::run(Command::new("sh").args(["-c", &script]))?;
    decompress(&unpacked)?;
    Ok(unpacked)
}

/// The kernel inside of the boot image: QEMU starts it without the real-mode
/// code, which nested machines often cannot run.
fn decompress(kernel: &Path) -> Result<(), String> {
    let image = only(&kernel.join("boot"), "vmlinuz-")?;
    let bytes = fs::read(&image).map_err(|error| format!("{}: {error}", image.display()))?;
    let begins = bytes.windows(ZSTD_MAGIC.len()).position(|at| at == ZSTD_MAGIC);
    let packed = bytes.get(begins.ok_or("the kernel is not packed with zstd")?..);
    let target = fs::File::create(kernel.join("vmlinux")).map_err(|error| error.to_string())?;
    let mut zstd = Command::new("zstd");
    zstd.args(["-dcq"]).stdin(Stdio::piped()).stdout(target).stderr(Stdio::null());
    let mut zstd = zstd.spawn().map_err(|error| format!("zstd: {error}"))?;
    if let Some(mut input) = zstd.stdin.take() {
        // It stops reading at the end of what is packed.
        let _ = input.write_all(packed.unwrap_or_default());
    }
    // What follows the packed part is no error of ours: whether it worked shows
    // with the first bytes.
    let _ = zstd.wait();
    let made = fs::read(kernel.join("vmlinux")).map_err(|error| error.to_string())?;
    if made.starts_with(b"\x7fELF") { Ok(()) } else { Err("the kernel was not unpacked".into()) }
}

fn only(folder: &Path, begins: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins))
        })
        .ok_or_else(|| format!("no {begins}… in {}", folder.display()))
}

/// What the kernel starts with: busybox, five modules, the order to run.
fn initial_ram_disk(folder: &Path, kernel: &Path, tests: &[PathBuf]) -> Result<PathBuf, String> {
    let modules = only(&kernel.join("usr/lib/modules"), "")?.join("kernel");
    let packed = folder.join("initial.gz");
    let list: Vec<_> = tests.iter().map(|test| test.display().to_string()).collect();
    let order = format!(
        "export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root; cd {tests}
         ok=yes; for test in {list}; do $test --test-threads 1 || ok=no; done
         test $ok = yes && echo {PASSED}; busybox poweroff -f",
        tests = run::root().join("tests").display(),
        list = list.join(" ")
    );
    let unpack: Vec<_> = MODULES
        .iter()
        .map(|module| {
            let name = module.rsplit('/').next().unwrap_or(module);
            format!("xz -dc {}/{module}.ko.xz > modules/{name}.ko", modules.display())
        })
        .collect();
    let script = format!(
        "set -e; rm -rf {disk}; mkdir -p {disk}; cd {disk}
         mkdir -p bin modules proc sys dev host memory root
         cp \"$(command -v busybox)\" bin/busybox; cp {init} init; chmod 755 init
         {unpack}
         printf '%s\\n' \"$0\" > tests.sh
         find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > {packed}",
        disk = folder.join("disk").display(),
        init = run::root().join("xtask/vm/init.sh").display(),
        unpack = unpack.join("\n"),
        packed = packed.display()
    );
    run::run(Command::new("sh").args(["-c", &script, &order]))?;
    Ok(packed)
}

fn boot(kernel: &Path, initial: &Path, kvm: bool) -> Result<(), String> {
    let accelerator: &[&str] = if kvm {
        &["-accel", "kvm", "-cpu", "host"]
    } else {
        &["-accel", "tcg,thread=multi", "-cpu", "max"]
    };
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(accelerator)
        .args(["-m", "6G", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none"])
        .args([
            "-fsdev",
            "local,id=host,path=/,security_model=passthrough,readonly=on,multidevs=remap",
        ])
        .args(["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"])
        .args(["-append", "console=ttyS0 quiet panic=-1 lsm=landlock"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initial);
    eprintln!("booting; emulated, the tests take some minutes");
    let said = run::read(qemu.stdin(Stdio::null()))?;
    println!("{said}");
    if said.contains(PASSED) {
        Ok(())
    } else {
        Err("a test failed in the virtual machine".to_owned())
    }
}
