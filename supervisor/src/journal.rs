//! Sends records to the journal, and knows whether they arrived.
//!
//! Trust: field names are ours, values are escaped by the protocol's own length
//! prefix, so no value can forge a field. Written here instead of using a
//! tracing layer because a layer loses records silently when the journal's
//! socket is gone, and root must refuse to go on unaudited.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const SOCKET: &str = "/run/systemd/journal/socket";

/// A stuck journal may hold the loop up for so long at most.
const SEND_LIMIT: Duration = Duration::from_millis(200);
/// Longest line for stderr, in bytes: less than a pipe takes in one piece.
const MAX_STDERR_LINE: usize = 4000;

/// The way to the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: Option<UnixDatagram>,
    /// The last record arrived.
    pub(crate) reachable: bool,
}

impl Journal {
    /// Makes the sender; whether a journal listens shows with the first record.
    pub(crate) fn new() -> Self {
        let socket = UnixDatagram::unbound().ok();
        // Without the limit a send could block; then better none at all.
        let socket = socket.filter(|s| s.set_write_timeout(Some(SEND_LIMIT)).is_ok());
        Self { socket, reachable: false }
    }

    /// Sends one record; `true` if the journal has it.
    pub(crate) fn send(&mut self, fields: &[(String, String)]) -> bool {
        let record = encode(fields);
        // Only a journal that took the last record is waited for: a stuck one
        // must not hold the loop up once for each record.
        let wait = self.reachable;
        let socket = self.socket.as_ref().filter(|s| s.set_nonblocking(!wait).is_ok());
        self.reachable = socket.is_some_and(|s| s.send_to(&record, SOCKET).is_ok());
        self.reachable
    }
}

fn encode(fields: &[(String, String)]) -> Vec<u8> {
    let mut record = Vec::new();
    for (name, value) in fields {
        record.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            record.push(b'\n');
            record.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            record.push(b'=');
        }
        record.extend_from_slice(value.as_bytes());
        record.push(b'\n');
    }
    record
}

/// Writes one line to stderr with its priority, as systemd reads it. A stderr
/// that takes nothing is not waited for.
pub(crate) fn to_stderr(priority: u8, line: &str) {
    let stderr = std::io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut polled, PollTimeout::ZERO) != Ok(1) {
        return;
    }
    // A person needs no priority in numbers.
    let prefix = if stderr.is_terminal() { String::new() } else { format!("<{priority}>") };
    let mut text = format!("{prefix}{line}").into_bytes();
    // What `poll` calls writable takes so much at once, a pipe too.
    text.truncate(MAX_STDERR_LINE);
    text.push(b'\n');
    // If even stderr is gone there is nobody left to tell.
    let _ = (&stderr).write_all(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_in_a_value_cannot_forge_a_field() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let record = encode(&[field("A", "x\nB=y"), field("C", "z")]);
        assert_eq!(record, b"A\n\x05\0\0\0\0\0\0\0x\nB=y\nC=z\n");
    }
}
