//! Devices, settings and code of the machine itself.
//!
//! Trust: devices are opened without waiting and nothing is read or written;
//! none is opened whose opening alone does something.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::attempt::{Absence, Outcome, Tries, reaches, single};
use super::files::{read, write};
use super::ground::Ground;
use super::syscalls;

/// Devices beside disks through which memory, input or other machines are seen.
const DEVICES: &[&str] = &[
    "/dev/mem",
    "/dev/port",
    "/dev/kmsg",
    "/dev/fuse",
    "/dev/kvm",
    "/dev/net/tun",
    "/dev/vhost-net",
    "/dev/uinput",
    "/dev/input/event0",
    "/dev/input/mice",
    "/dev/loop-control",
    "/dev/mapper/control",
    "/dev/dri/card0",
    "/dev/video0",
    "/dev/snd/controlC0",
    "/dev/tty1",
    "/dev/tpm0",
    "/dev/cpu/0/msr",
];

/// Opens disks and other devices.
pub(super) fn devices(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let partitions = fs::read_to_string("/proc/partitions").unwrap_or_default();
    let disks = partitions.lines().skip(2).filter_map(|line| line.split_whitespace().nth(3));
    let disks = disks.map(|name| Path::new("/dev").join(name));
    for path in DEVICES.iter().map(PathBuf::from).chain(disks) {
        tries.add_io(path.display().to_string(), read(&path));
    }
    tries.outcome()
}

/// Makes a device of its own: the one that swallows everything.
pub(super) fn make_device(ground: &Ground) -> Outcome {
    let path = ground.fresh(&ground.workspace());
    let made = mknod(&path, SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3));
    let _ = fs::remove_file(&path);
    single("mknod", made)
}

/// Opens the kernel's settings for writing.
pub(super) fn kernel_settings(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for path in [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/sys/power/state",
    ] {
        tries.add_io(path, write(path));
    }
    tries.outcome()
}

/// Reads what the kernel says.
pub(super) fn kernel_log(_: &Ground) -> Outcome {
    single("syslog", syscalls::kernel_log())
}

/// Loads code into the kernel.
pub(super) fn kernel_modules(_: &Ground) -> Outcome {
    single("init_module", reaches(syscalls::load_module(), &[Errno::ENOEXEC, Errno::EFAULT]))
}

/// Looks at what kernel developers look at.
pub(super) fn kernel_debug(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    for folder in ["/sys/kernel/debug", "/sys/kernel/tracing", "/sys/fs/bpf"] {
        tries.add_io(format!("list {folder}"), fs::read_dir(folder));
    }
    tries.add_io("/proc/kcore", read("/proc/kcore"));
    tries.outcome()
}

/// Asks for a restart in a way that cannot bring it about.
pub(super) fn reboot(_: &Ground) -> Outcome {
    single("reboot", reaches(syscalls::reboot(), &[Errno::EINVAL]))
}
