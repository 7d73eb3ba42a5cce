//! Each attack in a process of its own: one that succeeds changes nothing for
//! the next, one that hangs is ended, one that dies is named.
//!
//! Trust: none in the child beyond its one line.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, pipe2};

use super::attempt::Outcome;
use super::report::{self, MAX_LINE};
use super::syscalls;

/// How long one attack may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Runs one attack in a child.
pub(super) fn attempt(attack: impl FnOnce() -> Outcome) -> Outcome {
    attempt_within(LIMIT, attack)
}

fn attempt_within(limit: Duration, attack: impl FnOnce() -> Outcome) -> Outcome {
    match start(attack) {
        Ok((child, output)) => {
            let said = read(output, limit);
            // A child that is done already does not mind.
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            said
        }
        Err(errno) => Outcome::untried(format!("no process to try it in: {errno:?}")),
    }
}

fn start(attack: impl FnOnce() -> Outcome) -> Result<(Pid, OwnedFd), Errno> {
    let (output, input) = pipe2(OFlag::O_CLOEXEC)?;
    match syscalls::fork()? {
        ForkResult::Parent { child } => Ok((child, output)),
        ForkResult::Child => {
            drop(output);
            let line = report::body(&attack());
            let _ = File::from(input).write_all(line.as_bytes());
            syscalls::leave()
        }
    }
}

fn read(output: OwnedFd, limit: Duration) -> Outcome {
    let mut output = File::from(output);
    let mut bytes = Vec::new();
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut polled, wait) {
            Ok(0) => return Outcome::untried("the attempt did not end in time"),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Outcome::untried(format!("the attempt was lost: {errno:?}")),
            Ok(_) => {}
        }
        let mut buffer = [0; MAX_LINE];
        match output.read(&mut buffer) {
            Ok(count @ 1..) if bytes.len() <= MAX_LINE => {
                bytes.extend(buffer.iter().take(count));
            }
            _ => break,
        }
    }
    let line = String::from_utf8_lossy(&bytes);
    report::parse_body(&line).unwrap_or_else(|| Outcome::untried("the attempt died on the way"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Forking a test with many threads is sound as long as the child does
    // nothing that could wait for another thread's lock.
    #[test]
    fn an_attack_that_dies_is_named_and_stays_alone() {
        let outcome = attempt(|| {
            let _ = kill(nix::unistd::getpid(), Signal::SIGKILL);
            Outcome::held("never said")
        });
        assert_eq!(outcome, Outcome::untried("the attempt died on the way"));
    }

    #[test]
    fn an_attack_that_hangs_is_ended() {
        let hang = || loop {
            nix::unistd::pause();
        };
        let outcome = attempt_within(Duration::from_millis(50), hang);
        assert_eq!(outcome, Outcome::untried("the attempt did not end in time"));
    }

    #[test]
    fn what_an_attack_does_to_itself_ends_with_it() {
        let before = std::env::current_dir().unwrap();
        let outcome = attempt(|| Outcome::held_if(std::env::set_current_dir("/").is_ok(), "went"));
        assert_eq!(outcome, Outcome::held("went"));
        assert_eq!(std::env::current_dir().unwrap(), before);
    }
}
