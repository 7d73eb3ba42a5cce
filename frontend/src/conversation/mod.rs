//! From a post to its answer: who asks, in which thread, in which order.
//!
//! Trust: a conversation belongs to one person; its key names them, and their
//! worker alone runs its turns. Somebody else who writes in the same thread has
//! a conversation and a worker of their own.

mod again;
mod approvals;
mod edited;
mod files;
mod idle;
mod intake;
mod lateness;
mod notices;
mod orders;
mod people;
mod prompt;
mod recovery;
mod registry;
mod reply;
mod teams;
mod thread;
mod tracker;
mod turn;
mod withdrawn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gaggle_ipc::session::{Before, GooseMode, ToWorker};
use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::{Config, Context, FileRules, Instructions, TraceMode};
use crate::delivery::{Address, Delivery, DeliveryError, Order, Pace};
use crate::gate::{Gate, Site};
use crate::mattermost::{ChannelKind, Client, Post, PostRef, User};
use crate::policy::Policy;
use crate::render::{Phase, Transcript};
use crate::state::{Outcome, State, StateError, Told};
use crate::worker::Workers;

pub use recovery::RecoveryError;

use again::Offers;
use approvals::Approvals;
use edited::Edits;
use lateness::Lateness;
use notices::Notices;
use people::People;
use registry::{Active, Registry};
use teams::Teams;
use tracker::Tracker;

/// A conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whose.
    pub user: MattermostUserId,
    /// In which thread.
    pub thread: ThreadId,
}

/// What conversations need.
#[derive(Debug)]
pub struct Parts {
    /// Mattermost.
    pub client: Client,
    /// The ledger.
    pub state: State,
    /// What may change later.
    pub live: Live,
    /// Who answers.
    pub workers: Workers,
    /// How fast.
    pub pace: Pace,
    /// Threads kept live.
    pub max_sessions: usize,
    /// A worker without a turn for so long is ended.
    pub worker_idle: Duration,
}

/// All conversations. Clones share them.
#[derive(Debug, Clone)]
pub struct Conversations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    state: State,
    live: watch::Sender<Arc<Live>>,
    workers: Workers,
    pace: Pace,
    people: People,
    teams: Teams,
    registry: Registry,
    notices: Notices,
    approvals: Approvals,
    offers: Offers,
    edits: Edits,
    tracker: Tracker,
    next_turn: AtomicU64,
    stopping: AtomicBool,
    fatal: mpsc::Sender<StateError>,
}

/// What may change while conversations go on.
#[derive(Debug, Clone)]
pub struct Live {
    /// Who may ask, and where.
    pub gate: Gate,
    /// How much is shown.
    pub trace: TraceMode,
    /// Whether a tool that no rule names runs.
    pub mode: GooseMode,
    /// Which tools run.
    pub tools: Policy,
    /// Which files pass.
    pub files: FileRules,
    /// What of a thread goes along with a prompt.
    pub context: Context,
    /// What the admin tells agents.
    pub instructions: Instructions,
    /// What is older is not answered any more.
    pub answer_within: Duration,
    /// A post that is for the bot only since it was edited is answered.
    pub answer_edited: bool,
}

impl Live {
    /// As `config` says.
    #[must_use]
    pub fn new(gate: Gate, config: &Config) -> Self {
        Self {
            gate,
            trace: config.trace,
            mode: config.mode,
            tools: config.tools.clone(),
            files: config.files,
            context: config.context,
            instructions: config.instructions.clone(),
            answer_within: config.answer_within,
            answer_edited: config.answer_edited,
        }
    }
}

/// Why a turn is to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    /// The person said so.
    Person,
    /// The person deleted what they asked.
    Deleted,
    /// Its posts or its channel are gone.
    Gone,
    /// The process ends.
    Shutdown,
}

/// What came before a turn in its conversation.
#[derive(Debug, Clone, Copy)]
struct Past {
    /// How the last turn ended.
    before: Before,
    /// What Goose knows of the thread.
    told: Told,
}

/// A turn on its way to a worker.
#[derive(Debug)]
struct Job {
    turn: TurnId,
    key: Key,
    text: String,
    /// What is attached to the question.
    files: Vec<MattermostId>,
    author: User,
    address: Address,
    asked: PostRef,
    site: Site,
    view: watch::Sender<Transcript>,
    stop: watch::Receiver<Stop>,
    /// Becomes true once the answer stands; ends when that is given up.
    stands: watch::Receiver<bool>,
}

