//! Brings a turn to its thread: feedback at once, edits while it runs, and the
//! end without fail.
//!
//! Trust: Mattermost may be slow, down, or forget that it has done something.
//! What it has acknowledged counts; what is uncertain is looked for before it is
//! done again. The ledger learns of every post, so that none is orphaned.

pub mod files;
mod final_posts;
mod slot;

use std::time::Duration;

use gaggle_ipc::{MattermostId, TurnId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::TraceMode;
use crate::mattermost::{Client, Error};
use crate::policy::Audience;
use crate::render::{self, Phase, Style, Transcript};
use crate::state::{Outcome, State, StateError};

pub use files::{Entry, FilesPlace};
pub use final_posts::long;
use slot::{Outbox, Slot};
pub use slot::{PROP_DONE, PROP_PART, PROP_TURN, ended, whole_answer_to};

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The channel.
    pub channel: MattermostId,
    /// The root of the thread; `None` for an answer that is in none.
    pub root: Option<MattermostId>,
    /// The post that asks.
    pub asked: MattermostId,
    /// Whom to notify by name; `None` where every post notifies.
    pub person: Option<String>,
}

impl Address {
    /// Who reads the answer.
    #[must_use]
    pub fn audience(&self) -> Audience {
        match self.person {
            None => Audience::Person,
            Some(_) => Audience::Channel,
        }
    }
}

/// How fast things go.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Least time between two edits of a post.
    pub edit: Duration,
    /// Longest time between two edits, when Mattermost asks for less.
    pub slowest_edit: Duration,
    /// How often the bot is shown as typing while a turn has nothing to show.
    pub typing: Duration,
    /// A turn that took longer ends with a new post.
    pub long: Duration,
    /// How long nothing is shown while it is not known whether the person may ask.
    pub hold: Duration,
    /// How often it is asked whether the questions of running turns still stand.
    pub withdrawn: Duration,
    /// How long a person may take to allow a tool.
    pub approval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            edit: Duration::from_secs(1),
            slowest_edit: Duration::from_secs(15),
            typing: Duration::from_millis(4500),
            long: Duration::from_secs(30),
            hold: Duration::from_millis(700),
            withdrawn: Duration::from_secs(30),
            approval: Duration::from_secs(1800),
        }
    }
}

/// Making a text harmless takes time from everybody, so a turn may take a small
/// part of it: after each look it rests so many times as long, also when nothing
/// had to be edited.
const REST: u32 = 20;

/// The answers of a thread begin in the order in which they were asked for.
#[derive(Debug)]
pub struct Order {
    /// Becomes true with the first post of the answer before this one.
    pub after: Option<watch::Receiver<bool>>,
    /// To be told of the first post of this one.
    pub begun: watch::Sender<bool>,
}

/// Why a delivery ended before the answer was delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// There is no place for it any more: the post or the channel is gone, or
    /// the bot was removed.
    #[error("the answer has no place any more: {0}")]
    Gone(Error),
    /// The ledger failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// One turn on its way to its thread.
#[derive(Debug)]
pub struct Delivery {
    outbox: Outbox,
    state: State,
    turn: TurnId,
    view: watch::Receiver<Transcript>,
    style: Style,
    pace: Pace,
    order: Order,
    quiet: bool,
    /// What the last look took.
    cost: Duration,
    slots: Vec<Slot>,
    /// The posts of a long turn's answer.
    below: Vec<Slot>,
}

impl Delivery {
    /// Prepares the delivery of `turn`, whose transcript is `view`.
    #[must_use]
    pub fn new(
        client: Client,
        state: State,
        turn: TurnId,
        address: Address,
        (view, order): (watch::Receiver<Transcript>, Order),
        (style, pace): (Style, Pace),
    ) -> Self {
        Self {
            outbox: Outbox::new(client, address),
            state,
            turn,
            view,
            style,
            pace,
            order,
            quiet: false,
            cost: Duration::ZERO,
            slots: Vec::new(),
            below: Vec::new(),
        }
    }

    /// Shows a first sign and the end, and nothing in between.
    #[must_use]
    pub fn quiet(self) -> Self {
        let style = Style { trace: TraceMode::Off, ..self.style };
        Self { quiet: true, style, ..self }
    }

