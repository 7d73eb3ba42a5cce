//! W1 and W2: the worker finds itself as root must have left it.
//!
//! Trust: the kernel's word about this process, nothing else.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use caps::CapSet;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::socket::{SockType, UnixAddr, getsockname, getsockopt, sockopt};
use nix::sys::stat::{SFlag, fstat};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, fstatfs};
use nix::unistd::{getgid, getresgid, getresuid, getuid};

/// Why the worker will not serve in this process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Some of the user ids are root's.
    #[error("running as root; a worker is started by gaggle-supervisor under the person's account")]
    RootUser,
    /// Some of the group ids are root's.
    #[error("running in group root; give the account a group of its own")]
    RootGroup,
    /// A capability set is not empty.
    #[error("the {0} capability set is not empty; start this program by gaggle-supervisor")]
    Capabilities(&'static str),
    /// Programs could still gain privileges.
    #[error("no_new_privs is not set; start this program by gaggle-supervisor")]
    NewPrivileges,
    /// The session socket is missing or something else.
    #[error("descriptor {0} is not a session socket; start this program by gaggle-supervisor")]
    NotSessionSocket(RawFd),
    /// The cgroup folder is missing or something else.
    #[error("descriptor {0} is not a cgroup folder; check that cgroup version 2 is mounted")]
    NotCgroup(RawFd),
    /// A descriptor that nobody speaks of.
    #[error("descriptor {0} is open and should not be; start this program by gaggle-supervisor")]
    Leaked(RawFd),
    /// The system would not say.
    #[error("the system does not answer about this process: {0}")]
    System(Errno),
}

/// Refuses any trace of root and any capability.
pub(crate) fn require_unprivileged() -> Result<(), IdentityError> {
    let users = getresuid().map_err(IdentityError::System)?;
    if [users.real, users.effective, users.saved].iter().any(|id| id.is_root()) {
        return Err(IdentityError::RootUser);
    }
    let groups = getresgid().map_err(IdentityError::System)?;
    if [groups.real, groups.effective, groups.saved].iter().any(|id| id.as_raw() == 0) {
        return Err(IdentityError::RootGroup);
    }
    for (set, name) in [
        (CapSet::Effective, "effective"),
        (CapSet::Permitted, "permitted"),
        (CapSet::Inheritable, "inheritable"),
        (CapSet::Ambient, "ambient"),
        (CapSet::Bounding, "bounding"),
    ] {
        let held = caps::read(None, set).map_err(|_| IdentityError::Capabilities(name))?;
        if !held.is_empty() {
            return Err(IdentityError::Capabilities(name));
        }
    }
    match prctl::get_no_new_privs() {
        Ok(true) => Ok(()),
        Ok(false) => Err(IdentityError::NewPrivileges),
        Err(errno) => Err(IdentityError::System(errno)),
    }
}

/// Refuses what is not a `SOCK_SEQPACKET` socket of the UNIX family.
pub(crate) fn require_session_socket(socket: &OwnedFd) -> Result<(), IdentityError> {
    let kind = getsockopt(&socket.as_fd(), sockopt::SockType);
    let unix = getsockname::<UnixAddr>(socket.as_raw_fd());
    match (kind, unix) {
        (Ok(SockType::SeqPacket), Ok(_)) => Ok(()),
        _ => Err(IdentityError::NotSessionSocket(socket.as_raw_fd())),
    }
}

/// Refuses what is not a folder of cgroup version 2.
pub(crate) fn require_cgroup(folder: &OwnedFd) -> Result<(), IdentityError> {
    let is_folder = fstat(folder)
        .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode).contains(SFlag::S_IFDIR));
    let is_cgroup = fstatfs(folder).is_ok_and(|fs| fs.filesystem_type() == CGROUP2_SUPER_MAGIC);
    if is_folder && is_cgroup { Ok(()) } else { Err(IdentityError::NotCgroup(folder.as_raw_fd())) }
}

/// Refuses any descriptor above `highest`: an inherited one is not bound by
/// Landlock.
pub(crate) fn require_no_descriptor_above(highest: RawFd) -> Result<(), IdentityError> {
    let mut listing = nix::dir::Dir::open(
        "/proc/self/fd",
        nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
    .map_err(IdentityError::System)?;
    let own = listing.as_raw_fd();
    for entry in listing.iter() {
        let entry = entry.map_err(IdentityError::System)?;
        let number = entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
        if let Some(number) = number.filter(|number: &RawFd| *number > highest && *number != own) {
            return Err(IdentityError::Leaked(number));
        }
    }
    Ok(())
}

/// Shuts this process's memory and descriptors to others of the same account.
pub(crate) fn become_undumpable() -> Result<(), Errno> {
    prctl::set_dumpable(false)
}

/// Whether this process may find itself in a test or a container as root.
pub(crate) fn is_root() -> bool {
    getuid().is_root() || getgid().as_raw() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaggle_ipc::seqpacket;
    use std::os::unix::net::UnixStream;

    #[test]
    fn only_a_packet_socket_of_the_unix_family_is_a_session_socket() {
        let (packet, _peer) = seqpacket::pair().unwrap();
        assert!(require_session_socket(&packet).is_ok());
        let (stream, _peer) = UnixStream::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let internet = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for other in [OwnedFd::from(stream), file.into(), internet.into()] {
            assert!(matches!(
                require_session_socket(&other),
                Err(IdentityError::NotSessionSocket(_))
            ));
        }
    }

    #[test]
    fn an_ordinary_folder_is_no_cgroup() {
        let folder = std::fs::File::open("/").unwrap();
        assert!(matches!(require_cgroup(&folder.into()), Err(IdentityError::NotCgroup(_))));
    }

    #[test]
    fn a_leaked_descriptor_is_found() {
        let (left, right) = seqpacket::pair().unwrap();
        let highest = left.as_raw_fd().max(right.as_raw_fd());
        let lower = left.as_raw_fd().min(right.as_raw_fd());
        assert!(matches!(
            require_no_descriptor_above(lower),
            Err(IdentityError::Leaked(found)) if found > lower
        ));
        // Other tests open descriptors too, so only a bound above all of them is free.
        assert!(require_no_descriptor_above(highest + 10_000).is_ok());
    }
}
