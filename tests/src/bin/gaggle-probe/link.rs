//! One connection: a packet out, a packet in.
//!
//! Trust: none in the other end; a silence ends after a while.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::Result;
use gaggle_ipc::codec::MAX_FRAME;
use gaggle_ipc::seqpacket::{self, Packet};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg};

/// A peer that says nothing for so long says nothing at all, in milliseconds.
const SILENCE: u16 = 15_000;

/// What goes with a packet.
pub(crate) enum Extra {
    Nothing,
    /// So many descriptors.
    Descriptors(usize),
    /// Who is sending.
    Credentials,
}

/// What came.
pub(crate) enum Got {
    Packet(Packet),
    /// `end`, `silence` or an error.
    Other(String),
}

/// A connection.
pub(crate) struct Link(pub(crate) OwnedFd);

impl Link {
    /// Sends one packet as it is: `sent`, or the error.
    pub(crate) fn send(&self, packet: &[u8], extra: Extra) -> String {
        let own = [self.0.as_raw_fd()];
        let (count, credentials) = match extra {
            Extra::Nothing => (0, None),
            Extra::Descriptors(count) => (count, None),
            Extra::Credentials => (0, Some(UnixCredentials::new())),
        };
        let fds = own.repeat(count);
        let mut control = Vec::new();
        if !fds.is_empty() {
            control.push(ControlMessage::ScmRights(&fds));
        }
        control.extend(credentials.as_ref().map(ControlMessage::ScmCredentials));
        let (socket, flags) = (self.0.as_raw_fd(), MsgFlags::MSG_NOSIGNAL);
        match sendmsg::<()>(socket, &[IoSlice::new(packet)], &control, flags, None) {
            Ok(_) => "sent".to_owned(),
            Err(errno) => format!("send: {errno:?}"),
        }
    }

    /// As [`Link::send`], once there is room for it.
    pub(crate) fn send_patiently(&self, packet: &[u8]) -> Result<String> {
        loop {
            let sent = self.send(packet, Extra::Nothing);
            if sent != "send: EAGAIN" || !self.wait_for(PollFlags::POLLOUT)? {
                return Ok(sent);
            }
        }
    }

    /// Waits until `what` is possible; `false` if it never is.
    pub(crate) fn wait_for(&self, what: PollFlags) -> Result<bool> {
        self.poll(what, PollTimeout::from(SILENCE))
    }

    /// `what` is possible now.
    pub(crate) fn has(&self, what: PollFlags) -> Result<bool> {
        self.poll(what, PollTimeout::ZERO)
    }

    fn poll(&self, what: PollFlags, limit: PollTimeout) -> Result<bool> {
        Ok(poll(&mut [PollFd::new(self.0.as_fd(), what)], limit)? > 0)
    }

    /// Waits for one packet.
    pub(crate) fn receive(&self) -> Result<Got> {
        if !self.wait_for(PollFlags::POLLIN)? {
            return Ok(Got::Other("silence".to_owned()));
        }
        Ok(match seqpacket::receive_with_fd(&self.0, MAX_FRAME) {
            Ok(packet) if packet.is_end() => Got::Other("end".to_owned()),
            Ok(packet) => Got::Packet(packet),
            // The other end hung up on something unread.
            Err(nix::errno::Errno::ECONNRESET) => Got::Other("end".to_owned()),
            Err(errno) => Got::Other(format!("receive: {errno:?}")),
        })
    }
}
