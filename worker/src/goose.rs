//! One running Goose: its lines in both directions, its last words, its end.
//!
//! Trust: none. Its output is always read and bounded; its end is brought
//! about by the cgroup, through a descriptor held since before it ran, or, where
//! there is no cgroup, by its process group.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use gaggle_ipc::ThreadId;
use gaggle_ipc::launch::LaunchStep;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::acp::message::{self, MAX_LINE, Message};
use crate::cgroup::Leaf;
use crate::spawner::{Own, Started};

/// Lines to Goose that may wait.
const INPUT_QUEUE: usize = 64;
/// Pieces of such a line that may wait.
const PIECES: usize = 2;
/// How much of standard error is kept, in bytes: what a failure's detail holds.
const LAST_WORDS: usize = 768;
/// How long a killed Goose may take to die.
const DEATH: Duration = Duration::from_secs(10);
/// How long output of a dead Goose may go on, if something holds its pipe.
const AFTERLIFE: Duration = Duration::from_secs(1);

/// A Goose process with its leaf. Dropping it kills all of it.
#[derive(Debug)]
pub(crate) struct Goose {
    child: Child,
    group: Option<Pid>,
    leaf: Option<Leaf>,
    // Wiped when the process is gone.
    own: Own,
    lines: Option<FramedRead<ChildStdout, LinesCodec>>,
    input: Option<mpsc::Sender<Line>>,
    last_words: Rc<RefCell<VecDeque<u8>>>,
    hearing: Option<JoinHandle<()>>,
    status: Option<ExitStatus>,
    died: Option<Instant>,
    next_id: u64,
}

/// A line on its way to Goose.
enum Line {
    Whole(String),
    /// As it comes; no other line goes in between.
    Pieces(mpsc::Receiver<String>),
}

/// What Goose does next.
#[derive(Debug)]
pub(crate) enum Event {
    /// It says something.
    Message(Message),
    /// It breaks the rules of lines and must be ended.
    Broken,
    /// It is gone, and all it said has been read.
    Ended,
}

