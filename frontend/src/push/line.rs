//! One WebSocket, from its handshake until it breaks.
//!
//! Trust: a line counts as up from its `hello`, or, taken up again, from its
//! first sign of life: a server answers the handshake of a bad token too. The
//! numbers of events show what was missed.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message};

use super::event::{self, Event, Frame, Numbered};
use super::{Outlets, Said};
use crate::mattermost::{self, Resume, Socket};

/// A server drops a bad token after five seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line on which nothing was heard for so long is asked for an answer, which
/// also shows that the token was revoked: the line itself goes on.
const QUIET: Duration = Duration::from_secs(10);
/// What is asked, with a number of ours that means nothing.
const PING: &str = r#"{"seq":1,"action":"ping"}"#;

/// Why a line broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It never came to be.
    #[error(transparent)]
    Refused(#[from] mattermost::Error),
    /// The server said nothing at all.
    #[error("the server does not take the token, or is not Mattermost")]
    NoHello,
    /// Nothing was heard, although asked for.
    #[error("the line is silent")]
    Silent,
    /// The server does not answer to this token any more.
    #[error("the server refuses the session")]
    Denied,
    /// The server closed it, or the network did.
    #[error("the line was lost: {0}")]
    Lost(String),
}

/// An open line.
#[derive(Debug)]
pub(super) struct Line {
    socket: Socket,
    /// Where it is taken up again, once it was up.
    resume: Option<Resume>,
    /// Taken up again, without a sign of life so far.
    asked: bool,
    up: bool,
    opened: Instant,
}

impl Line {
    pub(super) fn new(socket: Socket, resume: Option<Resume>) -> Self {
        Self { socket, resume, asked: false, up: false, opened: Instant::now() }
    }

    /// Where the next line goes on. A server that has closed this one in
    /// displeasure, or an event that cannot be read, would meet us there again.
    pub(super) fn resume(&self, broken: &Broken) -> Option<Resume> {
        let lost = matches!(broken, Broken::Lost(_) | Broken::Silent);
        self.resume.filter(|_| self.up && lost)
    }

    /// Hears the next word, and passes on what it says.
    pub(super) async fn next(&mut self, outlets: &Outlets) -> Result<(), Broken> {
        loop {
            if let Some(heard) = self.hear().await? {
                self.take(heard, outlets)?;
            }
            if self.up {
                outlets.live(true);
                return Ok(());
            }
        }
    }

    /// The next frame; `None` for what is none of ours.
    async fn hear(&mut self) -> Result<Option<Numbered>, Broken> {
        let message = if self.up {
            match timeout(QUIET, self.socket.next()).await {
                Ok(message) => message,
                Err(_) => {
                    self.ask().await?;
                    timeout(PATIENCE, self.socket.next()).await.map_err(|_| Broken::Silent)?
                }
            }
        } else {
            // A line that is taken up again begins with what was missed; if that
            // is nothing, with nothing.
            if self.resume.is_some() && !std::mem::replace(&mut self.asked, true) {
                self.ask().await?;
            }
            let deadline = self.opened + PATIENCE;
            timeout_at(deadline, self.socket.next()).await.map_err(|_| Broken::NoHello)?
        };
        match message {
            Some(Ok(Message::Text(text))) => Ok(event::parse(text.as_str())),
            // Pings are answered by the library, with the next read.
            Some(Ok(Message::Close(_))) | None => Err(self.closed("closed by the server")),
            Some(Ok(_)) => Ok(None),
            Some(Err(tungstenite::Error::Capacity(_))) => Err(Broken::Refused(too_large())),
            Some(Err(error)) => Err(self.closed(&error.to_string())),
        }
    }

    async fn ask(&mut self) -> Result<(), Broken> {
        let asking = timeout(PATIENCE, self.socket.send(Message::text(PING))).await;
        match asking {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.closed(&error.to_string())),
            Err(_) => Err(Broken::Silent),
        }
    }

    fn closed(&self, cause: &str) -> Broken {
        if self.up { Broken::Lost(cause.to_owned()) } else { Broken::NoHello }
    }

    fn take(&mut self, heard: Numbered, outlets: &Outlets) -> Result<(), Broken> {
        match heard.frame {
            Frame::Hello(connection) => {
                // A line of its own, also when another was to be taken up again:
                // what happened before it is found by reading.
                self.resume = Some(Resume { connection, next: 1 });
                self.up = true;
                outlets.wake.wake();
                return Ok(());
            }
            Frame::Reply(true) => self.up |= self.resume.is_some(),
            Frame::Reply(false) => return Err(Broken::Denied),
            Frame::Event(event) => {
                self.up |= self.resume.is_some();
                self.count(heard.number, outlets);
                match event {
                    Event::Posted(post) => outlets.say(Said::Posted(post)),
                    Event::Noticed(noticed) => outlets.say(Said::Noticed(noticed)),
                    Event::Channels => outlets.wake.wake(),
                    Event::Other => {}
                }
            }
        }
        Ok(())
    }

    /// Notes which event it was, and asks for a look if one before it is missing.
    fn count(&mut self, number: Option<u64>, outlets: &Outlets) {
        let (Some(number), Some(resume)) = (number, &mut self.resume) else {
            return;
        };
        if number > resume.next {
            tracing::debug!(missing = number - resume.next, "events are missing");
            outlets.wake.wake();
        }
        resume.next = resume.next.max(number.saturating_add(1));
    }
}

fn too_large() -> mattermost::Error {
    mattermost::Error::Malformed { what: "an event larger than any post".to_owned() }
}
