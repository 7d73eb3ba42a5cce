//! Which conversations are live, and what runs in them.
//!
//! Trust: nobody; pure bookkeeping. Bounded in threads, and in turns per thread.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gaggle_ipc::{MattermostId, MattermostUserId, ThreadId, TurnId};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Job, Key, Stop};
use crate::render::Transcript;

/// Most turns of one thread, the running one included.
const MAX_TURNS: usize = 9;

/// Most conversations of one person with a turn: nobody shall take up all that
/// may be live.
const MAX_OF_ONE: usize = 20;

/// A turn that runs or waits.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) turn: TurnId,
    /// The post that asks.
    pub(super) asked: MattermostId,
    pub(super) channel: MattermostId,
    /// How far it is.
    pub(super) view: watch::Receiver<Transcript>,
    pub(super) stop: watch::Sender<Stop>,
    /// Its first post stands.
    pub(super) begun: watch::Receiver<bool>,
}

/// A conversation in which something runs.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) thread: ThreadId,
    pub(super) channel: MattermostId,
    /// The post whose turn runs.
    pub(super) asked: MattermostId,
    pub(super) view: watch::Receiver<Transcript>,
    /// How many turns wait for it.
    pub(super) waiting: usize,
}

/// Why a turn cannot wait here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many of this person wait in this thread.
    ThreadFull,
    /// Too many threads of this person are busy.
    OwnBusy,
    /// Every thread that may be live is busy.
    AllBusy,
}

impl Refused {
    /// What the person is told.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::ThreadFull => {
                "You have more messages waiting in this thread than I can keep. Please wait for an answer and send this one again."
            }
            Self::OwnBusy => {
                "I am working for you in as many threads as I may at once. Please wait for an answer and send this one again."
            }
            Self::AllBusy => {
                "I am working in as many threads as I can. Please send this again later."
            }
        }
    }
}

/// A turn's place in its thread.
#[derive(Debug)]
pub(super) struct Joined {
    /// Turns before it.
    pub(super) ahead: usize,
    /// Becomes true with the first post of the turn right before it.
    pub(super) after: Option<watch::Receiver<bool>>,
    /// Where its job goes.
    pub(super) jobs: mpsc::Sender<Job>,
    /// The thread is new: somebody has to run its jobs.
    pub(super) new: Option<mpsc::Receiver<Job>>,
    /// The thread that made room for it.
    pub(super) evicted: Option<Key>,
}

#[derive(Debug)]
pub(super) struct Registry {
    max: AtomicUsize,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    live: HashMap<Key, Thread>,
    clock: u64,
    /// When the last turn of each person with a worker ended.
    ended: HashMap<MattermostUserId, Instant>,
}

#[derive(Debug)]
struct Thread {
    jobs: mpsc::Sender<Job>,
    active: Vec<Active>,
    used: u64,
}

impl Registry {
    pub(super) fn new(max: usize) -> Self {
        Self { max: AtomicUsize::new(max.max(1)), threads: Mutex::default() }
    }

