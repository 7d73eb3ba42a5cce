//! A control socket that starts and stops workers of the test's own.

use std::os::fd::OwnedFd;

use gaggle_ipc::channel::WorkerEnd;
use gaggle_ipc::codec::{self, Encode};
use gaggle_ipc::control::{ControlReply, ControlRequest, StopReason};
use tempfile::TempDir;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::*;

/// Root, as far as workers are concerned.
pub(super) struct Root {
    pub(super) supervisor: Supervisor,
    /// The other end of each worker that was started.
    pub(super) started: mpsc::UnboundedReceiver<OwnedFd>,
    /// Each worker that was stopped.
    pub(super) stopped: mpsc::UnboundedReceiver<WorkerId>,
    _folder: TempDir,
}

impl Root {
    pub(super) fn listen() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let listener = seqpacket::listen_at(&path).unwrap();
        let listener = UnixListener::from_std(listener.into()).unwrap();
        let (starts, started) = mpsc::unbounded_channel();
        let (stops, stopped) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            while let Some(request) = receive(&socket).await {
                obey(&socket, request, &starts, &stops);
            }
        });
        Self { supervisor: Supervisor::connect(path), started, stopped, _folder: folder }
    }

    /// A worker that said hello, and its other end.
    pub(super) async fn worker(&mut self) -> (Arc<Worker>, WorkerEnd) {
        let (worker, socket) = self.socket().await;
        let end = WorkerEnd::new(socket).unwrap();
        assert_eq!(end.receive().await.unwrap(), Some(ToWorker::Configure(SETTINGS)));
        (worker, end)
    }

    /// As [`Root::worker`], with the bare socket.
    pub(super) async fn socket(&mut self) -> (Arc<Worker>, OwnedFd) {
        let user = MattermostUserId::new(&"a".repeat(26)).unwrap();
        let supervisor = self.supervisor.clone();
        let greets = async {
            let socket = self.started.recv().await.unwrap();
            seqpacket::send(&socket, &codec::encode(&hello()).unwrap(), None).unwrap();
            socket
        };
        let (worker, socket) = tokio::join!(Worker::start(&supervisor, user, SETTINGS), greets);
        (worker.unwrap(), socket)
    }
}

async fn receive(socket: &UnixStream) -> Option<ControlRequest> {
    let packet = socket.async_io(Interest::READABLE, || Ok(seqpacket::receive(socket, 512)?)).await;
    let packet = packet.ok().filter(|packet| !packet.is_end())?;
    Some(codec::decode(&packet.bytes, 512).unwrap())
}

fn obey(
    socket: &UnixStream,
    request: ControlRequest,
    starts: &mpsc::UnboundedSender<OwnedFd>,
    stops: &mpsc::UnboundedSender<WorkerId>,
) {
    match request {
        ControlRequest::Start { request, .. } => {
            let (frontends, workers) = seqpacket::pair().unwrap();
            let account = AccountName::new("alice").unwrap();
            let (worker, profile, shared) = (WorkerId(1), Profile::Workspace, false);
            let reply = ControlReply::Started { request, worker, account, profile, shared };
            let frame = codec::encode(&reply).unwrap();
            seqpacket::send(socket, &frame, Some(&frontends)).unwrap();
            starts.send(workers).unwrap();
        }
        ControlRequest::Stop { request, worker } => {
            say(socket, &ControlReply::Stopping { request, worker });
            let exit = WorkerExit::Stopped(StopReason::Requested);
            say(socket, &ControlReply::Exited { worker, exit });
            let _ = stops.send(worker);
        }
        ControlRequest::List { .. } => panic!("nobody lists"),
    }
}

fn say(socket: &UnixStream, reply: &impl Encode) {
    seqpacket::send(socket, &codec::encode(reply).unwrap(), None).unwrap();
}
