//! What root hands to the process that reads the sessions, and how.
//!
//! One packet for each message; the packet of a person whose worker runs
//! carries the session socket. The other way comes a packet whenever the
//! reader is done with somebody. Root never looks into it: the reader has read
//! what an account wrote.
//!
//! Trust: the reader believes root.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gaggle_ipc::codec::MAX_FRAME;
use gaggle_ipc::seqpacket::{self, Packet};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

/// From root to the reader.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// The first: where all of it happens.
    Machine {
        /// The supervisor's version.
        supervisor: String,
        /// Landlock ABI of the kernel, as root asked it.
        landlock_abi: u8,
    },
    /// Somebody of the mapping.
    Person(Person),
}

/// Somebody whose sandbox is to be probed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    /// The Mattermost id, or what stands in its place.
    pub(super) user: String,
    /// The Linux account.
    pub(super) account: String,
    /// `workspace` or `full`, where it is known.
    pub(super) profile: Option<String>,
    /// Other people share the account.
    pub(super) shared: bool,
    /// Why there is no worker to talk to.
    pub(super) refused: Option<String>,
    /// What to do about that.
    pub(super) next: Option<String>,
    /// How long the supervisor took to start it, in milliseconds.
    pub(super) took_ms: u64,
}

/// An end of the socket between the two.
#[derive(Debug)]
pub(super) struct End(OwnedFd);

impl End {
    /// Takes a connected, non-blocking packet socket.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Sends a message with the session socket, if there is one.
    ///
    /// # Errors
    /// If the reader is gone.
    pub(super) fn send(&self, message: &Message, session: Option<&OwnedFd>) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        seqpacket::send(&self.0, &bytes, session).context("the process that reads the sessions")
    }

    /// The next message and its session socket; `None` after the last.
    ///
    /// # Errors
    /// If it is none, or none comes within `limit`.
    pub(super) fn receive(
        &self,
        limit: Duration,
    ) -> anyhow::Result<Option<(Message, Option<OwnedFd>)>> {
        let mut packet = self.packet(limit)?;
        if packet.is_end() {
            return Ok(None);
        }
        Ok(Some((serde_json::from_slice(&packet.bytes)?, packet.fds.pop())))
    }

    /// Says that the last message is dealt with.
    ///
    /// # Errors
    /// If the other end is gone.
    pub(super) fn done(&self) -> anyhow::Result<()> {
        seqpacket::send(&self.0, b".", None).context("telling that a session is read")
    }

    /// Waits until the last message is dealt with.
    ///
    /// # Errors
    /// If the reader is gone or takes longer than `limit`.
    pub(super) fn wait(&self, limit: Duration) -> anyhow::Result<()> {
        if self.packet(limit)?.is_end() {
            bail!("the process that reads the sessions is gone");
        }
        Ok(())
    }

    fn packet(&self, limit: Duration) -> anyhow::Result<Packet> {
        receive_within(&self.0, Instant::now() + limit)?
            .context("the other half of this command says nothing any more")
    }
}

/// The next packet with at most one descriptor; `None` if there is none by then.
///
/// # Errors
/// The system's.
pub(super) fn receive_within(socket: &OwnedFd, deadline: Instant) -> Result<Option<Packet>, Errno> {
    loop {
        match seqpacket::receive_with_fd(socket, MAX_FRAME) {
            Err(Errno::EAGAIN) => {}
            result => return result.map(Some),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            Ok(0) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
