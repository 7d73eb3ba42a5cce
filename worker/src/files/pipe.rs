//! The worker's side of a process that opens a file.
//!
//! Trust: what it says is bounded in size and time, and no more is believed of it
//! than of an agent.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use gaggle_ipc::ThreadId;
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal};
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::session::GooseMode;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::exec_agent::Program;
use crate::spawner::Started;
use crate::stage::Shared;

/// How long it may take for one step.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one that is done may take to end.
const DEATH: Duration = Duration::from_secs(2);

/// A running one.
pub(super) struct Pipe {
    started: Started,
    input: FramedWrite<ChildStdin, LengthDelimitedCodec>,
    output: FramedRead<ChildStdout, LengthDelimitedCodec>,
}

fn frames() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().little_endian().max_frame_length(MAX_FRAME).new_codec()
}

impl Pipe {
    /// Starts one for `thread`.
    pub(super) fn open(shared: &Shared, thread: ThreadId) -> Result<Self, FileRefusal> {
        let mode = GooseMode::Approve;
        let started = shared.spawner.start(Program::Transfer(thread), mode);
        let mut started = started.map_err(|error| {
            tracing::error!("no process to open a file: {error}");
            FileRefusal::Sandbox
        })?;
        let stdio = (started.child.stdin.take(), started.child.stdout.take());
        let (Some(input), Some(output)) = stdio else { return Err(FileRefusal::Sandbox) };
        Ok(Self {
            started,
            input: FramedWrite::new(input, frames()),
            output: FramedRead::new(output, frames()),
        })
    }

    /// Passes an order on, waiting for room.
    pub(super) async fn say(&mut self, order: &FileOrder) -> Result<(), FileRefusal> {
        let frame = codec::encode(order).map_err(|_| FileRefusal::BadName)?;
        match timeout(PATIENCE, self.input.send(frame.as_slice())).await {
            Ok(Ok(())) => Ok(()),
            // It has said why, or will by its exit.
            Ok(Err(_)) => Err(self.last_word().await),
            Err(_) => Err(hung()),
        }
    }

    /// The next news, which are owed. Safe to cancel.
    pub(super) async fn hear(&mut self) -> Result<FileNews, FileRefusal> {
        timeout(PATIENCE, self.next()).await.unwrap_or_else(|_| Err(hung()))
    }

    /// The next news; if none are `owed`, whenever they come. Safe to cancel.
    pub(super) async fn hear_if(&mut self, owed: bool) -> Result<FileNews, FileRefusal> {
        if owed { self.hear().await } else { self.next().await }
    }

    async fn next(&mut self) -> Result<FileNews, FileRefusal> {
        match self.output.next().await {
            Some(Ok(frame)) => codec::decode(&frame, MAX_FRAME).map_err(|_| FileRefusal::Sandbox),
            _ => Err(self.status().await),
        }
    }

    /// The refusal it ended with.
    async fn last_word(&mut self) -> FileRefusal {
        loop {
            match self.hear().await {
                Ok(FileNews::Refused(why)) | Err(why) => return why,
                Ok(_) => {}
            }
        }
    }

    /// It ended without one.
    async fn status(&mut self) -> FileRefusal {
        if let Ok(Ok(status)) = timeout(DEATH, self.started.child.wait()).await {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            let step = code.and_then(LaunchStep::from_exit_status);
            let how =
                step.map_or_else(|| status.to_string(), |step| format!("{} failed", step.name()));
            tracing::error!("what opens a file ended: {how}");
        }
        FileRefusal::Sandbox
    }

    /// Ends it: by itself first, for what it may still have to remove.
    pub(super) async fn close(self) {
        let Self { started, input, output } = self;
        drop((input, output));
        let Started { mut child, leaf, own } = started;
        let _ = timeout(DEATH, child.wait()).await;
        let _ = child.start_kill();
        if let Some(leaf) = leaf {
            leaf.end().await;
        } else {
            let _ = timeout(DEATH, child.wait()).await;
        }
        drop(own);
    }
}

fn hung() -> FileRefusal {
    tracing::error!("what opens a file does not go on and is ended");
    FileRefusal::Sandbox
}
