//! One connection to the control socket after the other.
//!
//! Trust: as the module above. Replies are matched by the request number that
//! we chose; one that matches nothing is dropped, with its descriptor.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaggle_ipc::WorkerId;
use gaggle_ipc::codec::{self, FrameError};
use gaggle_ipc::control::{Closing, ControlReply, ControlRequest, WorkerExit};
use gaggle_ipc::seqpacket;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::{Ask, StartError, Started, Trouble};

/// Largest reply, in bytes.
const MAX_REPLY: usize = 4096;
/// Most starts without an answer yet.
const MAX_PENDING: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Serves `asks` until nobody can ask any more.
pub(super) async fn run(path: PathBuf, mut asks: mpsc::Receiver<Ask>, trouble: Trouble) {
    let mut pause = FIRST_PAUSE;
    while !asks.is_closed() {
        let error = match Connection::open(&path) {
            Ok(mut connection) => {
                set(&trouble, None);
                tracing::info!("connected to the supervisor");
                let Some(error) = connection.serve(&mut asks).await else {
                    return;
                };
                // One that took requests is worth an early new try.
                if connection.next > 0 {
                    pause = FIRST_PAUSE;
                }
                connection.end(error);
                error
            }
            Err(error) => {
                tracing::debug!(%error, "the control socket does not answer");
                StartError::Unreachable
            }
        };
        if set(&trouble, Some(error)) {
            tracing::warn!(%error, path = %path.display(), "no connection to the supervisor");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Notes the trouble; whether it is a new one.
fn set(trouble: &Trouble, now: Option<StartError>) -> bool {
    let Ok(mut known) = trouble.lock() else {
        return false;
    };
    let new = *known != now;
    *known = now;
    new
}

struct Connection {
    socket: UnixStream,
    next: u32,
    pending: HashMap<u32, oneshot::Sender<Result<Started, StartError>>>,
    exits: HashMap<WorkerId, oneshot::Sender<WorkerExit>>,
    /// Workers that we have lost.
    lost: HashSet<WorkerId>,
    /// Those of them that are to be stopped.
    unwanted: Vec<WorkerId>,
}

impl Connection {
    fn open(path: &Path) -> io::Result<Self> {
        let socket = seqpacket::connect_to(path)?;
        Ok(Self {
            socket: UnixStream::from_std(socket.into())?,
            next: 0,
            pending: HashMap::new(),
            exits: HashMap::new(),
            lost: HashSet::new(),
            unwanted: Vec::new(),
        })
    }

    /// Serves until the connection ends; `None` if nobody can ask any more.
    async fn serve(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Option<StartError> {
        loop {
            while let Some(worker) = self.unwanted.pop() {
                if let Err(error) = self.ask(Ask::Stop { worker }).await {
                    return Some(error);
                }
            }
            let room = self.pending.len() < MAX_PENDING;
            let ended = tokio::select! {
                ask = asks.recv(), if room => match ask {
                    None => return None,
                    Some(ask) => self.ask(ask).await,
                },
                packet = receive(&self.socket) => self.take(packet),
            };
            if let Err(error) = ended {
                return Some(error);
            }
        }
    }

    /// Tells those who wait why they get no answer.
    fn end(self, error: StartError) {
        for reply in self.pending.into_values() {
            let _ = reply.send(Err(error));
        }
    }

    async fn ask(&mut self, ask: Ask) -> Result<(), StartError> {
        self.next = self.next.wrapping_add(1);
        let request = self.next;
        let message = match ask {
            // Whoever asked has given up meanwhile.
            Ask::Start { reply, .. } if reply.is_closed() => return Ok(()),
            Ask::Start { user, reply } => {
                self.pending.insert(request, reply);
                ControlRequest::Start { request, user }
            }
            // Of an earlier connection: its worker is gone, and another
            // supervisor may have given the number to somebody else.
            Ask::Stop { worker } if !self.knows(worker) => return Ok(()),
            Ask::Stop { worker } => ControlRequest::Stop { request, worker },
        };
        let frame = codec::encode(&message).map_err(|_| StartError::Unreachable)?;
        self.socket
            .async_io(Interest::WRITABLE, || {
                seqpacket::send(&self.socket, &frame, None).map_err(io::Error::from)
            })
            .await
            .map_err(|_| StartError::Unreachable)
    }

    fn knows(&self, worker: WorkerId) -> bool {
        self.exits.contains_key(&worker) || self.lost.contains(&worker)
    }

    fn take(&mut self, packet: io::Result<seqpacket::Packet>) -> Result<(), StartError> {
        let mut packet = packet.map_err(|_| StartError::Unreachable)?;
        if packet.is_end() {
            return Err(StartError::Unreachable);
        }
        let reply = codec::decode(&packet.bytes, MAX_REPLY).map_err(|error| match error {
            FrameError::Version(theirs) => StartError::Version(theirs),
            _ => StartError::Unreachable,
        })?;
        self.reply(reply, packet.fds.pop())
    }

    fn reply(&mut self, reply: ControlReply, fd: Option<OwnedFd>) -> Result<(), StartError> {
        match reply {
            ControlReply::Started { request, worker, account, profile, shared } => {
                let socket = fd.ok_or(StartError::Unreachable)?;
                let (told, exit) = oneshot::channel();
                self.exits.insert(worker, told);
                let started = Started { worker, account, profile, shared, socket, exit };
                self.answer(request, Ok(started));
            }
            ControlReply::Running { request, worker } => {
                self.lost.insert(worker);
                self.answer(request, Err(StartError::Running(worker)));
            }
            ControlReply::Refused { request, refusal } => {
                self.answer(request, Err(StartError::Refused(refusal)));
            }
            ControlReply::Exited { worker, exit } => {
                self.lost.remove(&worker);
                if let Some(told) = self.exits.remove(&worker) {
                    let _ = told.send(exit);
                }
            }
            ControlReply::Closing { reason } => {
                return Err(match reason {
                    Closing::Version(theirs) => StartError::Version(theirs),
                    Closing::ShuttingDown => StartError::Unreachable,
                    other => StartError::Closed(other),
                });
            }
            ControlReply::Stopping { .. } | ControlReply::Workers { .. } => {}
        }
        Ok(())
    }

    fn answer(&mut self, request: u32, answer: Result<Started, StartError>) {
        let unheard = match self.pending.remove(&request) {
            Some(reply) => reply.send(answer).err(),
            None => Some(answer),
        };
        // Whoever asked has given up. Its socket closes here, but a worker that
        // does as it likes does not end with that.
        if let Some(Ok(started)) = unheard {
            self.unwanted.push(started.worker);
        }
    }
}

async fn receive(socket: &UnixStream) -> io::Result<seqpacket::Packet> {
    socket
        .async_io(Interest::READABLE, || {
            seqpacket::receive_with_fd(socket, MAX_REPLY).map_err(io::Error::from)
        })
        .await
}
