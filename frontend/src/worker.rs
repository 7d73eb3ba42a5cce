//! One person's worker, seen from here.
//!
//! Trust: root made the session socket for this person alone, so whatever
//! arrives on it is theirs, and only theirs. Texts are the agent's. A frame that
//! is none ends the worker.

mod pool;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaggle_ipc::channel::{ChannelError, FrontendEnd};
use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::launch::Profile;
use gaggle_ipc::session::{FromWorker, Settings, ToWorker};
use gaggle_ipc::{AccountName, MattermostUserId, ThreadId, WorkerId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::supervisor::{StartError, Started, Supervisor};

pub use pool::Workers;

/// How long a worker may take until its first word.
const HELLO_DEADLINE: Duration = Duration::from_secs(20);
/// How long root may take to say how a worker ended.
const EXIT_DEADLINE: Duration = Duration::from_secs(3);
/// Frames of one thread that wait to be read.
const ROUTE_QUEUE: usize = 64;

/// A worker that said hello.
#[derive(Debug)]
pub struct Worker {
    /// Root's number for it.
    pub id: WorkerId,
    /// The Linux account it runs as.
    pub account: AccountName,
    /// What of the home its agent may touch.
    pub profile: Profile,
    /// Others share the account.
    pub shared: bool,
    /// Where the agent works; the worker's word.
    pub workspace: String,
    channel: Arc<FrontendEnd>,
    routes: Arc<Routes>,
    end: watch::Receiver<Option<End>>,
}

/// How a worker ended: `None` inside if root did not say.
type End = Option<WorkerExit>;

/// Where the frames of each thread go; `None` once the worker is gone.
#[derive(Debug)]
struct Routes(Mutex<Option<HashMap<ThreadId, mpsc::Sender<FromWorker>>>>);

/// Why a worker is of no use.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It ended before it said hello.
    #[error("the worker ended before its first word ({0:?}): see its records in the journal")]
    Ended(Option<WorkerExit>),
    /// It said nothing in time.
    #[error("the worker said nothing for {} s and was stopped", HELLO_DEADLINE.as_secs())]
    Silent,
    /// It broke the protocol, or its socket failed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl Worker {
    /// Has the worker of `user` started and waits for its first word.
    ///
    /// # Errors
    /// [`WorkerError`]; then no worker is left behind.
    pub async fn start(
        supervisor: &Supervisor,
        user: MattermostUserId,
        settings: Settings,
    ) -> Result<Arc<Self>, WorkerError> {
        let mut started = supervisor.start(user).await?;
        let worker = started.worker;
        tracing::info!(%user, %worker, account = %started.account, "worker started");
        let greeting = tokio::time::timeout(HELLO_DEADLINE, greet(&mut started, settings)).await;
        let (channel, workspace) = match greeting {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) => {
                supervisor.stop(worker).await;
                return Err(error);
            }
            Err(_) => {
                supervisor.stop(worker).await;
                return Err(WorkerError::Silent);
            }
        };
        Ok(Arc::new(Self::attend(started, channel, workspace)))
    }

    fn attend(started: Started, channel: FrontendEnd, workspace: String) -> Self {
        let channel = Arc::new(channel);
        let routes = Arc::new(Routes(Mutex::new(Some(HashMap::new()))));
        let (told, end) = watch::channel(None);
        tokio::spawn(read(started.worker, channel.clone(), routes.clone(), started.exit, told));
        Self {
            id: started.worker,
            account: started.account,
            profile: started.profile,
            shared: started.shared,
            workspace,
            channel,
            routes,
            end,
        }
    }

    /// Sends one message, waiting for room.
    ///
    /// # Errors
    /// [`ChannelError`]: the worker is gone, and did not get this message.
    pub async fn send(&self, message: &ToWorker) -> Result<(), ChannelError> {
        self.channel.send(message).await
    }

    /// From now on the frames of `thread` arrive in the route; `None` if the
    /// worker is gone.
    #[must_use]
    pub fn route(self: &Arc<Self>, thread: ThreadId) -> Option<Route> {
        let (sender, frames) = mpsc::channel(ROUTE_QUEUE);
        let mut routes = self.routes.0.lock().ok()?;
        routes.as_mut()?.insert(thread, sender);
        drop(routes);
        Some(Route { worker: self.clone(), thread, frames })
    }

    /// It was there when last heard of.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.routes.0.lock().is_ok_and(|routes| routes.is_some())
    }

    /// How it ended. Waits for that, but not longer than root may take to tell.
    pub async fn end(&self) -> Option<WorkerExit> {
        let mut end = self.end.clone();
        let known = tokio::time::timeout(EXIT_DEADLINE, end.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.flatten()
    }
}

