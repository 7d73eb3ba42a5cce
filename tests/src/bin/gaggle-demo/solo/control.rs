//! The supervisor's part in the demo without root: it answers at the control
//! socket and starts workers as the caller.
//!
//! Trust: whoever can reach the socket in the demo's private folder is the
//! caller.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use gaggle_ipc::codec::{self, MAX_REQUEST};
use gaggle_ipc::control::{ControlReply, ControlRequest, RefusalCode, WorkerExit};
use gaggle_ipc::launch::{ENV_AGENT_PREFIX, ENV_GOOSE, Profile};
use gaggle_ipc::{AccountName, WorkerId, seqpacket};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Running;
use super::ordinary::Ordinary;

/// How often ended workers are looked for, in milliseconds.
const TICK: u16 = 200;

/// How a worker is started.
pub(crate) struct Starter {
    pub(crate) ordinary: Ordinary,
    pub(crate) worker: PathBuf,
    pub(crate) goose: PathBuf,
    pub(crate) home: PathBuf,
    /// Lines of `goose.env`.
    pub(crate) provider: String,
}

/// The control server; it and its workers end when this is dropped.
pub(crate) struct Control {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    pub(crate) fn listen(folder: &Path, starter: Starter) -> Result<Self> {
        let listener = seqpacket::listen_at(&folder.join("control.sock"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut server = Server { starter, workers: Vec::new(), next: 1 };
            while !asked.load(Ordering::Relaxed) {
                if !ready(&listener) {
                    continue;
                }
                if let Ok(connection) = seqpacket::accept(&listener) {
                    server.serve(&connection, &asked);
                    // As root does: a lost frontend ends what was started on it.
                    server.workers.clear();
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Something can be read, now or within a tick.
fn ready(socket: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(TICK)).is_ok_and(|count| count > 0)
}

struct Server {
    starter: Starter,
    workers: Vec<(WorkerId, Running)>,
    next: u64,
}

impl Server {
    fn serve(&mut self, connection: &OwnedFd, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.report_ended(connection);
            if !ready(connection) {
                continue;
            }
            let packet = match seqpacket::receive(connection, MAX_REQUEST) {
                Err(Errno::EAGAIN) => continue,
                Ok(packet) if !packet.is_end() => packet,
                _ => return,
            };
            match codec::decode(&packet.bytes, MAX_REQUEST) {
                Ok(request) => self.answer(connection, request),
                Err(_) => return,
            }
        }
    }

    fn answer(&mut self, connection: &OwnedFd, request: ControlRequest) {
        match request {
            ControlRequest::Start { request, .. } => self.start(connection, request),
            ControlRequest::Stop { request, worker } => {
                self.workers.retain(|(known, _)| *known != worker);
                send(connection, &ControlReply::Stopping { request, worker }, None);
            }
            ControlRequest::List { request } => {
                let workers = self.workers.iter().map(|(id, _)| *id).collect();
                send(connection, &ControlReply::Workers { request, workers }, None);
            }
        }
    }

    fn start(&mut self, connection: &OwnedFd, request: u32) {
        let Ok((child, socket)) = self.starter.start() else {
            let refusal = RefusalCode::LaunchFailed.into();
            return send(connection, &ControlReply::Refused { request, refusal }, None);
        };
        let worker = WorkerId(self.next);
        self.next += 1;
        self.workers.push((worker, Running(child)));
        let name = self.starter.ordinary.name();
        let account = AccountName::new(&name).or_else(|_| AccountName::new("you"));
        let Ok(account) = account else { return };
        let profile = Profile::Workspace;
        let started = ControlReply::Started { request, worker, account, profile, shared: false };
        send(connection, &started, Some(&socket));
    }

    fn report_ended(&mut self, connection: &OwnedFd) {
        self.workers.retain_mut(|(worker, running)| match running.0.try_wait() {
            Ok(Some(status)) => {
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                let exit = WorkerExit::Status(code.unwrap_or(u8::MAX));
                send(connection, &ControlReply::Exited { worker: *worker, exit }, None);
                false
            }
            _ => true,
        });
    }
}

fn send(connection: &OwnedFd, reply: &ControlReply, fd: Option<&OwnedFd>) {
    // A frontend that is gone is noticed by the next receive.
    if let Ok(frame) = codec::encode(reply) {
        let _ = seqpacket::send(connection, &frame, fd);
    }
}

impl Starter {
    /// A worker, and the frontend's end of its session socket.
    fn start(&self) -> Result<(Child, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        // The worker expects the socket at 3; the shell moves it there.
        let mut command = self.ordinary.command(Path::new("/bin/sh"));
        command.args(["-c", "exec 3<&0 0</dev/null; exec \"$0\" unsupervised"]);
        command.arg(&self.worker).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("HOME", &self.home).env("USER", self.ordinary.name());
        command.env(ENV_GOOSE, &self.goose);
        for (name, value) in self.provider.lines().filter_map(|line| line.split_once('=')) {
            command.env(format!("{ENV_AGENT_PREFIX}{name}"), value);
        }
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).spawn();
        Ok((child.context("start gaggle-worker")?, ours))
    }
}
