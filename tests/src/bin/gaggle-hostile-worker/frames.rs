//! What a worker taken over says on its session socket.
//!
//! Trust: as in the module above.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::launch::SESSION_FD;
use gaggle_ipc::session::{
    DeltaKind, Failure, FailureKind, FromWorker, Hello, Part, ToWorker, ToolState, TurnEnd,
};
use gaggle_ipc::{Text, ThreadId, TurnId, fds, seqpacket};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// Its end of the session.
pub(crate) struct Session {
    socket: OwnedFd,
    /// What its frames are about.
    thread: ThreadId,
    turn: TurnId,
    /// The turn it was given last.
    given: (ThreadId, TurnId),
}

impl Session {
    pub(crate) fn inherited() -> Result<Self> {
        let socket = fds::adopt_inherited(SESSION_FD)?;
        let thread = ThreadId::new(&"a".repeat(26))?;
        let turn = TurnId(0);
        Ok(Self { socket, thread, turn, given: (thread, turn) })
    }

    fn wait_for(&self, what: PollFlags) -> Result<()> {
        poll(&mut [PollFd::new(self.socket.as_fd(), what)], PollTimeout::NONE)?;
        Ok(())
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        loop {
            match seqpacket::send(&self.socket, bytes, None) {
                Err(Errno::EAGAIN) => self.wait_for(PollFlags::POLLOUT)?,
                sent => return Ok(sent?),
            }
        }
    }

    fn send(&self, frame: &FromWorker) -> Result<()> {
        self.send_bytes(&codec::encode(frame)?)
    }

    /// Reads until a turn is given.
    fn await_turn(&mut self) -> Result<()> {
        loop {
            if let ToWorker::Prompt { thread, turn, .. } = self.receive()? {
                self.given = (thread, turn);
                (self.thread, self.turn) = self.given;
                return Ok(());
            }
        }
    }

    fn receive(&self) -> Result<ToWorker> {
        self.wait_for(PollFlags::POLLIN)?;
        let packet = seqpacket::receive(&self.socket, MAX_FRAME)?;
        if packet.is_end() {
            bail!("the session ended");
        }
        Ok(codec::decode(&packet.bytes, MAX_FRAME)?)
    }

    fn delta(&self, kind: DeltaKind, text: &str) -> FromWorker {
        let (thread, turn) = (self.thread, self.turn);
        FromWorker::Delta { thread, turn, kind, text: Text::lossy(text) }
    }

    fn tool(&self, call: u32, title: &str) -> FromWorker {
        let (thread, turn, state) = (self.thread, self.turn, ToolState::Completed);
        let (name, title, detail) = (Text::lossy("shell"), Text::lossy(title), Text::lossy(title));
        FromWorker::Tool { thread, turn, call, state, name, title, detail }
    }

    fn ask(&self, ask: u32, title: &str) -> FromWorker {
        let (thread, turn) = (self.thread, self.turn);
        let (name, title, detail) = (Text::lossy("shell"), Text::lossy(title), Text::lossy(title));
        FromWorker::PermissionAsk { thread, turn, ask, name, title, detail }
    }

    fn end(&self, end: TurnEnd) -> FromWorker {
        FromWorker::TurnEnded { thread: self.thread, turn: self.turn, end }
    }
}

pub(crate) fn act(session: &mut Session, verb: &str, rest: &str) -> Option<Result<String>> {
    let done = match verb {
        "hello" => session.send(&hello()),
        "await" => session.await_turn(),
        "begin" => {
            let (thread, turn) = (session.thread, session.turn);
            session.send(&FromWorker::TurnStarted { thread, turn })
        }
        "say" => session.send(&session.delta(DeltaKind::Answer, rest)),
        "think" => session.send(&session.delta(DeltaKind::Thought, rest)),
        "note" => session.send(&note(session, rest)),
        "tool" => session.send(&session.tool(1, rest)),
        "ask" => session.send(&session.ask(1, rest)),
        "end" => session.send(&session.end(TurnEnd::Complete)),
        "fail" => session.send(&session.end(failed(rest))),
        "turn" => shift_turn(session, rest),
        "own" => {
            (session.thread, session.turn) = session.given;
            Ok(())
        }
        "thread" => move_to(session, rest),
        "reply" => return Some(reply(session)),
        "hand" => hand(session, rest),
        "gifts" => gifts(session, rest),
        "flood" => return Some(flood(session, rest)),
        _ => return Some(malformed(session, verb, rest)?.map(|()| String::new())),
    };
    Some(done.map(|()| String::new()))
}

