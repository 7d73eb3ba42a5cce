//! Asks the supervisor for workers.
//!
//! Trust: whoever holds the control socket is root; the socket's folder belongs
//! to root. What it says is believed, and a frame that is none ends the
//! connection. When the connection ends, root stops every worker that was
//! started on it, so a new connection begins with none.

mod connection;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaggle_ipc::control::{Closing, Refusal, RefusalCode, WorkerExit};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::{AccountName, MattermostUserId, WorkerId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long a start is asked for, again and again if need be.
const START_DEADLINE: Duration = Duration::from_secs(15);
/// Pause before a start is asked for again.
const START_PAUSE: Duration = Duration::from_millis(200);
/// Requests that wait to be sent.
const QUEUE: usize = 64;
/// How long a stop waits for room among them.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A handle to the task that holds the control socket. Clones share it.
#[derive(Debug, Clone)]
pub struct Supervisor {
    asks: mpsc::Sender<Ask>,
    trouble: Trouble,
}

/// A worker that was started.
#[derive(Debug)]
pub struct Started {
    /// Root's number for it.
    pub worker: WorkerId,
    /// The Linux account it runs as.
    pub account: AccountName,
    /// What of the home its agent may touch.
    pub profile: Profile,
    /// Others share the account.
    pub shared: bool,
    /// Our end of the session socket.
    pub socket: OwnedFd,
    /// How it ended, once it did.
    pub exit: oneshot::Receiver<WorkerExit>,
}

/// Why there is no worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Root refused.
    #[error("the supervisor refused: {} (step {}, errno {})", .0.code.name(), .0.step.map_or("none", |step| step.name()), .0.errno)]
    Refused(Refusal),
    /// A former worker of this person still runs.
    #[error("worker {0} of this person still runs")]
    Running(WorkerId),
    /// Nobody answers at the control socket.
    #[error("the supervisor cannot be reached: systemctl status gaggle-supervisor")]
    Unreachable,
    /// It is of another release.
    #[error("the supervisor speaks protocol version {0}, not ours: restart both Gaggle services")]
    Version(u8),
    /// It does not serve us.
    #[error("the supervisor closes the connection: {0:?}")]
    Closed(Closing),
}

#[derive(Debug)]
enum Ask {
    Start { user: MattermostUserId, reply: oneshot::Sender<Result<Started, StartError>> },
    Stop { worker: WorkerId },
}

/// Why there is no connection just now.
type Trouble = Arc<Mutex<Option<StartError>>>;

impl Supervisor {
    /// Connects to the socket at `path`, again whenever the connection ends, as
    /// long as a handle lives. Needs a tokio runtime.
    #[must_use]
    pub fn connect(path: PathBuf) -> Self {
        let (asks, waiting) = mpsc::channel(QUEUE);
        let trouble = Trouble::default();
        tokio::spawn(connection::run(path, waiting, trouble.clone()));
        Self { asks, trouble }
    }

    /// Starts this person's worker. A worker that we have lost is stopped first,
    /// and one that is just coming or going is waited for.
    ///
    /// # Errors
    /// [`StartError`], after 15 s at the latest.
    pub async fn start(&self, user: MattermostUserId) -> Result<Started, StartError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let answer = tokio::time::timeout_at(deadline, self.start_once(user)).await;
            let error = match answer {
                Ok(Ok(started)) => return Ok(started),
                Ok(Err(error)) => error,
                Err(_) => return Err(self.trouble().unwrap_or(StartError::Unreachable)),
            };
            match error {
                StartError::Running(worker) => self.stop(worker).await,
                StartError::Unreachable => {}
                StartError::Refused(refusal) if refusal.code == RefusalCode::Busy => {}
                other => return Err(other),
            }
            if Instant::now() + START_PAUSE >= deadline {
                return Err(error);
            }
            tokio::time::sleep(START_PAUSE).await;
        }
    }

    /// Has a worker stopped, however busy it is.
    pub async fn stop(&self, worker: WorkerId) {
        // Nobody to ask means that root is gone, and with it the worker.
        let _ = self.asks.send_timeout(Ask::Stop { worker }, STOP_PATIENCE).await;
    }

    async fn start_once(&self, user: MattermostUserId) -> Result<Started, StartError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.asks.send(Ask::Start { user, reply }).await;
        sent.map_err(|_| StartError::Unreachable)?;
        answer.await.unwrap_or(Err(StartError::Unreachable))
    }

    fn trouble(&self) -> Option<StartError> {
        self.trouble.lock().ok().and_then(|trouble| *trouble)
    }
}

#[cfg(test)]
mod tests;
