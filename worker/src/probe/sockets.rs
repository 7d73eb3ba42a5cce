//! Sockets of services, and what else two sandboxes could meet in.
//!
//! Trust: connecting says nothing to whoever listens; the connection ends at
//! once.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use gaggle_ipc::launch::Profile;
use gaggle_ipc::seqpacket;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use super::attempt::{Absence, Outcome, Tries};
use super::ground::Ground;

/// Abstract sockets that are tried at most.
const MOST: usize = 200;

/// Services that act for whoever connects.
const SERVICES: &[&str] = &[
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/systemd/notify",
    "/run/systemd/journal/socket",
    "/run/systemd/journal/stdout",
    "/run/systemd/journal/dev-log",
    "/run/systemd/io.systemd.ManagedOOM",
    "/run/systemd/userdb/io.systemd.Multiplexer",
    "/run/udev/control",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/libvirt/libvirt-sock",
    "/run/incus/unix.socket",
    "/run/lxd.socket",
    "/var/lib/incus/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
    "/run/snapd.socket",
    "/run/acpid.socket",
    "/run/cups/cups.sock",
    "/run/nscd/socket",
    "/run/pcscd/pcscd.comm",
    "/run/avahi-daemon/socket",
    "/run/mysqld/mysqld.sock",
    "/run/postgresql/.s.PGSQL.5432",
    "/tmp/.X11-unix/X0",
];

/// Sockets of the person's own session, below `/run/user/<uid>`.
const SESSION: &[&str] = &[
    "bus",
    "systemd/private",
    "systemd/notify",
    "gnupg/S.gpg-agent",
    "keyring/control",
    "keyring/ssh",
    "openssh_agent",
    "wayland-0",
    "podman/podman.sock",
    "docker.sock",
];

/// Sockets in the home that lend the person's keys to whoever connects.
const IN_HOME: &[&str] = &[
    ".gnupg/S.gpg-agent",
    ".gnupg/S.gpg-agent.extra",
    ".gnupg/S.gpg-agent.ssh",
    ".ssh/agent.sock",
    ".1password/agent.sock",
    ".docker/run/docker.sock",
];

/// Connects to the socket at which the frontend asks root for workers.
pub(super) fn control_socket(_: &Ground) -> Outcome {
    gaggle_socket(&["/run/gaggle/control.sock"])
}

/// Connects to the sockets of the admin's command.
pub(super) fn admin_socket(_: &Ground) -> Outcome {
    gaggle_socket(&["/run/gaggle/admin.sock", "/run/gaggle/frontend-admin.sock"])
}

fn gaggle_socket(paths: &[&str]) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    for path in paths {
        tries.add(path, seqpacket::connect_to(Path::new(path)));
    }
    tries.outcome()
}

/// Connects to services of the machine and of the person's session.
pub(super) fn run_sockets(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    for path in SERVICES {
        tries.add(path, connect_as_it_likes(&path_address(path)));
    }
    for name in SESSION {
        let path = format!("/run/user/{}/{name}", ground.uid);
        tries.add(path.clone(), connect_as_it_likes(&path_address(&path)));
    }
    tries.outcome()
}

/// Connects to key agents in the home. Landlock knows this only from ABI 9 on;
/// below it the home's agents are the agent's too.
pub(super) fn agent_sockets(ground: &Ground) -> Outcome {
    if ground.profile == Profile::Full {
        return Outcome::untried("the whole home is the agent's: profile full");
    }
    let mut tries = Tries::new(Absence::ProvesNothing);
    for name in IN_HOME {
        let path = ground.home.join(name);
        let address = UnixAddr::new(&path);
        tries.add(format!("~/{name}"), connect_as_it_likes(&address));
    }
    tries.outcome()
}

fn path_address(path: &str) -> Result<UnixAddr, Errno> {
    UnixAddr::new(path)
}

