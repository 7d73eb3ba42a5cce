//! A connection from one process to another.
//!
//! Trust: none is needed; both ends are played by one test.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use gaggle_ipc::seqpacket;
use nix::poll::PollFlags;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use crate::link::Link;

/// Waits at `path` for a connection that somebody gives away.
pub(crate) fn take(path: &Path) -> Result<OwnedFd> {
    let listener = Link(seqpacket::listen_at(path)?);
    // The giver is somebody else.
    let everybody = Mode::from_bits_truncate(0o666);
    fchmodat(nix::fcntl::AT_FDCWD, path, everybody, FchmodatFlags::FollowSymlink)?;
    println!("waiting");
    ensure!(listener.wait_for(PollFlags::POLLIN)?, "nobody gives anything");
    let giver = Link(seqpacket::accept(&listener.0)?);
    ensure!(giver.wait_for(PollFlags::POLLIN)?, "the giver says nothing");
    let packet = seqpacket::receive_with_fd(&giver.0, 1)?;
    packet.fds.into_iter().next().context("a packet without a connection")
}

/// Gives the connection to who waits at `path`.
pub(crate) fn give(control: &Link, path: &Path) -> Result<String> {
    let taker = seqpacket::connect_to(path)?;
    seqpacket::send(&taker, b"!", Some(&control.0))?;
    Ok("given".to_owned())
}
