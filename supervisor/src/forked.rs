//! Questions that a forked child answers, so that a name service or a folder
//! that hangs never holds up the loop.
//!
//! Trust: the child is this program; it answers over a pipe or is killed.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gaggle_policy::review::Review;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe2, read, write};

use gaggle_launch::sys;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// What to say when the deadline has passed.
pub(crate) const OVERDUE: &str =
    "files and accounts could not be looked at within 30 s; is the name service up?";
/// Largest answer, in bytes: a full mapping with a full environment for each.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// A child at work.
#[derive(Debug)]
pub(crate) struct Question {
    child: Pid,
    /// To be polled.
    pub(crate) pipe: OwnedFd,
    answer: Vec<u8>,
    pub(crate) deadline: Instant,
}

/// Lets a child look at files and accounts.
///
/// # Errors
/// The system's, if there can be no child.
pub(crate) fn ask(look: impl FnOnce() -> Review) -> Result<Question, Errno> {
    let (pipe, to_parent) = pipe2(OFlag::O_CLOEXEC)?;
    match sys::fork_single_threaded()? {
        ForkResult::Child => {
            answer(&to_parent, look);
            sys::exit_now(0)
        }
        ForkResult::Parent { child } => {
            let deadline = Instant::now() + LIMIT;
            Ok(Question { child, pipe, answer: Vec::new(), deadline })
        }
    }
}

/// The child's part. It keeps the pipe alone: a worker whose socket hung on
/// here would not see its frontend go.
fn answer(to_parent: &OwnedFd, look: impl FnOnce() -> Review) {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    if sys::close_all_but(3, to_parent).is_err() {
        return;
    }
    let Ok(bytes) = serde_json::to_vec(&look()) else { return };
    let mut rest = bytes.as_slice();
    while let Ok(count @ 1..) = write(to_parent, rest) {
        rest = rest.get(count..).unwrap_or_default();
    }
}

impl Question {
    /// Takes one piece of the answer; `Some` when there is nothing more to
    /// wait for: the answer, or why there is none.
    pub(crate) fn read(&mut self) -> Option<Result<Review, String>> {
        let mut buffer = [0; 16 * 1024];
        match read(&self.pipe, &mut buffer) {
            Ok(0) => Some(
                serde_json::from_slice(&self.answer)
                    .map_err(|_| "looking at files and accounts ended without a result".to_owned()),
            ),
            Ok(count) if self.answer.len() < MAX_ANSWER => {
                self.answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
                None
            }
            Err(Errno::EINTR) => None,
            _ => Some(Err("looking at files and accounts gave no usable result".to_owned())),
        }
    }

    /// Waits for the answer: at start-up, when nobody is served yet.
    ///
    /// # Errors
    /// A sentence with what to do.
    pub(crate) fn wait(mut self) -> Result<Review, String> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            let ready = poll(&mut [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)], timeout);
            if ready == Ok(0) {
                return Err(OVERDUE.to_owned());
            }
            if let Some(answer) = self.read() {
                return answer;
            }
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        // Not reaped yet, so the number is still this child's. One that waits
        // for a dead disk stays unreaped, which costs an entry in a table.
        let _ = kill(self.child, Signal::SIGKILL);
        for _ in 0..100 {
            if waitpid(self.child, Some(WaitPidFlag::WNOHANG)) != Ok(WaitStatus::StillAlive) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
