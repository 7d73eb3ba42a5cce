//! The session with the frontend, from the first frame to the last.
//!
//! Reading is never held up by sending: frames out go through a queue of their
//! own. The end of the socket ends every Goose.
//!
//! Trust: the frontend speaks for one person; frames are decoded by `gaggle-ipc`
//! and the first that is not one ends the session.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use gaggle_ipc::Text;
use gaggle_ipc::channel::{ChannelError, WorkerEnd};
use gaggle_ipc::session::{FromWorker, Hello, Settings, ToWorker};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::acp::unknown::Unknown;
use crate::hint::Hints;
use crate::outbox::Outbox;
use crate::slots::Slots;
use crate::spare::{self, Spare};
use crate::spawner::Spawner;
use crate::stage::Shared;
use crate::start::Ready;
use crate::threads::{OutOfPlace, Threads};

/// How long the last frames may take to be read.
const LAST_FRAMES: Duration = Duration::from_secs(5);

/// Why a session ended otherwise than by its socket's end or a drain.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("the session socket failed: {0}")]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    OutOfPlace(#[from] OutOfPlace),
    #[error("the frontend does not read what is sent to it")]
    Stuck,
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[from] io::Error),
}

/// Serves until the session ends.
pub(crate) fn run(ready: Ready) -> ExitCode {
    match serve_in_runtime(ready) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_in_runtime(ready: Ready) -> Result<(), SessionError> {
    // One thread: a Landlock domain binds the thread that entered it and those
    // it starts, and state needs no locks.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(ready))
}

async fn serve(ready: Ready) -> Result<(), SessionError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let channel = WorkerEnd::new(ready.session)?;
    let hello = Hello {
        landlock_abi: ready.domain.abi,
        workspace: Text::lossy(&ready.environment.workspace().to_string_lossy()),
    };
    channel.send(&FromWorker::Hello(hello)).await?;
    let Some(settings) = first_frame(&channel, &mut terminate).await? else {
        return Ok(());
    };
    let shared = Rc::new(Shared {
        outbox: Outbox::default(),
        slots: Slots::new(ready.environment.max_goose),
        transfers: crate::files::transfers(),
        workspace: ready.environment.workspace(),
        spawner: Spawner::new(ready.programs, ready.supervision, ready.state, ready.tree),
        spare: Spare::default(),
        settings: Cell::new(settings),
        unknown: Unknown::default(),
        hints: Hints::new(&ready.environment, ready.domain),
    });
    relay(&channel, &shared, &mut terminate).await
}

/// Passes frames on in both directions until the session ends; then no Goose
/// is left.
async fn relay(
    channel: &WorkerEnd,
    shared: &Rc<Shared>,
    terminate: &mut Signal,
) -> Result<(), SessionError> {
    let mut threads = Threads::new(Rc::clone(shared));
    let mut sending = pin!(shared.outbox.send_all(channel));
    let mut sparing = pin!(spare::keep(shared));
    let result = loop {
        tokio::select! {
            frame = channel.receive() => match frame {
                Ok(Some(frame)) => threads.take(frame).await,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            },
            sent = &mut sending => break match sent {
                Err(error) if is_gone(&error) => Ok(()),
                sent => sent.map_err(SessionError::from),
            },
            never = &mut sparing => match never {},
            () = shared.outbox.stuck() => break Err(SessionError::Stuck),
            _ = terminate.recv() => threads.drain().await,
            () = threads.drained() => {
                shared.outbox.close();
                let _ = timeout(LAST_FRAMES, &mut sending).await;
                break Ok(());
            }
        }
    };
    threads.end().await;
    result
}

/// Sending may notice the end of the socket before receiving does.
fn is_gone(error: &ChannelError) -> bool {
    matches!(error, ChannelError::Io(error)
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset))
}

/// The settings; `None` if there is nothing to serve.
async fn first_frame(
    channel: &WorkerEnd,
    terminate: &mut Signal,
) -> Result<Option<Settings>, SessionError> {
    let frame = tokio::select! {
        frame = channel.receive() => frame?,
        _ = terminate.recv() => None,
    };
    match frame {
        Some(ToWorker::Configure(settings)) => Ok(Some(settings)),
        Some(_) => Err(OutOfPlace.into()),
        None => Ok(None),
    }
}