/// The frames of one thread, as long as it is held.
#[derive(Debug)]
pub struct Route {
    worker: Arc<Worker>,
    thread: ThreadId,
    frames: mpsc::Receiver<FromWorker>,
}

impl Route {
    /// The next frame; `None` when the worker is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<FromWorker> {
        self.frames.recv().await
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.frames.close();
        if let Ok(mut routes) = self.worker.routes.0.lock()
            && let Some(routes) = routes.as_mut()
            // A newer route of the same thread stays.
            && routes.get(&self.thread).is_some_and(mpsc::Sender::is_closed)
        {
            routes.remove(&self.thread);
        }
    }
}

async fn greet(
    started: &mut Started,
    settings: Settings,
) -> Result<(FrontendEnd, String), WorkerError> {
    let socket = started.socket.try_clone().map_err(ChannelError::Io)?;
    let channel = FrontendEnd::new(socket).map_err(ChannelError::Io)?;
    // A worker that refuses its sandbox is gone before it reads anything; how
    // it ended says more than that the send failed.
    let sent = channel.send(&ToWorker::Configure(settings)).await;
    match channel.receive().await {
        Ok(Some(FromWorker::Hello(hello))) => {
            sent?;
            Ok((channel, hello.workspace.into_string()))
        }
        Ok(None) | Err(ChannelError::Io(_)) => {
            let exit = tokio::time::timeout(EXIT_DEADLINE, &mut started.exit).await;
            Err(WorkerError::Ended(exit.ok().and_then(Result::ok)))
        }
        Ok(Some(_)) => {
            Err(WorkerError::Channel(ChannelError::Frame(gaggle_ipc::codec::FrameError::Malformed)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Hands each frame to its thread until the worker is gone.
async fn read(
    worker: WorkerId,
    channel: Arc<FrontendEnd>,
    routes: Arc<Routes>,
    exit: oneshot::Receiver<WorkerExit>,
    told: watch::Sender<Option<End>>,
) {
    loop {
        match channel.receive().await {
            Ok(Some(frame)) => deliver(&routes, frame).await,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%worker, %error, "worker given up");
                break;
            }
        }
    }
    // Dropping the senders tells every thread that its worker is gone.
    if let Ok(mut routes) = routes.0.lock() {
        *routes = None;
    }
    let exit = tokio::time::timeout(EXIT_DEADLINE, exit).await;
    let exit = exit.ok().and_then(Result::ok);
    tracing::info!(%worker, ?exit, "worker gone");
    let _ = told.send(Some(exit));
}

async fn deliver(routes: &Routes, frame: FromWorker) {
    let Some(thread) = thread_of(&frame) else {
        return;
    };
    let route = match routes.0.lock() {
        Ok(routes) => routes.as_ref().and_then(|all| all.get(&thread).cloned()),
        Err(_) => None,
    };
    // A thread that nobody follows any more: its frames are dropped.
    if let Some(route) = route {
        let _ = route.send(frame).await;
    }
}

fn thread_of(frame: &FromWorker) -> Option<ThreadId> {
    match frame {
        FromWorker::Hello(_) | FromWorker::Probed { .. } | FromWorker::ProbeEnded { .. } => None,
        FromWorker::ThreadReady { thread, .. }
        | FromWorker::TurnStarted { thread, .. }
        | FromWorker::Delta { thread, .. }
        | FromWorker::Tool { thread, .. }
        | FromWorker::PermissionAsk { thread, .. }
        | FromWorker::Usage { thread, .. }
        | FromWorker::Notice { thread, .. }
        | FromWorker::TurnEnded { thread, .. }
        | FromWorker::ThreadClosed { thread } => Some(*thread),
    }
}

#[cfg(test)]
mod tests;