/// A prompt that passed the gate.
struct Prompt {
    turn: TurnId,
    key: Key,
    address: Address,
    /// The post that asks, whatever the answer's posts are about.
    asked: PostRef,
    site: Site,
    author: User,
    text: String,
    /// What is attached to the post.
    files: Vec<MattermostId>,
    /// A sentence above the answer.
    note: Option<String>,
    /// An earlier process may have begun to answer.
    again: bool,
}

impl Conversations {
    /// No conversations yet. What arrives at the receiver ends the service.
    /// Needs a tokio runtime.
    #[must_use]
    pub fn new(parts: Parts) -> (Self, mpsc::Receiver<StateError>) {
        let (fatal, failed) = mpsc::channel(1);
        let (worker_idle, asking) = (parts.worker_idle, parts.pace.withdrawn);
        let inner = Inner {
            people: People::new(parts.client.clone()),
            teams: Teams::new(parts.client.clone()),
            notices: Notices::new(parts.client.clone(), parts.live.gate.me),
            approvals: Approvals::default(),
            offers: Offers::default(),
            edits: Edits::default(),
            registry: Registry::new(parts.max_sessions),
            client: parts.client,
            state: parts.state,
            live: watch::Sender::new(Arc::new(parts.live)),
            workers: parts.workers,
            pace: parts.pace,
            tracker: Tracker::default(),
            next_turn: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            fatal,
        };
        let inner = Arc::new(inner);
        tokio::spawn(idle::run(Arc::downgrade(&inner), worker_idle));
        tokio::spawn(withdrawn::run(Arc::downgrade(&inner), asking));
        tokio::spawn(again::run(Arc::downgrade(&inner)));
        (Self(inner), failed)
    }

    /// Changes what holds for posts, turns and workers that are yet to come.
    pub fn adopt(&self, gate: Gate, config: &Config) {
        let inner = &self.0;
        inner.live.send_replace(Arc::new(Live::new(gate, config)));
        inner.workers.change(config.worker_settings());
        inner.registry.set_max(config.max_sessions);
    }

    /// Ends all turns: none is begun any more, those that run get `grace`, and
    /// what was said last is delivered as far as `delivery` allows.
    pub async fn shut_down(&self, grace: Duration, delivery: Duration) {
        let inner = &self.0;
        inner.stopping.store(true, Ordering::Release);
        inner.registry.stop_waiting();
        // All at once: one that leaves it unread must not keep it from the others.
        let alive = inner.workers.all_alive();
        let drained = alive.iter().map(|worker| worker.send(&ToWorker::Drain));
        let drained = futures_util::future::join_all(drained);
        // It counts as part of the turns' time.
        let until = Instant::now() + grace;
        let _ = tokio::time::timeout_at(until, drained).await;
        let grace = until.saturating_duration_since(Instant::now());
        if inner.tracker.idle_within(grace).await {
            return;
        }
        inner.registry.stop_all();
        if !inner.tracker.idle_within(turn::CANCEL_DEADLINE + delivery).await {
            tracing::warn!("some answers could not be delivered; the next start completes them");
        }
    }
}

impl Inner {
    /// Puts a prompt in its thread's queue and shows that.
    fn begin(self: &Arc<Self>, prompt: Prompt) {
        let Prompt { turn, key, address, asked, site, author, text, files, note, again } = prompt;
        let (stopper, stop) = watch::channel(Stop::No);
        let (begun, begins) = watch::channel(false);
        let active = Active {
            turn,
            asked: asked.post,
            channel: asked.channel,
            stop: stopper.clone(),
            begun: begins,
        };
        let place = match self.registry.join(key, active) {
            Ok(place) => place,
            Err(refused) => {
                self.spawn(move |inner| async move {
                    inner.decline(turn, &address, refused.words()).await
                });
                return;
            }
        };
        tracing::info!(%turn, user = %key.user, thread = %key.thread, ahead = place.ahead, "asked");
        if let Some(evicted) = place.evicted {
            self.close(evicted);
        }
        // Whoever had a worker may have one: that need not be found out first.
        let welcome = self.people.was_served(key.user) || self.workers.alive(key.user).is_some();
        let phase = match (place.ahead, welcome) {
            (0, true) => Phase::Working(Instant::now()),
            (0, false) => Phase::Held,
            _ => Phase::Queued,
        };
        let mut transcript = Transcript::new(phase);
        note.into_iter().for_each(|note| transcript.note(note));
        let (view, watched) = watch::channel(transcript);
        let shown = (watched, Order { after: place.after, begun });
        let stands = self.deliver(turn, address.clone(), shown, stopper, (key.user, again));
        if let Some(jobs) = place.new {
            tokio::spawn(thread::run(self.clone(), jobs));
        }
        // The registry bounds a thread's jobs below what the queue holds.
        let job = Job { turn, key, text, files, author, address, asked, site, view, stop, stands };
        let _ = place.jobs.try_send(job);
    }