fn hello() -> FromWorker {
    FromWorker::Hello(Hello { landlock_abi: 7, workspace: Text::lossy("/tmp") })
}

fn note(session: &Session, text: &str) -> FromWorker {
    FromWorker::Notice { thread: session.thread, turn: session.turn, text: Text::lossy(text) }
}

fn failed(detail: &str) -> TurnEnd {
    let detail = Text::lossy(&detail.replace("\\n", "\n").replace("\\e", "\x1b"));
    TurnEnd::Failed(Failure { kind: FailureKind::Protocol, detail, may_have_acted: true })
}

/// From now on frames are about another turn.
fn shift_turn(session: &mut Session, by: &str) -> Result<()> {
    let by: i64 = by.parse()?;
    session.turn = TurnId(session.turn.0.wrapping_add_signed(by));
    Ok(())
}

/// From now on frames are about another thread.
fn move_to(session: &mut Session, thread: &str) -> Result<()> {
    session.thread = ThreadId::new(thread)?;
    Ok(())
}

/// What the frontend says next.
fn reply(session: &Session) -> Result<String> {
    Ok(format!("{:?}\n", session.receive()?))
}

/// Gives its end of the session to whoever listens at a path.
fn hand(session: &Session, path: &str) -> Result<()> {
    let taker = seqpacket::connect_to(Path::new(path))?;
    Ok(seqpacket::send(&taker, b"session", Some(&session.socket))?)
}

/// Sends a frame with descriptors attached, so often.
fn gifts(session: &Session, times: &str) -> Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    let numbers = [null.as_raw_fd(); 50];
    let frame = codec::encode(&session.delta(DeltaKind::Answer, "gift "))?;
    for _ in 0..times.parse::<u32>()? {
        session.wait_for(PollFlags::POLLOUT)?;
        let rights = [ControlMessage::ScmRights(&numbers)];
        let (socket, bytes) = (session.socket.as_raw_fd(), [IoSlice::new(&frame)]);
        sendmsg::<()>(socket, &bytes, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    }
    Ok(())
}

/// Sends frames until so many were sent or nobody takes them; how many that were.
fn flood(session: &Session, words: &str) -> Result<String> {
    let (kind, count) = words.split_once(' ').context("KIND COUNT")?;
    let frame = codec::encode(&match kind {
        "tiny" => session.delta(DeltaKind::Answer, "."),
        "large" => session.delta(DeltaKind::Answer, &"x".repeat(Part::MAX)),
        // What costs most to be made harmless.
        "images" => session.delta(DeltaKind::Answer, &"![a](b)".repeat(Part::MAX / 7)),
        "usage" => FromWorker::Usage { thread: session.thread, used: 1, size: 2 },
        "tool" => session.tool(1, &"x".repeat(500)),
        "stray" => FromWorker::TurnStarted { thread: session.thread, turn: TurnId(u64::MAX) },
        other => bail!("no such flood: {other}"),
    })?;
    let mut sent = 0_u64;
    while sent < count.parse()? && session.send_bytes(&frame).is_ok() {
        sent += 1;
    }
    Ok(format!("sent {sent}\n"))
}

/// Packets that are no frames, or nearly.
fn malformed(session: &Session, verb: &str, rest: &str) -> Option<Result<()>> {
    let mut frame = codec::encode(&session.delta(DeltaKind::Answer, "attack")).ok()?;
    let text = frame.len() - "attack".len();
    match verb {
        "prefix" => frame = vec![0xff; 4],
        "half" => frame.truncate(frame.len() / 2),
        "empty" => frame.clear(),
        "trailing" => frame.push(0),
        // Eight bytes of length stand before the text.
        "lie" => frame.get_mut(text - 8..text)?.fill(0xff),
        "variant" => *frame.get_mut(1)? = 0xee,
        "version" => *frame.first_mut()? = codec::VERSION + 1,
        "not-utf8" => frame.get_mut(text..)?.fill(0xff),
        "nul" => frame.get_mut(text..)?.fill(0),
        "oversize" => frame = vec![codec::VERSION; rest.parse().ok()?],
        _ => return None,
    }
    Some(session.send_bytes(&frame))
}
