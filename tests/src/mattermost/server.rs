//! What all requests share: the state behind its lock, a bell that rings
//! after each change, and the connections that can be cut.
//!
//! Trust: a poisoned lock is taken over; a test that panicked elsewhere must
//! not hide its reason behind a second panic here.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};
use tokio::sync::watch;
use tokio::time::Instant;

use super::faults::Faults;
use super::ids::Id;
use super::state::State;
use super::version::Version;

/// Most different paths that are counted.
const MAX_PATHS: usize = 1_000;

/// The server, as handlers see it.
pub(super) type App = Arc<Server>;

/// A second handle on a connection, to cut it with.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<OwnedFd>);

impl Wire {
    pub(super) fn new(stream: &impl AsFd) -> std::io::Result<Self> {
        Ok(Self(Arc::new(stream.as_fd().try_clone_to_owned()?)))
    }

    /// Ends the connection at once, whatever is under way on it.
    pub(super) fn cut(&self) {
        use std::os::fd::AsRawFd;
        // It may be closed already, which is what was wanted.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

pub(super) struct Server {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    wires: Mutex<Vec<Weak<OwnedFd>>>,
    /// Until when the server refuses connections.
    pub(super) closed_until: watch::Sender<Option<Instant>>,
    pub(super) websocket_ping: Duration,
    pub(super) faults: Faults,
    requests: Mutex<BTreeMap<String, u64>>,
    stopped: AtomicBool,
}

impl Server {
    pub(super) fn new(version: Version, websocket_ping: Duration) -> App {
        Arc::new(Self {
            state: Mutex::new(State::new(version)),
            changed: watch::Sender::new(0),
            wires: Mutex::new(Vec::new()),
            closed_until: watch::Sender::new(None),
            websocket_ping,
            faults: Faults::default(),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state.
    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and rings the bell.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.lock());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    /// The bell.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn keep_wire(&self, wire: &Wire) {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|old| old.strong_count() > 0);
        wires.push(Arc::downgrade(&wire.0));
    }

    /// Cuts every connection but one.
    fn cut_all(&self, spared: Option<&Wire>) {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|wire| {
            let Some(wire) = wire.upgrade() else { return false };
            let keep = spared.is_some_and(|spared| Arc::ptr_eq(&spared.0, &wire));
            if !keep {
                Wire(wire).cut();
            }
            keep
        });
    }

    /// Ends everything.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.change(|_| ());
        self.cut_all(None);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Counts a request under its path, ids left out.
    pub(super) fn count_request(&self, method: &str, path: &str) {
        let parts = path.split('/').map(|part| if Id::parse(part).is_some() { "*" } else { part });
        let name = format!("{method} {}", parts.collect::<Vec<_>>().join("/"));
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < MAX_PATHS || requests.contains_key(&name) {
            *requests.entry(name).or_default() += 1;
        }
    }

    pub(super) fn requests(&self) -> BTreeMap<String, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server is down just now.
    pub(super) fn is_closed(&self) -> bool {
        self.closed_until.borrow().is_some_and(|until| until > Instant::now())
    }

    /// Goes down and comes back: stored things stay, what was in the
    /// process's memory is gone.
    pub(super) fn restart(&self, down: Duration, spared: Option<&Wire>) {
        self.closed_until.send_replace(Some(Instant::now() + down));
        self.change(|state| {
            state.hub.connections.clear();
            state.pending.clear();
        });
        self.cut_all(spared);
    }
}
