//! One packet from an unprivileged peer -> one request, or the reason to hang up.
//!
//! Trust: none in the bytes. At most 512 of them, one fixed shape, nothing
//! behind it, no descriptors; reading never waits.

use std::os::fd::OwnedFd;

use gaggle_ipc::codec::{self, Decode, FrameError, MAX_REQUEST};
use gaggle_ipc::seqpacket;
use nix::errno::Errno;

/// What came.
#[derive(Debug)]
pub(crate) enum Received<R> {
    Nothing,
    Request(R),
    Gone,
    /// No request. The peer is told nothing but that it is hung up on.
    Violation(FrameError),
}

/// Takes one request.
pub(crate) fn receive<R: Decode<()>>(socket: &OwnedFd) -> Received<R> {
    match seqpacket::receive(socket, MAX_REQUEST) {
        Err(Errno::EAGAIN | Errno::EINTR) => Received::Nothing,
        Err(_) => Received::Gone,
        Ok(packet) if packet.is_end() => Received::Gone,
        Ok(packet) if packet.truncated => Received::Violation(FrameError::TooLong),
        Ok(packet) => match codec::decode(&packet.bytes, MAX_REQUEST) {
            Ok(request) => Received::Request(request),
            Err(error) => Received::Violation(error),
        },
    }
}