    /// Goes on with the posts that an earlier process may have made, rather than
    /// making them again.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn adopt(&mut self) -> Result<(), DeliveryError> {
        self.slots = loop {
            match self.outbox.earlier().await {
                Ok(slots) => break slots,
                Err(error) => self.wait_out(error).await?,
            }
        };
        if !self.slots.is_empty() {
            self.order.begun.send_replace(true);
        }
        Ok(())
    }

    /// Shows the transcript until it is over and all of it is acknowledged, and
    /// closes the turn in the ledger. Returns the last post of a turn that was cut
    /// short.
    ///
    /// # Errors
    /// [`DeliveryError`]. With `Gone` the turn is closed all the same.
    pub async fn run(mut self) -> Result<Option<MattermostId>, DeliveryError> {
        if let Some(after) = &mut self.order.after {
            // One that ended without a post is not waited for.
            let _ = after.wait_for(|begun| *begun).await;
        }
        let shown = self.show().await;
        let phase = self.view.borrow().phase.clone();
        let outcome = match phase {
            Phase::Ended(ending) => ending.outcome,
            Phase::Postponed => return shown.map(|()| None),
            Phase::Withdrawn => Outcome::Refused,
            // The turn itself ended without a word, which only a bug can do.
            _ => Outcome::Failed,
        };
        if !matches!(shown, Err(DeliveryError::State(_))) {
            self.state.end_turn(self.turn, outcome).await?;
        }
        let last = self.below.last().or(self.slots.last()).and_then(Slot::post);
        shown.map(|()| last.filter(|_| outcome == Outcome::Interrupted))
    }

    async fn show(&mut self) -> Result<(), DeliveryError> {
        let mut pause = self.pace.edit;
        loop {
            let transcript = self.view.borrow_and_update().clone();
            if transcript.is_over() {
                return self.finish(&transcript).await;
            }
            let edited = match self.update(&transcript).await {
                Ok(edited) => {
                    pause = self.pace.edit;
                    edited
                }
                Err(DeliveryTrouble::Later(retry_after)) => {
                    pause = (pause * 2).max(retry_after).min(self.pace.slowest_edit);
                    true
                }
                Err(DeliveryTrouble::Never(error)) => return Err(error),
            };
            let rest = self.cost.saturating_mul(REST);
            let next_edit = Instant::now() + if edited { pause.max(rest) } else { rest };
            if self.await_change(next_edit).await.is_err() {
                let last = self.view.borrow().clone();
                return self.finish(&last).await;
            }
        }
    }

    /// Waits until there is something new and it may be shown: the end at once,
    /// all else not before `next_edit`.
    async fn await_change(&mut self, next_edit: Instant) -> Result<(), watch::error::RecvError> {
        self.view.changed().await?;
        let over = self.view.wait_for(Transcript::is_over);
        tokio::select! {
            () = tokio::time::sleep_until(next_edit) => Ok(()),
            over = over => over.map(drop),
        }
    }

    /// Shows how things stand; whether anything had to be edited.
    async fn update(&mut self, transcript: &Transcript) -> Result<bool, DeliveryTrouble> {
        if self.quiet && self.slots.first().is_some_and(|slot| slot.post().is_some()) {
            return Ok(false);
        }
        let began = std::time::Instant::now();
        let rendered = match self.quiet {
            true => render::posts(&Transcript::new(transcript.phase.clone()), &self.style),
            false => render::posts(transcript, &self.style),
        };
        self.cost = began.elapsed();
        let mut edited = false;
        for (at, message) in rendered.messages.iter().enumerate() {
            let attachments = rendered.attachments.as_ref().filter(|_| at == 0);
            let props = slot::props(attachments, None);
            // New posts and the last words come through by what edits leave.
            let slot = self.slots.get(at);
            let wait = slot.map(|slot| self.outbox.should_wait(slot, message, &props));
            if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                return Err(DeliveryTrouble::Later(wait));
            }
            match self.put(at, "answer", message, props).await {
                Ok(put) => edited |= put == slot::Put::Edited,
                Err(PutError::State(error)) => return Err(DeliveryTrouble::Never(error.into())),
                Err(PutError::Mattermost(error)) => return Err(trouble(error)),
            }
        }
        Ok(edited)
    }

    /// Makes the post at `at` read `message`, and notes a new one in the ledger.
    async fn put(
        &mut self,
        at: usize,
        part: &str,
        message: &str,
        props: slot::Props,
    ) -> Result<slot::Put, PutError> {
        while self.slots.len() <= at {
            let part = format!("{part}-{}", self.slots.len());
            self.slots.push(Slot::new(part));
        }
        let Some(slot) = self.slots.get_mut(at) else {
            return Ok(slot::Put::Same);
        };
        let put = self.outbox.put(slot, message, props).await.map_err(PutError::Mattermost)?;
        if let (slot::Put::Created, Some(post)) = (put, slot.post()) {
            self.order.begun.send_replace(true);
            let noted = self.state.turn_answer_post(self.turn, post).await;
            noted.map_err(PutError::State)?;
        }
        Ok(put)
    }

    /// Waits as long as an error that may pass calls for.
    async fn wait_out(&self, error: Error) -> Result<(), DeliveryError> {
        match trouble(error) {
            DeliveryTrouble::Never(error) => Err(error),
            DeliveryTrouble::Later(retry_after) => {
                tokio::time::sleep(retry_after.max(self.pace.edit)).await;
                Ok(())
            }
        }
    }
}

enum PutError {
    Mattermost(Error),
    State(StateError),
}

enum DeliveryTrouble {
    /// Worth another try after that time.
    Later(Duration),
    Never(DeliveryError),
}

fn trouble(error: Error) -> DeliveryTrouble {
    match error {
        Error::RateLimited { retry_after } => DeliveryTrouble::Later(retry_after),
        // A proxy may answer 401 once. If the token is bad, whoever reads posts
        // finds out and ends the process; the turn is then open in the ledger.
        Error::Unauthorized
        | Error::Unavailable { .. }
        | Error::Tls { .. }
        | Error::Malformed { .. } => {
            tracing::warn!(%error, "an answer has to wait");
            DeliveryTrouble::Later(Duration::ZERO)
        }
        error => DeliveryTrouble::Never(DeliveryError::Gone(error)),
    }
}
