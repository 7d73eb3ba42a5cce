//! Hears at once what happens in Mattermost, over a WebSocket that is kept up.
//!
//! Trust: what comes here hastens; it decides nothing. Whatever is lost, late or
//! twice is put right by reading the channels, which a new line, a gap in its
//! numbers or an overfull queue asks for at once. While there is no line, the
//! channels are read as often as the settings say.

mod event;
mod line;

use std::time::Duration;

use rand::RngExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::ingest::{Noticed, Wake};
use crate::mattermost::{self, Client, Post, Resume};

use line::{Broken, Line};

/// Words that wait to be taken in; more than a server keeps for a slow reader.
const WAITING: usize = 512;
/// Pauses before the line is tried again, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// A line that was up for so long was a good one.
const GOOD: Duration = Duration::from_secs(30);
/// A server that has no line for us is worth a word so often.
const LOG_AGAIN: Duration = Duration::from_secs(3600);

/// What a line tells.
#[derive(Debug)]
pub(crate) enum Said {
    /// Somebody wrote.
    Posted(Box<Post>),
    /// Something else.
    Noticed(Noticed),
}

/// What hears the line hears it by.
#[derive(Debug)]
pub(crate) struct Pushed {
    said: mpsc::Receiver<Said>,
    live: watch::Receiver<bool>,
}

impl Pushed {
    /// The next word. Waits forever when there will be none.
    pub(crate) async fn next(&mut self) -> Said {
        match self.said.recv().await {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }

    /// There is a line, and it misses nothing.
    pub(crate) fn is_live(&self) -> bool {
        *self.live.borrow()
    }
}

/// What keeps the line up.
#[derive(Debug)]
pub(crate) struct Push {
    client: Client,
    outlets: Outlets,
    resume: Option<Resume>,
    trouble: Trouble,
}

/// Where the line's news go.
#[derive(Debug)]
struct Outlets {
    said: mpsc::Sender<Said>,
    live: watch::Sender<bool>,
    wake: Wake,
}

impl Outlets {
    /// Hands a word over; a post that finds no room is found by reading.
    fn say(&self, said: Said) {
        if self.said.try_send(said).is_err() {
            self.wake.wake();
        }
    }

    /// Says whether there is a line. Either way the channels are read now: for
    /// what was missed before, or what would be missed from here on.
    fn live(&self, live: bool) {
        if self.live.send_replace(live) != live {
            self.wake.wake();
        }
    }
}

impl Push {
    /// A line to `client`'s server that wakes by `wake`, and says in `live`
    /// whether it is up.
    #[must_use]
    pub(crate) fn new(client: Client, wake: Wake, live: watch::Sender<bool>) -> (Self, Pushed) {
        let (said, heard) = mpsc::channel(WAITING);
        let watched = live.subscribe();
        let outlets = Outlets { said, live, wake };
        let push = Self { client, outlets, resume: None, trouble: Trouble::default() };
        (push, Pushed { said: heard, live: watched })
    }

    /// Keeps the line up, for ever.
    pub(crate) async fn run(mut self) {
        loop {
            let begun = Instant::now();
            let broken = self.hold().await;
            self.outlets.live(false);
            if begun.elapsed() >= GOOD {
                self.trouble.failures = 0;
            }
            sleep(self.trouble.pause(&broken)).await;
        }
    }

    /// Holds one line until it breaks.
    async fn hold(&mut self) -> Broken {
        let resume = self.resume.take();
        let socket = match self.client.websocket(resume).await {
            Ok(socket) => socket,
            Err(error) => return Broken::Refused(error),
        };
        let mut line = Line::new(socket, resume);
        let broken = loop {
            match line.next(&self.outlets).await {
                Ok(()) => self.trouble.over(),
                Err(broken) => break broken,
            }
        };
        self.resume = line.resume(&broken);
        broken
    }
}

/// How it goes with the line.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    logged: Option<Instant>,
    said_up: bool,
}

impl Trouble {
    /// It broke; how long to wait.
    fn pause(&mut self, broken: &Broken) -> Duration {
        self.failures = self.failures.saturating_add(1);
        // The first break of a line that was up mends itself in a second.
        let telling = self.failures > 1 || !self.said_up;
        if telling && self.logged.is_none_or(|at| at.elapsed() >= LOG_AGAIN) {
            self.logged = Some(Instant::now());
            self.said_up = false;
            tracing::warn!(error = %broken, "no WebSocket to Mattermost: looking for posts at each poll interval, and trying on");
        }
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(8) - 1);
        let longest = match broken {
            // A proxy or a server that has none will not have one soon.
            Broken::Refused(mattermost::Error::Unavailable { .. }) | Broken::Lost(_) => {
                LAST_PAUSE / 2
            }
            _ => LAST_PAUSE,
        };
        let pause = doubled.min(longest);
        // Not all at once, after a restart of the server.
        pause.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// It is up.
    fn over(&mut self) {
        if !self.said_up {
            self.said_up = true;
            self.logged = None;
            tracing::info!("told of posts at once, over Mattermost's WebSocket");
        }
    }
}
