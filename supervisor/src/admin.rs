//! The admin's connections: status and reload for the `gaggle` command.
//!
//! Trust: a peer of uid 0. Still one bounded request at a time and no
//! waiting: answers are queued and written as the peer reads them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec;
use gaggle_ipc::seqpacket;
use nix::errno::Errno;

use crate::request::{self, Received};

/// Most admin connections at once.
pub(crate) const MAX_CONNECTIONS: usize = 4;

/// One admin's connection.
#[derive(Debug)]
pub(crate) struct AdminConnection {
    socket: OwnedFd,
    answers: VecDeque<Vec<u8>>,
}

impl AdminConnection {
    /// Takes an accepted socket whose peer was checked.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, answers: VecDeque::new() }
    }

    /// The descriptor to poll.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Answers wait for the peer to read.
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Takes one request.
    pub(crate) fn receive(&self) -> Received<AdminRequest> {
        request::receive(&self.socket)
    }

    /// Queues the answers; their number is bounded by the mapping's size.
    pub(crate) fn answer(&mut self, replies: impl IntoIterator<Item = AdminReply>) {
        self.answers.extend(replies.into_iter().filter_map(|reply| codec::encode(&reply).ok()));
    }

    /// Writes what the peer takes; `false` if it is gone.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some(frame) = self.answers.front() {
            match seqpacket::send(&self.socket, frame, None) {
                Ok(()) => drop(self.answers.pop_front()),
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
