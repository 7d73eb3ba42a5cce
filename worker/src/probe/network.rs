//! TCP ports, on the loopback interface alone: no packet leaves the machine.
//!
//! Trust: where the mapping names no ports nothing is restricted, and that is
//! said instead of tried.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use nix::errno::Errno;

use super::attempt::{Absence, Outcome, Tries, reaches, to_errno};
use super::ground::Ground;

const ANY_PORT: &str = "any TCP port may be used: the mapping names no connect_ports";
/// Ports that are tried, but for those that are named.
const TRIED: &[u16] = &[1, 22, 53, 80, 443, 631, 5432, 8065, 65_535];
/// Loopback answers at once.
const LIMIT: Duration = Duration::from_millis(500);

/// Connects to ports that are not named.
pub(super) fn connect_ports(ground: &Ground) -> Outcome {
    let Some(named) = &ground.ports else { return Outcome::untried(ANY_PORT) };
    let mut tries = Tries::new(Absence::ProvesNothing);
    for port in TRIED.iter().filter(|port| !named.contains(port)) {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
        let connected = TcpStream::connect_timeout(&peer, LIMIT).map_err(|error| said(&error));
        // Nobody listens there: the kernel went and looked.
        let through = [Errno::ECONNREFUSED, Errno::ETIMEDOUT];
        tries.add(format!("port {port}"), reaches(connected, &through));
    }
    tries.outcome()
}

/// Listens on a port, where others would take it for a service.
pub(super) fn listen_ports(ground: &Ground) -> Outcome {
    if ground.ports.is_none() {
        return Outcome::untried(ANY_PORT);
    }
    let mut tries = Tries::new(Absence::ProvesNothing);
    tries.add_io("bind on 127.0.0.1", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    tries.outcome()
}

fn said(error: &io::Error) -> Errno {
    match error.kind() {
        // The standard library's own, without a number.
        io::ErrorKind::TimedOut => Errno::ETIMEDOUT,
        _ => to_errno(error),
    }
}
