//! One connection of a peer: one packet in, packets out, never waiting.
//!
//! Trust: the peer's uid as the kernel attests it, and nothing in the bytes: at
//! most 512 of them, one fixed shape, nothing behind it, no descriptors. A
//! packet that is no request ends the connection.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use gaggle_ipc::codec::{self, Decode, Encode, FrameError, MAX_REQUEST};
use gaggle_ipc::seqpacket;
use nix::errno::Errno;

/// What came.
#[derive(Debug)]
pub(crate) enum Received<R> {
    Nothing,
    Request(R),
    Gone,
    /// No request.
    Violation(FrameError),
}

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Connection {
    /// To be polled.
    pub(crate) socket: OwnedFd,
    pub(crate) uid: u32,
    /// What waits for the peer to read.
    pub(crate) answers: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
}

impl Connection {
    /// Takes an accepted socket whose peer was checked.
    pub(crate) fn new(socket: OwnedFd, uid: u32) -> Self {
        Self { socket, uid, answers: VecDeque::new() }
    }

    /// Takes one request.
    pub(crate) fn receive<R: Decode<()>>(&self) -> Received<R> {
        match seqpacket::receive(&self.socket, MAX_REQUEST) {
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

    /// Sends at once or not at all; `false` if the peer does not read or is gone.
    pub(crate) fn send(&self, message: &impl Encode, fd: Option<&OwnedFd>) -> bool {
        codec::encode(message).is_ok_and(|frame| seqpacket::send(&self.socket, &frame, fd).is_ok())
    }

    /// Sends as soon as the peer reads. The caller bounds how much that is.
    pub(crate) fn queue(&mut self, message: &impl Encode, fd: Option<OwnedFd>) {
        self.answers.extend(codec::encode(message).ok().map(|frame| (frame, fd)));
    }

    /// Writes what the peer takes; `false` if it is gone.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some((frame, fd)) = self.answers.front() {
            match seqpacket::send(&self.socket, frame, fd.as_ref()) {
                Ok(()) => drop(self.answers.pop_front()),
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
