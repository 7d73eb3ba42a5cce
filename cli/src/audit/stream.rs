//! Reads another program's lines as they come, until it ends, a signal asks to,
//! or nobody reads what is printed any more.
//!
//! Trust: the program's lines are bounded; it is not left behind.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::fd::AsFd;
use std::process::{ChildStdout, Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Longest line that is kept, in bytes; of a longer one nothing is shown.
const LONGEST: usize = 1024 * 1024;
/// How much of what the program complains about is kept, in bytes.
const COMPLAINTS: u64 = 4096;

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The program has no more.
    Done,
    /// The program failed; what it said.
    Failed(String),
    /// Ctrl-C, or another signal that asks to end.
    Interrupted,
    /// Nobody reads standard output any more.
    ReaderGone,
}

/// Starts the program and hands each line of its output to `each`, whose
/// `BrokenPipe` ends it.
///
/// # Errors
/// If it cannot be started or read, or `each` fails otherwise.
pub(super) fn lines(
    mut command: Command,
    each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<End> {
    // A file, because nobody reads along and a pipe would fill up.
    let complaints = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints.try_clone()?);
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    let over = follow(output, each);
    if !matches!(over, Ok(None)) {
        // Nobody else would end it.
        let _ = child.kill();
    }
    let status = child.wait()?;
    match over? {
        Some(end) => Ok(end),
        None if status.success() => Ok(End::Done),
        None => Ok(End::Failed(said(complaints)?)),
    }
}

fn said(mut complaints: File) -> io::Result<String> {
    complaints.rewind()?;
    let mut bytes = Vec::new();
    complaints.take(COMPLAINTS).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads until there is no more (`None`), or something else ends it.
fn follow(
    mut output: ChildStdout,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Option<End>> {
    // Held back only now, so that the program itself hears of them as usual.
    let mut asks_to_end = SigSet::empty();
    asks_to_end.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    asks_to_end.thread_block()?;
    let signals = SignalFd::with_flags(&asks_to_end, SfdFlags::SFD_CLOEXEC)?;
    let own = io::stdout();
    let mut lines = Lines::default();
    loop {
        let mut fds = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            // Asked for nothing: its end alone is told.
            PollFd::new(own.as_fd(), PollFlags::empty()),
            PollFd::new(output.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let [asked, gone, more] = fds.map(|fd| fd.revents().is_some_and(|told| !told.is_empty()));
        if asked {
            return Ok(Some(End::Interrupted));
        }
        if gone {
            return Ok(Some(End::ReaderGone));
        }
        if more && !lines.read(&mut output, &mut each)? {
            return Ok(None);
        }
        if lines.reader_gone {
            return Ok(Some(End::ReaderGone));
        }
    }
}

/// The line that is being read.
#[derive(Debug, Default)]
struct Lines {
    unfinished: Vec<u8>,
    too_long: bool,
    reader_gone: bool,
}

impl Lines {
    /// Takes what is there; whether there may be more.
    fn read(
        &mut self,
        output: &mut impl Read,
        each: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = match output.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        };
        for byte in buffer.iter().take(count) {
            if *byte != b'\n' {
                self.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.unfinished);
            if std::mem::take(&mut self.too_long) {
                continue;
            }
            match each(&line) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.reader_gone = true;
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(count > 0)
    }

    fn push(&mut self, byte: u8) {
        if self.unfinished.len() < LONGEST {
            self.unfinished.push(byte);
        } else {
            self.too_long = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn collected(script: &str) -> (Vec<String>, End) {
        let mut found = Vec::new();
        let end = lines(shell(script), |line| {
            found.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        });
        (found, end.unwrap())
    }

    #[test]
    fn each_line_comes_whole_and_the_end_is_the_programs() {
        let (found, end) =
            collected("printf 'one\ntwo\nunfini'; sleep 0.05; printf 'shed\nno end'");
        assert_eq!(found, ["one", "two", "unfinished"]);
        assert_eq!(end, End::Done);
        let (_, end) = collected("echo one; echo 'Failed to parse timestamp: x' >&2; exit 1");
        assert_eq!(end, End::Failed("Failed to parse timestamp: x\n".to_owned()));
    }

    #[test]
    fn a_line_without_end_takes_bounded_room_and_the_next_is_read() {
        let (found, _) = collected("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next");
        assert_eq!(found, ["next"]);
    }

    #[test]
    fn when_nobody_reads_any_more_the_program_is_ended() {
        // It would go on for ever.
        let end = lines(shell("while echo more; do :; done"), |_| {
            Err(io::Error::from(ErrorKind::BrokenPipe))
        });
        assert_eq!(end.unwrap(), End::ReaderGone);
    }

    #[test]
    fn other_failures_are_told_and_end_it_too() {
        let full = lines(shell("while echo more; do :; done"), |_| {
            Err(io::Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        let missing = lines(Command::new("/nonexistent/journalctl"), |_| Ok(()));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
