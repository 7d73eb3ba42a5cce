//! Asks the running supervisor.
//!
//! Trust: `admin.sock` stands in a root-owned folder; its peer must be root.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::seqpacket;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Places;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The supervisor's whole answer; `None` if none is running.
///
/// # Errors
/// If it runs but does not answer, or with what is no answer.
pub(crate) fn ask(
    places: &Places,
    request: &AdminRequest,
) -> anyhow::Result<Option<Vec<AdminReply>>> {
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
    seqpacket::send(&socket, &codec::encode(request)?, None).context("asking the supervisor")?;
    let deadline = Instant::now() + ANSWER_LIMIT;
    let mut replies = Vec::new();
    loop {
        match seqpacket::receive(&socket, MAX_FRAME) {
            Ok(packet) if packet.is_end() => {
                bail!("the supervisor closed the connection; see: journalctl -u gaggle-supervisor")
            }
            Ok(packet) => match codec::decode(&packet.bytes, MAX_FRAME)? {
                AdminReply::Done => return Ok(Some(replies)),
                AdminReply::Refused(why) => bail!("the supervisor refused: {}", why.code.name()),
                reply => replies.push(reply),
            },
            Err(Errno::EAGAIN) => wait(&socket, deadline)?,
            Err(errno) => bail!("{}: {}", path.display(), errno.desc()),
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
