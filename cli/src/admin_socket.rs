//! Asks the running supervisor.
//!
//! Trust: `admin.sock` stands in a root-owned folder; its peer must be root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::control::Refusal;
use gaggle_ipc::seqpacket;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Places;

/// A start of a worker may take as long as the supervisor lets it.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// A connection to the supervisor, for one question after the other.
#[derive(Debug)]
pub(crate) struct Supervisor {
    socket: OwnedFd,
    path: PathBuf,
}

/// A whole answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// All replies before the end.
    pub(crate) replies: Vec<AdminReply>,
    /// The descriptor that came with one of them.
    pub(crate) descriptor: Option<OwnedFd>,
    /// It was refused; why.
    pub(crate) refusal: Option<Refusal>,
}

/// The supervisor's whole answer; `None` if none is running.
///
/// # Errors
/// If it runs but does not answer, with what is no answer, or with a refusal.
pub(crate) fn ask(
    places: &Places,
    request: &AdminRequest,
) -> anyhow::Result<Option<Vec<AdminReply>>> {
    let Some(supervisor) = Supervisor::find(places)? else { return Ok(None) };
    let Some(answer) = supervisor.try_ask(request)? else { return Ok(None) };
    match answer.refusal {
        Some(why) => bail!("the supervisor refused: {}", why.code.name()),
        None => Ok(Some(answer.replies)),
    }
}

impl Supervisor {
    /// Connects; `None` if none is running.
    ///
    /// # Errors
    /// If it may not be asked, or is not root.
    pub(crate) fn find(places: &Places) -> anyhow::Result<Option<Self>> {
        let path = places.runtime_dir.join("admin.sock");
        let socket = match seqpacket::connect_to(&path) {
            Ok(socket) => socket,
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(None),
            Err(Errno::EACCES) => bail!("{}: only root may ask; use sudo", path.display()),
            Err(errno) => bail!("{}: {}", path.display(), errno.desc()),
        };
        if seqpacket::peer_uid(&socket)? != 0 {
            bail!("{}: the one who listens there is not root", path.display());
        }
        Ok(Some(Self { socket, path }))
    }

    /// Asks and waits for the end of the answer.
    ///
    /// # Errors
    /// If there is none, or it is no answer.
    pub(crate) fn ask(&self, request: &AdminRequest) -> anyhow::Result<Answer> {
        self.try_ask(request)?.context(
            "the supervisor closed the connection without a word; see: journalctl -u gaggle-supervisor -n 20",
        )
    }

    /// As [`Supervisor::ask`]; `None` if nobody took the question: systemd holds
    /// the socket open for a supervisor that does not stay.
    ///
    /// # Errors
    /// As there.
    fn try_ask(&self, request: &AdminRequest) -> anyhow::Result<Option<Answer>> {
        let question = codec::encode(request)?;
        match seqpacket::send(&self.socket, &question, None) {
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(None),
            sent => sent.context("asking the supervisor")?,
        }
        let deadline = Instant::now() + ANSWER_LIMIT;
        let mut answer = Answer::default();
        loop {
            match seqpacket::receive_with_fd(&self.socket, MAX_FRAME) {
                Ok(packet) if packet.is_end() => return Ok(None),
                Ok(mut packet) => {
                    answer.descriptor = answer.descriptor.or(packet.fds.pop());
                    match codec::decode(&packet.bytes, MAX_FRAME)? {
                        AdminReply::Done => return Ok(Some(answer)),
                        AdminReply::Refused(why) => answer.refusal = Some(why),
                        reply => answer.replies.push(reply),
                    }
                }
                Err(Errno::EAGAIN) => wait(&self.socket, deadline)?,
                Err(Errno::ECONNRESET) => return Ok(None),
                Err(errno) => bail!("{}: {}", self.path.display(), errno.desc()),
            }
        }
    }
}

fn wait(socket: &impl AsFd, deadline: Instant) -> anyhow::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match poll(&mut polled, PollTimeout::try_from(left)?) {
        Ok(0) => bail!("the supervisor does not answer; see: systemctl status gaggle-supervisor"),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
