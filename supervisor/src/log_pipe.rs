//! What a worker writes to its stdout and stderr, on its way to the journal.
//!
//! Trust: none. Bytes are capped per line and per span of time, controls are
//! replaced, and nothing is interpreted. Reading never waits.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::read;

/// Longest line kept, in bytes; the rest of it is dropped.
const MAX_LINE: usize = 1024;
/// Most bytes read at once, and how soon there is a next time. Who writes more
/// than that waits, and root has time for others.
const MAX_READ: usize = 4096;
const PAUSE: Duration = Duration::from_millis(10);
/// A pipe holds so much.
pub(crate) const READS_OF_A_FULL_PIPE: usize = 64 * 1024 / MAX_READ;
/// Most lines passed on in one [`SPAN`].
const MAX_LINES: u32 = 30;
const SPAN: Duration = Duration::from_secs(10);

/// The reading end.
#[derive(Debug)]
pub(crate) struct LogPipe {
    pub(crate) fd: OwnedFd,
    /// When it is to be read next.
    pub(crate) again: Instant,
    line: Vec<u8>,
    span_began: Instant,
    /// Lines of this span, those over its share included.
    count: u32,
}

impl LogPipe {
    /// Wraps a non-blocking pipe.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        let now = Instant::now();
        Self { fd, again: now, line: Vec::new(), span_began: now, count: 0 }
    }

    /// Takes what is there, once: escaped lines to record; `None` when nobody
    /// holds the writing end any more.
    pub(crate) fn read(&mut self, now: Instant) -> Option<Vec<String>> {
        self.again = now + PAUSE;
        let mut buffer = [0; MAX_READ];
        match read(&self.fd, &mut buffer) {
            Ok(count @ 1..) => Some(self.split(buffer.get(..count).unwrap_or_default(), now)),
            Err(Errno::EAGAIN | Errno::EINTR) => Some(Vec::new()),
            _ => None,
        }
    }

    fn split(&mut self, bytes: &[u8], now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < MAX_LINE {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = escape(&std::mem::take(&mut self.line));
            if now.duration_since(self.span_began) >= SPAN {
                let dropped = self.count.saturating_sub(MAX_LINES);
                lines.extend((dropped > 0).then(|| format!("({dropped} lines dropped)")));
                (self.span_began, self.count) = (now, 0);
            }
            self.count = self.count.saturating_add(1);
            if self.count <= MAX_LINES {
                lines.push(line);
            }
        }
        lines
    }
}

fn escape(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .chars()
        .map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Characters that reorder what a terminal shows around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe() -> LogPipe {
        LogPipe::new(nix::unistd::pipe().unwrap().0)
    }

    #[test]
    fn a_line_cannot_forge_another_or_move_the_cursor() {
        let mut pipe = pipe();
        let lines = pipe.split(b"a\x1b[2Jb\r\xe2\x80\xaec\npart", Instant::now());
        assert_eq!(lines, ["a\u{fffd}[2Jb\u{fffd}\u{fffd}c"]);
    }

    #[test]
    fn an_endless_line_is_cut_and_a_flood_is_counted() {
        let mut pipe = pipe();
        let start = Instant::now();
        let mut long = vec![b'x'; 10 * MAX_LINE];
        long.push(b'\n');
        assert_eq!(pipe.split(&long, start).first().map(String::len), Some(MAX_LINE));
        let flood = pipe.split(&b"y\n".repeat(500), start);
        assert_eq!(flood.len() + 1, MAX_LINES as usize);
        let later = pipe.split(b"z\n", start + SPAN);
        assert_eq!(later, ["(471 lines dropped)", "z"]);
    }
}
