//! How far a message has come when something is killed, and what holds it there.
//!
//! Trust: none; that a state is reached is seen in the ledger, in posts, in what
//! the LLM was asked and in files, never guessed from a time.

use std::fs;

use anyhow::{Context, Result};
use gaggle_tests::lab::Which;
use gaggle_tests::llm::Outcome;
use gaggle_tests::mattermost::{Body, Fault, Requests, When};

use crate::ledger;
use crate::seen::Seen;
use crate::victim::{Victim, freeze};
use crate::world::{Asked, Kind, World};

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It stands in Mattermost, and the frontend has not read it.
    Unread,
    /// It has its row; there is no worker yet.
    Opened,
    /// It waits for the message before it in its thread.
    Queued,
    /// Sent to the worker, which has not read it.
    Sent,
    /// The LLM is asked and has not said anything.
    Started,
    /// Half of the answer is shown.
    Streaming,
    /// The person is asked whether a tool may run.
    Approval,
    /// The tool runs and has had its effect.
    Tool,
    /// The turn is over; Mattermost does not take its end.
    Finishing,
    /// The whole answer is shown; the ledger does not know.
    Delivered,
}

impl Stage {
    pub(crate) const ALL: [Self; 10] = [
        Self::Unread,
        Self::Opened,
        Self::Queued,
        Self::Sent,
        Self::Started,
        Self::Streaming,
        Self::Approval,
        Self::Tool,
        Self::Finishing,
        Self::Delivered,
    ];

    /// Whether that can be killed then.
    pub(crate) fn has(self, victim: Victim) -> bool {
        // Before the worker is there, nor is Goose.
        self != Self::Opened || !matches!(victim, Victim::Worker | Victim::Goose)
    }

    /// What a message may come to that was there when that was killed.
    pub(crate) fn may_become(self, victim: Victim) -> &'static [Seen] {
        use Victim as V;
        match (self, victim) {
            (_, V::Mattermost) | (Self::Unread | Self::Opened | Self::Queued, _) => {
                &[Seen::Answered]
            }
            (Self::Delivered, _) => &[Seen::Answered],
            (Self::Finishing, V::Frontend) => &[Seen::Interrupted],
            (Self::Finishing, _) => &[Seen::Answered],
            // The worker saw Goose die without a sign of work.
            (Self::Sent, V::Goose) => &[Seen::Answered],
            (Self::Started, V::Goose) => &[Seen::Answered, Seen::Failed],
            (_, V::Goose) => &[Seen::Failed],
            (_, V::Frontend | V::Supervisor | V::Worker) => &[Seen::Interrupted],
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Unread | Self::Opened | Self::Queued | Self::Sent => Kind::Echo,
            Self::Started => Kind::Silence,
            Self::Streaming | Self::Finishing | Self::Delivered => Kind::Stream,
            Self::Approval | Self::Tool => Kind::Tool,
        }
    }

    /// Brings a message of `person` to this state. `thread` is one of theirs with
    /// a Goose that has nothing to do; for [`Stage::Opened`] they have no worker.
    pub(crate) fn reach(
        self,
        world: &mut World,
        person: &str,
        thread: Option<&Asked>,
    ) -> Result<Held> {
        let mut held = Held { stopped: Vec::new(), file: None };
        match self {
            Self::Unread => held.freeze(world.lab.service(Which::Frontend)?.pid())?,
            Self::Opened => held.freeze(world.lab.service(Which::Supervisor)?.pid())?,
            Self::Sent => {
                for pid in world.running(person, "gaggle-worker")? {
                    held.freeze(pid)?;
                }
            }
            Self::Tool => {
                let file = world.workspace(person).join("hold");
                fs::write(&file, "")?;
                held.file = Some(file);
            }
            _ => world.lab.llm.hold(true),
        }
        if self == Self::Queued {
            let first = write(world, person, thread, Kind::Stream)?;
            world.until("half of an answer", || shows_half(world, &first))?;
        }
        let asked = write(world, person, thread, self.kind())?;
        self.wait_for(world, &asked)?;
        Ok(held)
    }

    fn wait_for(self, world: &mut World, asked: &Asked) -> Result<()> {
        match self {
            Self::Unread => Ok(()),
            Self::Opened => world.until("a row", || row_with(world, asked, false)),
            Self::Queued => world.until("a queued message", || {
                let queued = world.posts_of(asked).text().starts_with("Queued");
                row_with(world, asked, false).filter(|()| queued)
            }),
            Self::Sent => world.until("a prompt that was sent", || row_with(world, asked, true)),
            Self::Started => {
                world.until("a request to the LLM", || llm_is(world, asked, Outcome::Open))
            }
            Self::Streaming => world.until("half of an answer", || shows_half(world, asked)),
            Self::Approval => world.until("a question", || question(world, asked)),
            Self::Tool => {
                world.until("a question", || question(world, asked))?;
                world.allow()?;
                world.until("the tool's line", || (world.lines(asked) > 0).then_some(()))
            }
            Self::Finishing => {
                world.until("half of an answer", || shows_half(world, asked))?;
                let requests = Requests::next(1_000_000, "PUT", "/posts/*/patch");
                let (status, body) = (503, Body::Html);
                world.lab.simulator.inject(Fault::Fail {
                    requests,
                    status,
                    body,
                    when: When::Before,
                });
                world.lab.llm.hold(false);
                world.until("the LLM's end", || llm_is(world, asked, Outcome::Answered))?;
                // What is refused may be an edit on the way; the next one is the end.
                let known = edits(world);
                world.until("an end that is refused", || (edits(world) > known + 1).then_some(()))
            }
            Self::Delivered => {
                world.until("half of an answer", || shows_half(world, asked))?;
                let requests = Requests::next(1_000_000, "PUT", "/posts/*/patch");
                world.lab.simulator.inject(Fault::Slow { requests, millis: 5000 });
                world.lab.llm.hold(false);
                world.until("a whole answer", || world.posts_of(asked).is_whole().then_some(()))
            }
        }
    }
}

