//! A hostile frontend in the hands of a test: says anything on the control
//! socket and prints what comes back.
//!
//! Reads one command a line on stdin, prints one line for each packet:
//! `start ID`, `stop N`, `list`, `raw HEX`, `gifts N` (a List with N descriptors
//! attached), `receive` (waits for one packet), `bye`.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, bail};
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::control::{ControlReply, ControlRequest};
use gaggle_ipc::{MattermostUserId, WorkerId, seqpacket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// A peer that says nothing for so long says nothing at all, in milliseconds.
const SILENCE: u16 = 15_000;

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: gaggle-probe SOCKET")?;
    let socket = match seqpacket::connect_to(Path::new(&path)) {
        Ok(socket) => socket,
        Err(errno) => {
            println!("connect: {errno:?}");
            return Ok(());
        }
    };
    let mut probe = Probe { socket, received: Vec::new(), request: 0 };
    println!("connected");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        if verb == "bye" {
            break;
        }
        probe.obey(verb, rest)?;
    }
    Ok(())
}

struct Probe {
    socket: OwnedFd,
    /// Session sockets, kept open as a frontend would.
    received: Vec<OwnedFd>,
    request: u32,
}

impl Probe {
    fn obey(&mut self, verb: &str, rest: &str) -> anyhow::Result<()> {
        self.request += 1;
        let request = self.request;
        match verb {
            "start" => {
                let user = MattermostUserId::new(rest)?;
                self.send(&codec::encode(&ControlRequest::Start { request, user })?, 0)
            }
            "stop" => {
                let worker = WorkerId(rest.parse()?);
                self.send(&codec::encode(&ControlRequest::Stop { request, worker })?, 0)
            }
            "list" => self.send(&codec::encode(&ControlRequest::List { request })?, 0),
            "gifts" => self.send(&codec::encode(&ControlRequest::List { request })?, rest.parse()?),
            "raw" => self.send(&unhex(rest)?, 0),
            "receive" => self.receive(),
            other => bail!("no such command: {other}"),
        }
    }

    fn send(&self, frame: &[u8], gifts: usize) -> anyhow::Result<()> {
        let null = std::fs::File::open("/dev/null")?;
        let fds = vec![null.as_raw_fd(); gifts];
        let rights = [ControlMessage::ScmRights(&fds)];
        let control: &[ControlMessage<'_>] = if gifts == 0 { &[] } else { &rights };
        let flags = MsgFlags::MSG_NOSIGNAL;
        match sendmsg::<()>(self.socket.as_raw_fd(), &[IoSlice::new(frame)], control, flags, None) {
            Ok(_) => println!("sent"),
            Err(errno) => println!("send: {errno:?}"),
        }
        Ok(())
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut polled, PollTimeout::from(SILENCE))? == 0 {
            println!("silence");
            return Ok(());
        }
        let packet = match seqpacket::receive_with_fd(&self.socket, MAX_FRAME) {
            Ok(packet) if packet.is_end() => {
                println!("end");
                return Ok(());
            }
            Ok(packet) => packet,
            Err(errno) => {
                println!("receive: {errno:?}");
                return Ok(());
            }
        };
        let reply: ControlReply = codec::decode(&packet.bytes, MAX_FRAME)?;
        println!("{reply:?} fds={}", packet.fds.len());
        self.received.extend(packet.fds);
        Ok(())
    }
}

fn unhex(text: &str) -> anyhow::Result<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| {
            let digits = text.get(at..at + 2).context("odd number of digits")?;
            Ok(u8::from_str_radix(digits, 16)?)
        })
        .collect()
}
