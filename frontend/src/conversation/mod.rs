//! From a post to its answer: who asks, in which thread, in which order.
//!
//! Trust: a conversation belongs to one person; its key names them, and their
//! worker alone runs its turns. Somebody else who writes in the same thread has
//! a conversation and a worker of their own.

mod again;
mod approvals;
mod beginning;
mod edited;
mod files;
mod idle;
mod intake;
mod lateness;
mod live;
mod notices;
mod orders;
mod orphans;
mod people;
mod prompt;
mod recovery;
mod registry;
mod reply;
mod teams;
mod thread;
mod tools_seen;
mod tracker;
mod turn;
mod typing;
mod withdrawn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gaggle_ipc::session::{Before, ToWorker};
use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::Config;
use crate::delivery::{Address, Pace};
use crate::gate::{Gate, Site};
use crate::mattermost::{ChannelKind, Client, Post, PostRef, User};
use crate::render::Transcript;
use crate::state::{State, StateError, Told};
use crate::worker::Workers;

pub use live::Live;
pub use recovery::RecoveryError;

use again::Offers;
use approvals::Approvals;
use edited::Edits;
use lateness::Lateness;
use notices::Notices;
use people::People;
use registry::Registry;
use teams::Teams;
use tools_seen::ToolsSeen;
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
    /// Whether posts are told of at once.
    pub told_at_once: watch::Receiver<bool>,
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
    tools_seen: ToolsSeen,
    told_at_once: watch::Receiver<bool>,
    tracker: Tracker,
    next_turn: AtomicU64,
    stopping: AtomicBool,
    fatal: mpsc::Sender<StateError>,
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
    summary: Option<Summary>,
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

/// What of a thread is to be summed up.
#[derive(Debug, Clone, Copy)]
struct Summary {
    /// Posts made until then are not, milliseconds since 1970 by the server's clock.
    after: Option<i64>,
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
    /// So much of the thread goes along with it, for a summary.
    summary: Option<Summary>,
    /// What is attached to the post.
    files: Vec<MattermostId>,
    /// A sentence above the answer.
    note: Option<String>,
    /// Nothing is shown between the first sign and the answer.
    quiet: bool,
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
            tools_seen: ToolsSeen::default(),
            told_at_once: parts.told_at_once,
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
    /// How late a post is come to.
    fn lateness(&self, post: &Post) -> Lateness {
        Lateness::of(post.create_at, self.client.now(), self.live().answer_within)
    }

    fn live(&self) -> Arc<Live> {
        self.live.borrow().clone()
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

/// Where the answer to `post` goes, which belongs to the conversation `thread`.
fn address(post: &Post, thread: ThreadId, kind: ChannelKind, author: &User) -> Address {
    Address {
        channel: post.channel,
        root: root_of(thread, post.channel),
        asked: post.id,
        person: (kind != ChannelKind::Direct).then(|| author.username.clone()),
    }
}

/// The root of a conversation's thread; `None` if it is all that is in no thread
/// of a channel, which is then its key.
fn root_of(thread: ThreadId, channel: MattermostId) -> Option<MattermostId> {
    Some(thread.into()).filter(|root| *root != channel)
}