/// What holds a message in its state.
pub(crate) struct Held {
    stopped: Vec<i32>,
    file: Option<std::path::PathBuf>,
}

impl Held {
    fn freeze(&mut self, pid: i32) -> Result<()> {
        freeze(pid, true)?;
        self.stopped.push(pid);
        Ok(())
    }

    /// Lets everything go on.
    pub(crate) fn let_go(self, world: &World) -> Result<()> {
        world.lab.llm.hold(false);
        for pid in self.stopped {
            freeze(pid, false)?;
        }
        self.file.map_or(Ok(()), |file| fs::remove_file(file).context("let the tool go on"))
    }
}

fn write(world: &mut World, person: &str, thread: Option<&Asked>, kind: Kind) -> Result<Asked> {
    match thread {
        Some(thread) => world.ask_in(thread, kind),
        None => world.ask(person, kind),
    }
}

fn row_with(world: &World, asked: &Asked, sent: bool) -> Option<()> {
    let row = ledger::row(&world.lab, asked.post).ok()??;
    (row.sent == sent && row.outcome.is_none()).then_some(())
}

fn llm_is(world: &World, asked: &Asked, outcome: Outcome) -> Option<()> {
    let of_it = |texts: Vec<String>| texts.last().is_some_and(|text| text.contains(&asked.word));
    let mut requests = world.lab.llm.requests().into_iter();
    requests.any(|r| r.outcome == outcome && of_it(r.user_texts())).then_some(())
}

fn shows_half(world: &World, asked: &Asked) -> Option<()> {
    world.posts_of(asked).text().contains(&format!("begin {}", asked.word)).then_some(())
}

fn question(world: &World, asked: &Asked) -> Option<()> {
    let questions = world.questions(asked).ok()?;
    (!questions.is_empty()).then_some(())
}

fn edits(world: &World) -> u64 {
    world.lab.simulator.requests().get("PUT /posts/*/patch").copied().unwrap_or_default()
}
