//! What a worker writes to the pipe that root reads for the journal.
//!
//! Trust: none; it is the only thing besides an exit status that a worker can
//! say to root.

use std::time::{Duration, Instant};

use crate::log_pipe::LogPipe;

/// As much as a pipe surely takes without waiting, in bytes.
const FITS: usize = 32 * 1024;
/// No line is longer, in characters; one byte may become one replacement.
const MAX_LINE: usize = 1024;

/// Lines come out bounded and without anything that moves a cursor, and every
/// reading ends.
pub(crate) fn check(bytes: &[u8]) {
    let bytes = bytes.get(..FITS).unwrap_or(bytes);
    let Ok((reading, writing)) = nix::unistd::pipe() else { panic!("no pipe to read from") };
    let written = nix::unistd::write(&writing, bytes);
    assert_eq!(written, Ok(bytes.len()), "the pipe is too small");
    drop(writing);
    let mut pipe = LogPipe::new(reading);
    let mut now = Instant::now();
    while let Some(lines) = pipe.read(now) {
        for line in lines {
            assert!(line.chars().count() <= MAX_LINE, "a line over the limit");
            assert!(!line.chars().any(char::is_control), "a control character for the journal");
        }
        now += Duration::from_secs(1);
    }
}