impl Goose {
    /// Takes over a child that was just started.
    pub(crate) fn new(Started { mut child, leaf, own }: Started) -> Self {
        let last_words = Rc::new(RefCell::new(VecDeque::new()));
        let hearing = child.stderr.take().map(|stderr| {
            tokio::task::spawn_local(keep_last_words(stderr, Rc::clone(&last_words)))
        });
        let input = child.stdin.take().map(|stdin| {
            let (input, lines) = mpsc::channel(INPUT_QUEUE);
            tokio::task::spawn_local(write_lines(stdin, lines));
            input
        });
        let codec = LinesCodec::new_with_max_length(MAX_LINE);
        Self {
            lines: child.stdout.take().map(|stdout| FramedRead::new(stdout, codec)),
            group: child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw),
            child,
            leaf,
            own,
            input,
            last_words,
            hearing,
            status: None,
            died: None,
            next_id: 0,
        }
    }

    /// Tells its commands which thread they are of.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn serve(&self, thread: ThreadId) -> io::Result<()> {
        self.own.thread.as_ref().map_or(Ok(()), |file| file.say(thread))
    }

    /// Waits for the next event. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let Some(lines) = &mut self.lines else {
                self.learn_status().await;
                return Event::Ended;
            };
            let line = if let Some(died) = self.died {
                timeout_at(died + AFTERLIFE, lines.next()).await.unwrap_or(None)
            } else {
                tokio::select! {
                    biased;
                    line = lines.next() => line,
                    status = self.child.wait() => {
                        self.status = status.ok();
                        self.died = Some(Instant::now());
                        // Nothing of it may hold the pipe open; what it wrote stays readable.
                        self.kill();
                        continue;
                    }
                }
            };
            match line {
                Some(Ok(line)) => return Event::Message(Message::parse(&line)),
                Some(Err(_)) => {
                    self.lines = None;
                    return Event::Broken;
                }
                None => self.lines = None,
            }
        }
    }

    /// Output ends a moment before the process does; a Goose that only closed
    /// its output is killed for it.
    async fn learn_status(&mut self) {
        if self.status.is_none() {
            if let Ok(status) = timeout(AFTERLIFE, self.child.wait()).await {
                self.status = status.ok();
            }
            self.kill();
        }
        if let Some(hearing) = &mut self.hearing {
            let _ = timeout(AFTERLIFE, hearing).await;
            self.hearing = None;
        }
    }

    /// Sends a request and tells its number. A Goose that does not read its
    /// input gets nothing more; the caller's deadline ends it.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.next_id += 1;
        self.write(message::request(self.next_id, method, params));
        self.next_id
    }

    /// Sends a line that was made by [`message`].
    pub(crate) fn write(&self, line: String) {
        self.enqueue(Line::Whole(line));
    }

    /// Begins a request whose line comes in pieces, the first of which is there;
    /// tells its number. The line ends when the sender is gone.
    pub(crate) fn request_in_pieces(
        &mut self,
        first: impl FnOnce(u64) -> String,
    ) -> (u64, mpsc::Sender<String>) {
        self.next_id += 1;
        let (line, pieces) = mpsc::channel(PIECES);
        // There is room: nothing was put in yet.
        let _ = line.try_send(first(self.next_id));
        self.enqueue(Line::Pieces(pieces));
        (self.next_id, line)
    }

    fn enqueue(&self, line: Line) {
        let sent = self.input.as_ref().map(|input| input.try_send(line));
        if !matches!(sent, Some(Ok(()))) {
            tracing::warn!("Goose does not take its input");
        }
    }

    /// Kills Goose and everything it started. Does not wait.
    pub(crate) fn kill(&self) {
        match (&self.leaf, self.group) {
            (Some(leaf), _) => leaf.kill(),
            (None, Some(group)) => drop(killpg(group, Signal::SIGKILL)),
            (None, None) => {}
        }
    }

    /// Kills everything, waits for its end, and removes the leaf.
    pub(crate) async fn end(mut self) {
        self.kill();
        // A process that never reached its leaf is not killed by it.
        let _ = self.child.start_kill();
        if timeout(DEATH, self.child.wait()).await.is_err() {
            tracing::error!("a killed Goose does not end; the kernel holds it");
        }
        self.group = None;
        if let Some(leaf) = self.leaf.take() {
            leaf.end().await;
        }
    }

    /// The step at which the exec step gave up, if it was that.
    pub(crate) fn refused_step(&self) -> Option<LaunchStep> {
        let status = u8::try_from(self.status?.code()?).ok()?;
        LaunchStep::from_exit_status(status)
    }

    /// How it ended and what it last wrote to standard error, on one line.
    pub(crate) fn last_words(&self) -> String {
        let words: Vec<u8> = self.last_words.borrow().iter().copied().collect();
        let words = String::from_utf8_lossy(&words);
        let words: Vec<&str> = words.split_whitespace().collect();
        let status = self.status.map_or_else(|| "still running".to_owned(), |s| s.to_string());
        format!("{status}; {}", words.join(" "))
    }
}

impl Drop for Goose {
    fn drop(&mut self) {
        if self.leaf.is_some() || self.group.is_some() {
            self.kill();
        }
    }
}

async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Line>) {
    while let Some(line) = lines.recv().await {
        let written = match line {
            Line::Whole(line) => stdin.write_all(line.as_bytes()).await,
            Line::Pieces(pieces) => write_pieces(&mut stdin, pieces).await,
        };
        if written.is_err() {
            return;
        }
    }
}

async fn write_pieces(
    stdin: &mut ChildStdin,
    mut pieces: mpsc::Receiver<String>,
) -> io::Result<()> {
    while let Some(piece) = pieces.recv().await {
        stdin.write_all(piece.as_bytes()).await?;
    }
    Ok(())
}

/// Always read, so that a chatty Goose never waits; only the end is kept.
async fn keep_last_words(mut stderr: ChildStderr, kept: Rc<RefCell<VecDeque<u8>>>) {
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = kept.borrow_mut();
        kept.extend(buffer.iter().take(count));
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
}