    /// So many threads may be live from now on; those over that end by and by.
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max.max(1), Ordering::Relaxed);
    }

    /// Gives a turn its place. The thread unused longest makes room if need be.
    pub(super) fn join(&self, key: Key, active: Active) -> Result<Joined, Refused> {
        let mut threads = self.threads.lock().map_err(|_| Refused::AllBusy)?;
        threads.clock += 1;
        let used = threads.clock;
        if let Some(thread) = threads.live.get_mut(&key) {
            let ahead = thread.active.len();
            if ahead >= MAX_TURNS {
                return Err(Refused::ThreadFull);
            }
            let after = thread.active.last().map(|last| last.begun.clone());
            thread.active.push(active);
            thread.used = used;
            let jobs = thread.jobs.clone();
            return Ok(Joined { ahead, after, jobs, new: None, evicted: None });
        }
        let busy =
            |(of, thread): &(&Key, &Thread)| of.user == key.user && !thread.active.is_empty();
        if threads.live.iter().filter(busy).count() >= MAX_OF_ONE {
            return Err(Refused::OwnBusy);
        }
        let evicted = if threads.live.len() >= self.max.load(Ordering::Relaxed) {
            let idle = threads.live.iter().filter(|(_, thread)| thread.active.is_empty());
            let oldest = idle.min_by_key(|(_, thread)| thread.used).map(|(key, _)| *key);
            let oldest = oldest.ok_or(Refused::AllBusy)?;
            // Its jobs end with the sender.
            threads.live.remove(&oldest);
            Some(oldest)
        } else {
            None
        };
        let (jobs, new) = mpsc::channel(MAX_TURNS);
        let thread = Thread { jobs: jobs.clone(), active: vec![active], used };
        threads.live.insert(key, thread);
        Ok(Joined { ahead: 0, after: None, jobs, new: Some(new), evicted })
    }

    /// A turn is over.
    pub(super) fn leave(&self, key: Key, turn: TurnId) {
        if let Ok(mut threads) = self.threads.lock() {
            threads.leave(key, turn);
            threads.ended.insert(key.user, Instant::now());
        }
    }

    /// A turn is over that never had a worker: its conversation takes up no room
    /// unless another turn waits in it.
    pub(super) fn leave_for_good(&self, key: Key, turn: TurnId) {
        if let Ok(mut threads) = self.threads.lock() {
            threads.leave(key, turn);
            if threads.live.get(&key).is_some_and(|thread| thread.active.is_empty()) {
                threads.live.remove(&key);
            }
        }
    }

    /// No turn of `user` runs or waits, and none ended in the last `limit`.
    pub(super) fn is_quiet(&self, user: MattermostUserId, limit: Duration) -> bool {
        self.threads.lock().is_ok_and(|threads| {
            let mut of_user = threads.live.iter().filter(|(key, _)| key.user == user);
            of_user.all(|(_, thread)| thread.active.is_empty())
                && threads.ended.get(&user).is_none_or(|ended| ended.elapsed() >= limit)
        })
    }

    /// Forgets when turns of other people than `people` ended.
    pub(super) fn forget_others(&self, people: &[MattermostUserId]) {
        if let Ok(mut threads) = self.threads.lock() {
            threads.ended.retain(|user, _| people.contains(user));
        }
    }

    /// The conversation is live.
    pub(super) fn knows(&self, key: Key) -> bool {
        self.threads.lock().is_ok_and(|threads| threads.live.contains_key(&key))
    }

    /// Takes a conversation out unless a turn runs or waits in it. Returns whether
    /// none does.
    pub(super) fn set_aside(&self, key: Key) -> bool {
        let Ok(mut threads) = self.threads.lock() else { return false };
        let busy = threads.live.get(&key).is_some_and(|thread| !thread.active.is_empty());
        if !busy {
            threads.live.remove(&key);
        }
        !busy
    }

    /// What runs or waits of `user`, thread by thread, in the order in which it
    /// was asked.
    pub(super) fn under_way(&self, user: MattermostUserId) -> Vec<UnderWay> {
        let Ok(threads) = self.threads.lock() else { return Vec::new() };
        let of_user = threads.live.iter().filter(|(key, _)| key.user == user);
        let mut all: Vec<_> = of_user
            .filter_map(|(key, live)| {
                let first = live.active.first()?;
                let (thread, channel) = (key.thread, first.channel);
                let (asked, view) = (first.asked, first.view.clone());
                let waiting = live.active.len() - 1;
                Some((first.turn, UnderWay { thread, channel, asked, view, waiting }))
            })
            .collect();
        all.sort_by_key(|(turn, _)| *turn);
        all.into_iter().map(|(_, one)| one).collect()
    }

    /// A turn of anybody runs in the thread.
    pub(super) fn is_busy(&self, thread: ThreadId) -> bool {
        self.threads.lock().is_ok_and(|threads| {
            threads.live.iter().any(|(key, live)| key.thread == thread && !live.active.is_empty())
        })
    }

    /// The threads in which a turn of `user` runs: of this channel, of this
    /// thread, or everywhere.
    pub(super) fn running(
        &self,
        user: MattermostUserId,
        channel: Option<MattermostId>,
        thread: Option<ThreadId>,
    ) -> Vec<ThreadId> {
        let Ok(threads) = self.threads.lock() else {
            return Vec::new();
        };
        let mut running: Vec<_> = threads
            .live
            .iter()
            .filter(|(key, _)| key.user == user && thread.is_none_or(|thread| key.thread == thread))
            .filter_map(|(key, live)| Some((key, live.active.first()?)))
            .filter(|(_, first)| channel.is_none_or(|channel| first.channel == channel))
            .map(|(key, first)| (first.turn, key.thread))
            .collect();
        running.sort();
        running.into_iter().map(|(_, thread)| thread).collect()
    }

    /// Stops the turn that runs in this conversation; whether there was one.
    pub(super) fn stop(&self, key: Key) -> bool {
        let Ok(threads) = self.threads.lock() else {
            return false;
        };
        match threads.live.get(&key).and_then(|live| live.active.first()) {
            Some(first) => {
                first.stop.send_replace(Stop::Person);
                true
            }
            None => false,
        }
    }

    /// Stops the turn that this post asked for, running or waiting.
    pub(super) fn withdraw(&self, asked: MattermostId) {
        if let Ok(threads) = self.threads.lock() {
            let mut active = threads.live.values().flat_map(|live| &live.active);
            if let Some(active) = active.find(|active| active.asked == asked) {
                active.stop.send_replace(Stop::Deleted);
            }
        }
    }

    /// The posts whose turns run or wait.
    pub(super) fn asked(&self) -> Vec<MattermostId> {
        self.threads.lock().map_or_else(
            |_| Vec::new(),
            |threads| {
                let active = threads.live.values().flat_map(|live| &live.active);
                active.map(|active| active.asked).collect()
            },
        )
    }

    /// Stops every turn, because the process ends.
    pub(super) fn stop_all(&self) {
        self.stop_from(0);
    }

    /// Stops every turn that waits for another one of its thread.
    pub(super) fn stop_waiting(&self) {
        self.stop_from(1);
    }

    fn stop_from(&self, first: usize) {
        if let Ok(threads) = self.threads.lock() {
            for active in threads.live.values().flat_map(|live| live.active.iter().skip(first)) {
                active.stop.send_replace(Stop::Shutdown);
            }
        }
    }
}

impl Threads {
    fn leave(&mut self, key: Key, turn: TurnId) {
        self.clock += 1;
        if let Some(thread) = self.live.get_mut(&key) {
            thread.active.retain(|active| active.turn != turn);
            thread.used = self.clock;
        }
    }
}

#[cfg(test)]
mod tests;
