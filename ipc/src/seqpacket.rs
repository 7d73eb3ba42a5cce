//! `SOCK_SEQPACKET` sockets: one packet, one frame.
//!
//! Trust: a peer is believed by its kernel-attested uid on sockets that have a
//! name; on a socketpair the end itself is the identity (`SO_PEERCRED` would
//! name root there). Received descriptors are owned before anything is checked.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    UnixAddr, bind, connect, getsockopt, listen, recvmsg, sendmsg, socket, socketpair, sockopt,
};

use crate::codec::MAX_FRAME;

/// One received packet.
#[derive(Debug)]
pub struct Packet {
    /// Its bytes; empty at the end of the stream.
    pub bytes: Vec<u8>,
    /// Descriptors that came along; always empty with [`receive`].
    pub fds: Vec<OwnedFd>,
    /// The packet was longer than the buffer and its rest is gone.
    pub truncated: bool,
}

impl Packet {
    /// The peer is gone. An empty packet counts as that too: nobody sends one.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.bytes.is_empty() && !self.truncated
    }
}

fn new_socket() -> Result<OwnedFd, Errno> {
    socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )
}

/// A connected pair, non-blocking and close-on-exec.
///
/// # Errors
/// The system's, `EMFILE` above all.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )
}

/// Connects to the socket at `path`; the result is non-blocking.
///
/// # Errors
/// `ENOENT` if nothing is there, `ECONNREFUSED` if nobody listens, `EACCES`.
pub fn connect_to(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = new_socket()?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

/// Binds and listens at `path`, which must not exist. Its mode follows the umask.
///
/// # Errors
/// `EADDRINUSE` if something is there; the system's otherwise.
pub fn listen_at(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = new_socket()?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&socket, Backlog::new(16)?)?;
    Ok(socket)
}

/// Accepts one connection, non-blocking and close-on-exec.
///
/// # Errors
/// `EAGAIN` if none waits; the system's otherwise.
pub fn accept(listener: &OwnedFd) -> std::io::Result<OwnedFd> {
    // The standard library's accept sets close-on-exec in the same call and
    // asks for nothing that a stream has and a packet socket has not.
    let (stream, _) = UnixListener::from(listener.try_clone()?).accept()?;
    stream.set_nonblocking(true)?;
    Ok(stream.into())
}

/// The uid of the process that connected, as the kernel attests it.
///
/// # Errors
/// The system's.
pub fn peer_uid(socket: &impl AsFd) -> Result<u32, Errno> {
    Ok(getsockopt(&socket.as_fd(), sockopt::PeerCredentials)?.uid())
}

/// Sends one packet, with at most one descriptor. Never waits.
///
/// # Errors
/// `EAGAIN` if the queue is full, `EPIPE` or `ECONNRESET` if nobody reads.
pub fn send(socket: &impl AsFd, frame: &[u8], fd: Option<&OwnedFd>) -> Result<(), Errno> {
    let fds: Vec<_> = fd.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
    sendmsg::<()>(
        socket.as_fd().as_raw_fd(),
        &[IoSlice::new(frame)],
        control,
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// Receives one packet of at most `limit` bytes. There is no room for
/// descriptors, so any that a peer attaches are dropped by the kernel.
///
/// # Errors
/// `EAGAIN` if none waits; the system's otherwise.
pub fn receive(socket: &impl AsFd, limit: usize) -> Result<Packet, Errno> {
    receive_into(socket, limit, None)
}

/// Receives one packet and at most one descriptor.
///
/// # Errors
/// `EAGAIN` if none waits; the system's otherwise.
pub fn receive_with_fd(socket: &impl AsFd, limit: usize) -> Result<Packet, Errno> {
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    receive_into(socket, limit, Some(&mut space))
}

fn receive_into(
    socket: &impl AsFd,
    limit: usize,
    space: Option<&mut [u8]>,
) -> Result<Packet, Errno> {
    let mut bytes = vec![0; limit.min(MAX_FRAME)];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(
        socket.as_fd().as_raw_fd(),
        &mut slices,
        space,
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut fds = Vec::new();
    // Own what arrived first, so that no refusal below can leak it.
    if let Ok(control) = message.cmsgs() {
        for item in control {
            if let ControlMessageOwned::ScmRights(numbers) = item {
                fds.extend(crate::fds::adopt_received(numbers));
            }
        }
    }
    let truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
    let length = message.bytes;
    bytes.truncate(length);
    Ok(Packet { bytes, fds, truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_carries_its_bytes_and_one_descriptor() {
        let (left, right) = pair().unwrap();
        let (gift, _other) = pair().unwrap();
        send(&left, b"hello", Some(&gift)).unwrap();
        let packet = receive_with_fd(&right, 100).unwrap();
        assert_eq!(packet.bytes, b"hello");
        assert_eq!(packet.fds.len(), 1);
        assert!(!packet.truncated);
    }

    #[test]
    fn without_room_for_them_descriptors_do_not_arrive() {
        let (left, right) = pair().unwrap();
        let (gift, witness) = pair().unwrap();
        send(&left, b"hello", Some(&gift)).unwrap();
        drop(gift);
        assert!(receive(&right, 100).unwrap().fds.is_empty());
        // Had the descriptor been installed anywhere, its peer would not see the end.
        assert!(receive(&witness, 100).unwrap().is_end());
    }

    #[test]
    fn an_oversize_packet_is_seen_as_cut() {
        let (left, right) = pair().unwrap();
        send(&left, &[1; 600], None).unwrap();
        assert!(receive(&right, 512).unwrap().truncated);
    }

    #[test]
    fn the_end_and_nothing_yet_are_told_apart() {
        let (left, right) = pair().unwrap();
        assert_eq!(receive(&right, 512).unwrap_err(), Errno::EAGAIN);
        drop(left);
        assert!(receive(&right, 512).unwrap().is_end());
    }
}
