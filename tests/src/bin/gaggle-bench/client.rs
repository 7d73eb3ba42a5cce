//! The timed part: a frontend that starts workers and waits for their first
//! word. It runs inside the lab as the frontend's account.
//!
//! Trust: both ends are this repository's; what is unexpected ends the run.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gaggle_ipc::codec::{Encode, MAX_FRAME, decode, encode};
use gaggle_ipc::control::{ControlReply, ControlRequest};
use gaggle_ipc::session::{FromWorker, Settings, ToWorker};
use gaggle_ipc::{MattermostUserId, WorkerId, seqpacket};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

/// Nothing takes longer, in milliseconds.
const PATIENCE: u16 = 30_000;

/// What the client is to do: one line on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The control socket.
    pub(crate) socket: PathBuf,
    /// The worker's program, to be started bare too.
    pub(crate) worker: PathBuf,
    /// Mattermost ids of the people.
    pub(crate) people: Vec<String>,
    /// Workers to start one after the other.
    pub(crate) starts: u32,
}

/// What it found: one line on its standard output.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Times {
    /// From before a bare `fork` and `exec` of the program until it ended.
    pub(crate) bare: Vec<Duration>,
    /// From a request until the worker's `Hello`.
    pub(crate) start: Vec<Duration>,
    /// The same when all people ask at once.
    pub(crate) together: Vec<Duration>,
    /// Refusals among those.
    pub(crate) refused: u32,
}

/// Does as it is told; at the end all people's workers run until standard input
/// ends.
pub(crate) fn run() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line).context("read the order")?;
    let control = Control(connect(&order.socket)?);
    let people: Vec<MattermostUserId> =
        order.people.iter().map(|id| MattermostUserId::new(id)).collect::<Result<_, _>>()?;
    let mut times = Times::default();
    // By turns, so that what else the machine does falls on both alike.
    for person in people.iter().cycle().take(order.starts as usize) {
        times.bare.push(bare(&order.worker)?);
        times.start.push(control.start_and_stop(*person)?);
    }
    let running = control.start_together(&people, &mut times)?;
    println!("{}", serde_json::to_string(&times)?);
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut line)?;
    drop(running);
    Ok(())
}

/// The lab's supervisor may still be taking its seat.
fn connect(path: &Path) -> Result<OwnedFd> {
    let socket = gaggle_tests::lab::wait::until(Duration::from_secs(10), || {
        seqpacket::connect_to(path).ok()
    });
    socket.with_context(|| format!("connect to {}", path.display()))
}

fn bare(program: &Path) -> Result<Duration> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.env_clear().status()?;
    ensure!(status.success(), "the bare program failed: {status}");
    Ok(began.elapsed())
}

struct Control(OwnedFd);

impl Control {
    /// One worker, from the request to its first word; gone when this returns.
    fn start_and_stop(&self, user: MattermostUserId) -> Result<Duration> {
        let began = Instant::now();
        send(&self.0, &ControlRequest::Start { request: 1, user })?;
        let (worker, session) = self.started()?;
        await_hello(&session)?;
        let took = began.elapsed();
        send(&self.0, &ControlRequest::Stop { request: 2, worker })?;
        loop {
            match self.reply()? {
                (ControlReply::Stopping { .. }, _) => {}
                (ControlReply::Exited { worker: gone, .. }, _) if gone == worker => {
                    return Ok(took);
                }
                (reply, _) => bail!("unexpected: {reply:?}"),
            }
        }
    }

    fn started(&self) -> Result<(WorkerId, OwnedFd)> {
        match self.reply()? {
            (ControlReply::Started { worker, .. }, Some(session)) => Ok((worker, session)),
            (reply, _) => bail!("not started: {reply:?}"),
        }
    }

    /// A worker for everybody; their sessions, which serve when this returns.
    fn start_together(
        &self,
        people: &[MattermostUserId],
        times: &mut Times,
    ) -> Result<Vec<OwnedFd>> {
        let began = Instant::now();
        for user in people {
            send(&self.0, &ControlRequest::Start { request: 3, user: *user })?;
        }
        let mut silent: Vec<OwnedFd> = Vec::new();
        let mut serving = Vec::new();
        let mut answered = 0;
        while answered < people.len() || !silent.is_empty() {
            let mut fds = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            fds.extend(silent.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            let ready = poll(&mut fds, PollTimeout::from(PATIENCE))?;
            ensure!(ready > 0, "{} workers never said Hello", silent.len());
            let mut any = fds.iter().map(|fd| fd.any().unwrap_or(true));
            let asked = any.next().unwrap_or(false);
            let speaking: Vec<bool> = any.collect();
            for (at, _) in speaking.iter().enumerate().rev().filter(|(_, speaks)| **speaks) {
                let session = silent.swap_remove(at);
                await_hello(&session)?;
                times.together.push(began.elapsed());
                serving.push(session);
            }
            if asked {
                answered += 1;
                match self.reply()? {
                    (ControlReply::Started { .. }, Some(session)) => silent.push(session),
                    (ControlReply::Refused { refusal, .. }, _) => {
                        eprintln!("refused: {refusal:?}");
                        times.refused += 1;
                    }
                    (reply, _) => bail!("unexpected: {reply:?}"),
                }
            }
        }
        for session in &serving {
            configure(session)?;
        }
        Ok(serving)
    }

    fn reply(&self) -> Result<(ControlReply, Option<OwnedFd>)> {
        wait_for(&self.0, PollFlags::POLLIN)?;
        let packet = seqpacket::receive_with_fd(&self.0, MAX_FRAME)?;
        ensure!(!packet.is_end(), "the supervisor hung up");
        Ok((decode(&packet.bytes, MAX_FRAME)?, packet.fds.into_iter().next()))
    }
}

fn await_hello(session: &OwnedFd) -> Result<()> {
    wait_for(session, PollFlags::POLLIN)?;
    let packet = seqpacket::receive(session, MAX_FRAME)?;
    ensure!(!packet.is_end(), "the worker ended before its first word");
    match decode(&packet.bytes, MAX_FRAME)? {
        FromWorker::Hello(_) => Ok(()),
        other => bail!("the worker's first word is {other:?}"),
    }
}

/// What makes it ready for a prompt, and as big as one that serves.
fn configure(session: &OwnedFd) -> Result<()> {
    let settings = Settings { inactivity_ms: 60_000, idle_ms: 60_000, spare: false };
    send(session, &ToWorker::Configure(settings))
}

fn send(socket: &OwnedFd, message: &impl Encode) -> Result<()> {
    let frame = encode(message)?;
    loop {
        match seqpacket::send(socket, &frame, None) {
            Err(Errno::EAGAIN) => wait_for(socket, PollFlags::POLLOUT)?,
            sent => return Ok(sent?),
        }
    }
}

fn wait_for(socket: &OwnedFd, what: PollFlags) -> Result<()> {
    let ready = poll(&mut [PollFd::new(socket.as_fd(), what)], PollTimeout::from(PATIENCE))?;
    ensure!(ready > 0, "nothing happened for {PATIENCE} ms");
    Ok(())
}
