//! The frontend's connection: one packet in, one packet out, never waiting.
//!
//! Trust: the peer's uid as the kernel attests it, and nothing in the bytes
//! beyond their fixed shape. A packet that is no request ends the connection.

use std::os::fd::OwnedFd;

use gaggle_ipc::codec::{self, FrameError, VERSION};
use gaggle_ipc::control::{Closing, ControlReply, ControlRequest};
use gaggle_ipc::seqpacket;

use crate::request::{self, Received};

/// The one connection being served.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    uid: u32,
}

impl Connection {
    /// Takes an accepted socket whose peer was checked.
    pub(crate) fn new(socket: OwnedFd, uid: u32) -> Self {
        Self { socket, uid }
    }

    /// The descriptor to poll.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The peer's uid.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Takes one request. A peer that breaks the protocol is told so once.
    pub(crate) fn receive(&self) -> Received<ControlRequest> {
        let received = request::receive(&self.socket);
        if let Received::Violation(error) = &received {
            let reason = match error {
                FrameError::Version(_) => Closing::Version(VERSION),
                _ => Closing::ProtocolViolation,
            };
            self.send(&ControlReply::Closing { reason }, None);
        }
        received
    }

    /// Sends one reply; `false` if the peer does not read or is gone. It is
    /// then dropped, never waited for.
    pub(crate) fn send(&self, reply: &ControlReply, fd: Option<&OwnedFd>) -> bool {
        codec::encode(reply).is_ok_and(|frame| seqpacket::send(&self.socket, &frame, fd).is_ok())
    }
}

/// Tells a peer that is not served why, and drops it.
pub(crate) fn turn_away(socket: &OwnedFd, reason: Closing) {
    if let Ok(frame) = codec::encode(&ControlReply::Closing { reason }) {
        // It is being dropped anyway.
        let _ = seqpacket::send(socket, &frame, None);
    }
}