/// Connects, whatever the kind of the socket is.
fn connect_as_it_likes(address: &Result<UnixAddr, Errno>) -> Result<(), Errno> {
    let address = address.as_ref().map_err(|errno| *errno)?;
    let mut last = Err(Errno::EPROTOTYPE);
    for kind in [SockType::Stream, SockType::Datagram, SockType::SeqPacket] {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let end = socket(AddressFamily::Unix, kind, flags, None)?;
        last = match connect(end.as_raw_fd(), address) {
            // Its queue is full: it could be connected to all the same.
            Err(Errno::EAGAIN) => Ok(()),
            result => result,
        };
        if last != Err(Errno::EPROTOTYPE) {
            break;
        }
    }
    last
}

/// Connects to every abstract socket that the kernel names.
pub(super) fn abstract_sockets(_: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::ProvesNothing);
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut names: Vec<&str> = table.lines().filter_map(abstract_name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().take(MOST) {
        let address = UnixAddr::new_abstract(name.as_bytes());
        tries.add(format!("@{name}"), connect_as_it_likes(&address));
    }
    tries.outcome()
}

/// `Num RefCount Protocol Flags Type St Inode Path`, for what listens.
fn abstract_name(line: &str) -> Option<&str> {
    const STREAM: &str = "0001";
    const LISTENS: &str = "00010000";
    let mut words = line.split_whitespace();
    let (flags, kind) = (words.nth(3)?, words.next()?);
    let name = words.nth(2)?.strip_prefix('@')?;
    // The kernel picks five digits for a socket that asked for any name.
    let picked = name.len() == 5 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!picked && (flags == LISTENS || kind != STREAM)).then_some(name)
}

/// Looks for what systemd and others keep in `/run`.
pub(super) fn hidden_run(ground: &Ground) -> Outcome {
    let mut tries = Tries::new(Absence::IsTheDefence);
    let user = format!("/run/user/{}", ground.uid);
    for path in [
        "/run/gaggle",
        "/run/systemd/system",
        "/run/systemd/journal",
        "/run/dbus",
        "/run/lock",
        "/run/udev",
        "/run/utmp",
        "/run/credentials",
        "/run/docker.sock",
        &user,
    ] {
        tries.add_io(format!("see {path}"), fs::symlink_metadata(path));
    }
    tries.outcome()
}

/// Looks whether `/tmp` is the machine's.
pub(super) fn private_tmp(ground: &Ground) -> Outcome {
    let own = |path: &str| {
        fs::symlink_metadata(path)
            .is_ok_and(|found| found.uid() == ground.uid.as_raw() && found.mode() & 0o077 == 0)
    };
    let shared: Vec<&str> =
        ["/tmp", "/var/tmp", "/dev/shm"].into_iter().filter(|path| !own(path)).collect();
    if shared.is_empty() {
        Outcome::held("/tmp, /var/tmp and /dev/shm are of this sandbox alone")
    } else {
        Outcome::open(format!("shared with others: {}", shared.join(", ")))
    }
}

/// Looks for the System V objects and message queues of the machine.
pub(super) fn shared_memory(_: &Ground) -> Outcome {
    /// The number of the first space of all, in every kernel.
    const FIRST: &str = "ipc:[4026531839]";
    let space = fs::read_link("/proc/self/ns/ipc").unwrap_or_default();
    let space = space.display().to_string();
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let segments = segments.lines().skip(1).count();
    let detail = format!("{space} with {segments} segments");
    Outcome::held_if(space != FIRST && !space.is_empty() && segments == 0, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_abstract_sockets_are_found_in_the_kernels_table() {
        let line =
            |flags, kind, path| format!("0000: 00000002 00000000 {flags} {kind} 01 1 {path}");
        let listening = line("00010000", "0001", "@/tmp/.X11-unix/X0");
        assert_eq!(abstract_name(&listening), Some("/tmp/.X11-unix/X0"));
        assert_eq!(abstract_name(&line("00000000", "0002", "@dgram")), Some("dgram"));
        for not in [
            line("00000000", "0001", "@connected"),
            line("00010000", "0001", "/run/path"),
            line("00000000", "0002", "@0001f"),
            line("00010000", "0001", ""),
        ] {
            assert_eq!(abstract_name(&not), None, "{not}");
        }
    }
}
