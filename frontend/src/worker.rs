//! One person's worker, seen from here.
//!
//! Trust: root made the session socket for this person alone, so whatever
//! arrives on it is theirs, and only theirs. Texts are the agent's. A frame that
//! is none ends the worker.

mod files;
mod pool;
mod reading;
mod routes;
mod turns;

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gaggle_ipc::channel::{ChannelError, FrontendEnd};
use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::launch::Profile;
use gaggle_ipc::session::{FromWorker, Settings, ToWorker};
use gaggle_ipc::{AccountName, MattermostUserId, ThreadId, TurnId, WorkerId};
use tokio::sync::{Notify, watch};

use crate::supervisor::{StartError, Started, Supervisor};
use files::Files;
use reading::Reading;
use routes::Routes;
use turns::Turns;

pub use files::FileRoute;
pub use pool::Workers;
pub use routes::Route;

/// How long a worker may take until its first word.
const HELLO_DEADLINE: Duration = Duration::from_secs(20);
/// How long root may take to say how a worker ended.
const EXIT_DEADLINE: Duration = Duration::from_secs(3);
/// How long a worker may leave what is sent to it unread. It reads whatever it
/// is busy with, so one that does not is stopped or frozen.
const SEND_LIMIT: Duration = Duration::from_secs(10);

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
    /// Held by who reads it, so that it closes when the worker is gone: whoever
    /// else has the other end then has nothing.
    channel: Weak<FrontendEnd>,
    routes: Arc<Routes>,
    turns: Arc<Turns>,
    files: Arc<Files>,
    deaf: Arc<Notify>,
    end: watch::Receiver<Option<End>>,
}

/// How a worker ended: `None` inside if root did not say.
type End = Option<WorkerExit>;

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
        let unserved = Unserved { supervisor, worker, greeted: false };
        let greeting = tokio::time::timeout(HELLO_DEADLINE, greet(&mut started, settings)).await;
        let (channel, workspace) = greeting.map_err(|_| WorkerError::Silent)??;
        unserved.served();
        Ok(Arc::new(Self::attend(supervisor, started, channel, workspace)))
    }

    fn attend(
        supervisor: &Supervisor,
        started: Started,
        channel: FrontendEnd,
        workspace: String,
    ) -> Self {
        let channel = Arc::new(channel);
        let sending = Arc::downgrade(&channel);
        let (routes, turns) = (Arc::new(Routes::new()), Arc::new(Turns::new()));
        let files = Arc::new(Files::new());
        let (deaf, (told, end)) = (Arc::new(Notify::new()), watch::channel(None));
        let reading = Reading {
            worker: started.worker,
            supervisor: supervisor.clone(),
            channel,
            routes: routes.clone(),
            turns: turns.clone(),
            files: files.clone(),
            deaf: deaf.clone(),
        };
        tokio::spawn(reading.run(started.exit, told));
        Self {
            id: started.worker,
            account: started.account,
            profile: started.profile,
            shared: started.shared,
            workspace,
            channel: sending,
            routes,
            turns,
            files,
            deaf,
            end,
        }
    }

    /// Sends one message, waiting for room, at most 10 s. A worker that makes no
    /// room in that time is given up.
    ///
    /// # Errors
    /// [`ChannelError`]: the worker is gone, and did not get this message.
    pub async fn send(&self, message: &ToWorker) -> Result<(), ChannelError> {
        if let ToWorker::Prompt { thread, turn, .. } = message {
            // Before it is sent: the answer may be faster than we are.
            self.turns.give(*thread, *turn);
        }
        let gone = || ChannelError::Io(io::ErrorKind::BrokenPipe.into());
        let channel = self.channel.upgrade().ok_or_else(gone)?;
        match tokio::time::timeout(SEND_LIMIT, channel.send(message)).await {
            Ok(sent) => sent,
            Err(_) => {
                self.routes.close();
                self.files.close();
                self.deaf.notify_one();
                Err(ChannelError::Io(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// From now on the frames of `thread` arrive in the route; `None` if the
    /// worker is gone.
    #[must_use]
    pub fn route(self: &Arc<Self>, thread: ThreadId) -> Option<Route> {
        Route::open(self, thread)
    }

    /// Files of `thread` can be brought and fetched by the route, under the number
    /// `turn`, which is given once; `None` if the worker is gone.
    #[must_use]
    pub fn files(self: &Arc<Self>, thread: ThreadId, turn: TurnId) -> Option<FileRoute> {
        FileRoute::open(self, thread, turn)
    }

    /// It was there when last heard of.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.routes.are_open()
    }

    /// Whether root has said, or will say within `limit`, that it ended.
    async fn gone_within(&self, limit: Duration) -> bool {
        let mut end = self.end.clone();
        let gone = tokio::time::timeout(limit, end.wait_for(Option::is_some)).await;
        gone.is_ok_and(|gone| gone.is_ok())
    }

    /// How it ended. Waits for that, but not longer than root may take to tell.
    pub async fn end(&self) -> Option<WorkerExit> {
        let mut end = self.end.clone();
        let known = tokio::time::timeout(EXIT_DEADLINE, end.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.flatten()
    }
}

/// A worker that has not said hello. Dropped, it is stopped: one that does as
/// it likes does not end by itself, whether it failed or nobody waits any more.
struct Unserved<'a> {
    supervisor: &'a Supervisor,
    worker: WorkerId,
    greeted: bool,
}

impl Unserved<'_> {
    fn served(mut self) {
        self.greeted = true;
    }
}

impl Drop for Unserved<'_> {
    fn drop(&mut self) {
        if !self.greeted {
            let (supervisor, worker) = (self.supervisor.clone(), self.worker);
            tokio::spawn(async move { supervisor.stop(worker).await });
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
    let first = tokio::select! {
        biased;
        first = channel.receive() => first,
        // Its socket may outlive it, in other hands.
        exit = &mut started.exit => return Err(WorkerError::Ended(exit.ok())),
    };
    match first {
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

#[cfg(test)]
mod tests;