    fn deliver(
        self: &Arc<Self>,
        turn: TurnId,
        address: Address,
        shown: (watch::Receiver<Transcript>, Order),
        stop: watch::Sender<Stop>,
        (user, again): (MattermostUserId, bool),
    ) -> watch::Receiver<bool> {
        let (standing, stands) = watch::channel(false);
        let (channel, root) = (address.channel, address.root);
        let pace = (self.live().trace, self.pace);
        let silent = shown.0.borrow().phase == Phase::Held;
        let mut delivery =
            Delivery::new(self.client.clone(), self.state.clone(), turn, address, shown, pace);
        self.spawn(move |inner| async move {
            // A hint only. A post says the same for good, and must not find the one
            // open connection taken.
            let typing = async {
                if silent {
                    let _ = inner.client.typing(channel, Some(root)).await;
                }
            };
            let deliver = async {
                if again {
                    delivery.adopt().await?;
                }
                delivery.run().await
            };
            let (delivered, ()) = tokio::join!(deliver, typing);
            match delivered {
                Ok(cut_short) => {
                    tracing::info!(%turn, "answered");
                    standing.send_replace(true);
                    if let Some(post) = cut_short {
                        inner.offer_again(post, user).await;
                    }
                }
                Err(DeliveryError::State(error)) => inner.fail(error),
                Err(error) => {
                    tracing::warn!(%turn, %error, "not answered");
                    stop.send_replace(Stop::Gone);
                }
            }
        });
        stands
    }

    /// How late a post is come to.
    fn lateness(&self, post: &Post) -> Lateness {
        Lateness::of(post.create_at, self.client.now(), self.live().answer_within)
    }

    fn live(&self) -> Arc<Live> {
        self.live.borrow().clone()
    }

    /// Says why a turn is not begun, and closes it.
    async fn decline(&self, turn: TurnId, address: &Address, text: &str) {
        self.answer_at(address.channel, address.root, address.asked, text).await;
        if let Err(error) = self.state.end_turn(turn, Outcome::Refused).await {
            self.fail(error);
        }
    }

    /// Has the worker forget a conversation; Goose keeps it on disk.
    fn close(self: &Arc<Self>, key: Key) {
        tracing::info!(user = %key.user, thread = %key.thread, "set aside");
        self.spawn(move |inner| async move {
            // It may have been taken up again meanwhile.
            if let Some(worker) = inner.workers.alive(key.user)
                && !inner.registry.knows(key)
            {
                let _ = worker.send(&ToWorker::CloseThread { thread: key.thread }).await;
            }
        });
    }

    /// What the ledger knows of the turns before this one.
    async fn past(&self, key: Key, turn: TurnId) -> Past {
        let read = async {
            let cut_short = self.state.cut_short_before(turn).await?;
            let before = if cut_short { Before::Interrupted } else { Before::Complete };
            Ok(Past { before, told: self.state.told(key.user, key.thread).await? })
        };
        read.await.unwrap_or_else(|error| {
            self.fail(error);
            Past { before: Before::Interrupted, told: Told::default() }
        })
    }

    /// A number for a turn on the session socket.
    fn wire_turn(&self) -> TurnId {
        TurnId(self.next_turn.fetch_add(1, Ordering::Relaxed))
    }

    /// The ledger failed: the service has to end.
    fn fail(&self, error: StateError) {
        tracing::error!(%error, "the ledger failed");
        let _ = self.fatal.try_send(error);
    }

    /// Runs something that a planned stop waits for.
    fn spawn<F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let held = self.tracker.hold();
        let work = work(self.clone());
        tokio::spawn(async move {
            work.await;
            drop(held);
        });
    }
}

fn asked(post: &Post) -> PostRef {
    PostRef { post: post.id, channel: post.channel, create_at: post.create_at }
}

fn address(post: &Post, kind: ChannelKind, author: &User) -> Address {
    Address {
        channel: post.channel,
        root: post.root.unwrap_or(post.id),
        asked: post.id,
        person: (kind != ChannelKind::Direct).then(|| author.username.clone()),
    }
}

/// An id of the type that Mattermost's client wants.
fn root_of(thread: ThreadId) -> MattermostId {
    thread.into()
}
