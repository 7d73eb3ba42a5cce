//! Too much of everything: requests without reading, requests without pause,
//! connections, packets that are nearly requests.
//!
//! Trust: none. Each of them ends by itself.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use gaggle_ipc::seqpacket;
use gaggle_tests::lab::wait;
use gaggle_tests::mutation::Mutator;
use nix::errno::Errno;
use nix::poll::PollFlags;

use crate::link::{Extra, Got, Link};

/// Packets that are put into one connection at once when fuzzing.
const BATCH: usize = 100;
/// There is room for one more connection within this.
const ROOM: Duration = Duration::from_secs(30);

/// Sends `packet` over and over and reads nothing of what comes back.
pub(crate) fn unread(control: &Link, count: usize, packet: &[u8]) -> Result<String> {
    let mut sent = 0;
    while sent < count {
        match control.send(packet, Extra::Nothing).as_str() {
            "sent" => sent += 1,
            "send: EAGAIN" if control.wait_for(PollFlags::POLLOUT)? => {}
            other => return Ok(format!("unread after={sent} {other}")),
        }
    }
    Ok(format!("unread after={sent} nothing"))
}

/// Sends the packets in turn, `count` in all, and reads each answer.
pub(crate) fn busy(control: &Link, count: usize, packets: &[Vec<u8>]) -> Result<String> {
    for (done, packet) in (0..count).zip(packets.iter().cycle()) {
        let sent = control.send(packet, Extra::Nothing);
        match control.receive()? {
            Got::Packet(_) if sent == "sent" => {}
            Got::Packet(_) => return Ok(format!("busy after={done} {sent}")),
            Got::Other(word) => return Ok(format!("busy after={done} {word}")),
        }
    }
    Ok(format!("busy after={count} nothing"))
}

/// Sends `count` packets of those given, in the order that `number` chooses, and
/// reads what comes meanwhile; descriptors that come are closed.
pub(crate) fn storm(
    control: &Link,
    number: u64,
    count: usize,
    packets: Vec<Vec<u8>>,
) -> Result<String> {
    let mut mutator = Mutator::new(number, packets);
    let mut sent = 0;
    while sent < count {
        match control.send(&mutator.known(), Extra::Nothing).as_str() {
            "sent" => sent += 1,
            "send: EAGAIN" if control.wait_for(PollFlags::POLLOUT)? => {}
            other => return Ok(format!("storm after={sent} {other}")),
        }
        while control.has(PollFlags::POLLIN)? {
            if let Got::Other(word) = control.receive()? {
                return Ok(format!("storm after={sent} {word}"));
            }
        }
    }
    Ok(format!("storm sent={sent}"))
}

/// Tries to connect so often and keeps what connects, until all were tried.
pub(crate) fn crowd(path: &Path, count: usize) -> Result<String> {
    let mut connected = Vec::new();
    for _ in 0..count {
        match seqpacket::connect_to(path) {
            Ok(socket) => connected.push(socket),
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Ok(format!("crowd: {errno:?}")),
        }
    }
    Ok(format!("crowd of={count} waiting={}", connected.len()))
}

/// Sends mutations of `seeds` in batches, each on a connection of its own, and
/// reads until it is hung up on or nothing more comes.
pub(crate) fn fuzz(
    path: &Path,
    number: u64,
    connections: usize,
    seeds: Vec<Vec<u8>>,
) -> Result<String> {
    let mut mutator = Mutator::new(number, seeds);
    let (mut sent, mut answered) = (0, 0);
    for _ in 0..connections {
        let link = Link(connect(path)?);
        for _ in 0..BATCH {
            sent += usize::from(link.send(&mutator.packet(), Extra::Nothing) == "sent");
        }
        while let Got::Packet(_) = link.receive()? {
            answered += 1;
        }
    }
    Ok(format!("fuzz sent={sent} answered={answered}"))
}

/// A connection, as soon as there is room for one.
fn connect(path: &Path) -> Result<OwnedFd> {
    let connected = wait::until(ROOM, || match seqpacket::connect_to(path) {
        Err(Errno::EAGAIN) => None,
        other => Some(other),
    });
    Ok(connected.context("there is never room for a connection")??)
}
