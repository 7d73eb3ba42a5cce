//! A hostile frontend in the hands of a test: says anything on the control
//! socket and on the session sockets it gets, and prints what comes back.
//!
//! `gaggle-probe SOCKET` connects; `gaggle-probe --take PATH` waits at PATH for
//! a connection that somebody else made. One command a line on stdin, one line
//! of answer each:
//!
//! | command | what it does |
//! |---|---|
//! | `raw HEX`, `gifts N HEX`, `credentials HEX` | sends a packet; with N descriptors, with credentials |
//! | `receive` | waits for one packet |
//! | `session N HEX`, `session-receive N` | the same on the Nth session socket, counted from 0 |
//! | `hand-over PATH` | gives the connection to the probe that waits at PATH |
//! | `unread N HEX`, `busy N HEX...`, `storm NUMBER N HEX...`, `crowd N`, `fuzz NUMBER N HEX...` | see [`flood`] |
//! | `bye` | ends |
//!
//! Trust: whoever starts it. It never decides anything and refuses nothing.
#![forbid(unsafe_code)]

mod flood;
mod hand_over;
mod link;

use std::io::BufRead as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use gaggle_ipc::admin::AdminReply;
use gaggle_ipc::codec::{self, Decode, FrameError, MAX_FRAME};
use gaggle_ipc::control::ControlReply;
use gaggle_ipc::seqpacket;
use gaggle_ipc::session::FromWorker;
use link::{Extra, Got, Link};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let control = match arguments[..] {
        ["--take", path] => Ok(hand_over::take(Path::new(path))?),
        [path] => seqpacket::connect_to(Path::new(path)),
        _ => bail!("usage: gaggle-probe SOCKET | gaggle-probe --take PATH"),
    };
    let control = match control {
        Ok(control) => Link(control),
        Err(errno) => {
            println!("connect: {errno:?}");
            return Ok(());
        }
    };
    println!("connected");
    let path = arguments.last().map(PathBuf::from).unwrap_or_default();
    let mut probe = Probe { path, control, sessions: Vec::new() };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        if words == ["bye"] {
            break;
        }
        println!("{}", probe.obey(&words)?);
    }
    Ok(())
}

struct Probe {
    path: PathBuf,
    control: Link,
    /// Session sockets, kept open as a frontend would.
    sessions: Vec<Link>,
}

impl Probe {
    fn obey(&mut self, words: &[&str]) -> Result<String> {
        match words {
            ["raw", packet] => Ok(self.control.send(&unhex(packet)?, Extra::Nothing)),
            ["gifts", count, packet] => {
                Ok(self.control.send(&unhex(packet)?, Extra::Descriptors(count.parse()?)))
            }
            ["credentials", packet] => Ok(self.control.send(&unhex(packet)?, Extra::Credentials)),
            ["receive"] => self.receive(),
            ["session", number, packet] => self.session(number)?.send_patiently(&unhex(packet)?),
            ["session-receive", number] => {
                let got = self.session(number)?.receive()?;
                Ok(shown(got, word::<FromWorker>)?.0)
            }
            ["hand-over", path] => hand_over::give(&self.control, Path::new(path)),
            ["unread", count, packet] => {
                flood::unread(&self.control, count.parse()?, &unhex(packet)?)
            }
            ["busy", count, packets @ ..] => {
                flood::busy(&self.control, count.parse()?, &all_unhex(packets)?)
            }
            ["storm", number, count, packets @ ..] => {
                let (number, count) = (number.parse()?, count.parse()?);
                flood::storm(&self.control, number, count, all_unhex(packets)?)
            }
            ["crowd", count] => flood::crowd(&self.path, count.parse()?),
            ["fuzz", number, count, seeds @ ..] => {
                let (number, count) = (number.parse()?, count.parse()?);
                flood::fuzz(&self.path, number, count, all_unhex(seeds)?)
            }
            other => bail!("no such command: {}", other.join(" ")),
        }
    }

    fn session(&self, number: &str) -> Result<&Link> {
        self.sessions.get(number.parse::<usize>()?).context("no such session")
    }

    fn receive(&mut self) -> Result<String> {
        // The admin's socket is met by the same means.
        let either =
            |bytes: &[u8]| word::<ControlReply>(bytes).or_else(|_| word::<AdminReply>(bytes));
        let (line, fds) = shown(self.control.receive()?, either)?;
        let line = if line.contains(' ') { format!("{line} fds={}", fds.len()) } else { line };
        self.sessions.extend(fds.into_iter().map(Link));
        Ok(line)
    }
}

/// What came, as one line, and the descriptors that came with it.
fn shown(
    got: Got,
    word: impl Fn(&[u8]) -> Result<String, FrameError>,
) -> Result<(String, Vec<OwnedFd>)> {
    match got {
        Got::Packet(packet) => Ok((word(&packet.bytes)?, packet.fds)),
        Got::Other(word) => Ok((word, Vec::new())),
    }
}

/// A message in words.
fn word<M: Decode<()> + std::fmt::Debug>(bytes: &[u8]) -> Result<String, FrameError> {
    codec::decode::<M>(bytes, MAX_FRAME).map(|message| format!("{message:?}"))
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| {
            let digits = text.get(at..at + 2).context("odd number of digits")?;
            Ok(u8::from_str_radix(digits, 16)?)
        })
        .collect()
}

fn all_unhex(texts: &[&str]) -> Result<Vec<Vec<u8>>> {
    texts.iter().map(|text| unhex(text)).collect()
}
