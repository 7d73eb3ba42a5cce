//! Acts on sockets.
//!
//! Trust: as in the module above.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::MsgFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, sendto, socket};

use crate::{Outcome, errno, sys};

/// The loopback answers at once.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn act(words: &[&str]) -> Option<Outcome> {
    let outcome = match words {
        ["connect", path] => to_path(path, SockType::Stream),
        ["connect-packet", path] => to_path(path, SockType::SeqPacket),
        ["connect-abstract", name] => to_abstract(name),
        ["send", path, text] => UnixAddr::new(*path).and_then(|to| send(&to, text)),
        ["flood", path, text, count] => flood(path, text, count.parse().ok()?),
        ["send-abstract", name, text] => {
            UnixAddr::new_abstract(name.as_bytes()).and_then(|to| send(&to, text))
        }
        ["connect-port", port] => to_port(port.parse().ok()?),
        ["connect-to", address] => to_address(address.parse().ok()?),
        ["family", number] => sys::socket_of_family(number.parse().ok()?),
        _ => return None,
    };
    Some(outcome)
}

fn to_path(path: &str, kind: SockType) -> Outcome {
    let socket = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)
}

fn to_abstract(name: &str) -> Outcome {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)
}

/// Sends one datagram; `,` stands for the end of a line in it.
fn send(to: &UnixAddr, text: &str) -> Outcome {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let text = format!("{}\n", text.replace(',', "\n"));
    sendto(socket.as_raw_fd(), text.as_bytes(), to, MsgFlags::empty()).map(drop)
}

/// Sends many datagrams, waiting for room where there is none.
fn flood(path: &str, text: &str, count: u32) -> Outcome {
    let to = UnixAddr::new(path)?;
    (0..count).try_for_each(|_| send(&to, text))
}

fn to_port(port: u16) -> Outcome {
    to_address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// A filter that drops what is sent is a refusal as well, after a while.
fn to_address(address: SocketAddr) -> Outcome {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Err(error) if error.kind() == ErrorKind::TimedOut => Err(nix::errno::Errno::ETIMEDOUT),
        outcome => outcome.map(drop).map_err(errno),
    }
}
