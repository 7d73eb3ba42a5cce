//! Events and the connections they wait in. A connection outlives its socket
//! for a while, so that a client can come back and take what it missed.
//!
//! Trust: queues are bounded; a client that does not read loses its socket,
//! not the server's memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::{Notify, broadcast};

use super::ids::{Id, or_empty};
use super::model::Broadcast;
use super::state::State;

const SENT_KEPT: usize = 128;
const QUEUE: usize = 256;
/// From here on a slow reader gets no typing, status or viewed events.
const QUEUE_SLOW: usize = 128;
const MAX_CONNECTIONS: usize = 1_000;
/// How long a connection without a socket is kept, in milliseconds.
const ABANDONED_MS: i64 = 5 * 60 * 1000;

/// Something that happened, before each connection gives it its number.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) data: Map<String, Value>,
    pub(super) to: Broadcast,
}

impl Event {
    pub(super) fn new(name: &'static str, data: Value, to: Broadcast) -> Self {
        let data = if let Value::Object(data) = data { data } else { Map::new() };
        Self { name, data, to }
    }

    pub(super) fn to_channel(name: &'static str, channel: Id, data: Value) -> Self {
        Self::new(name, data, Broadcast { channel: Some(channel), ..Broadcast::default() })
    }

    pub(super) fn to_user(name: &'static str, user: Id, data: Value) -> Self {
        Self::new(name, data, Broadcast { user: Some(user), ..Broadcast::default() })
    }

    /// The event as JSON, without its number.
    pub(super) fn json(&self) -> Value {
        let omit: Map<String, Value> =
            self.to.omit_users.iter().map(|id| (id.to_string(), Value::Bool(true))).collect();
        json!({
            "event": self.name,
            "data": self.data,
            "broadcast": {
                "omit_users": if omit.is_empty() { Value::Null } else { Value::Object(omit) },
                "user_id": or_empty(self.to.user),
                "channel_id": or_empty(self.to.channel),
                "team_id": or_empty(self.to.team),
            },
        })
    }

    fn droppable(&self) -> bool {
        matches!(
            self.name,
            "typing" | "status_change" | "channel_viewed" | "multiple_channels_viewed"
        )
    }
}

/// One numbered frame.
pub(super) type Frame = (u64, String);

pub(super) struct Connection {
    pub(super) user: Id,
    pub(super) token: String,
    next_seq: u64,
    sent: VecDeque<Frame>,
    queue: VecDeque<Frame>,
    wake: Arc<Notify>,
    /// The socket that may send now; a later socket takes the place.
    socket: Option<u64>,
    abandoned_at: i64,
    /// Something happened while the user was deactivated: from then on the
    /// connection hears nothing, even after they are active again.
    pub(super) muted: bool,
}

impl Connection {
    pub(super) fn new(user: Id, token: String) -> Self {
        Self {
            user,
            token,
            next_seq: 0,
            sent: VecDeque::new(),
            queue: VecDeque::new(),
            wake: Arc::new(Notify::new()),
            socket: None,
            abandoned_at: 0,
            muted: false,
        }
    }

    /// Queues an event under the next number.
    pub(super) fn push(&mut self, mut event: Value) {
        if let Some(fields) = event.as_object_mut() {
            fields.insert("seq".to_owned(), json!(self.next_seq));
        }
        self.queue.push_back((self.next_seq, event.to_string()));
        self.next_seq += 1;
        self.wake.notify_one();
    }

    /// The bell of `socket`, while the connection is its own.
    pub(super) fn wake_of(&self, socket: u64) -> Option<Arc<Notify>> {
        (self.socket == Some(socket)).then(|| Arc::clone(&self.wake))
    }

    /// Puts everything from `sequence` on back into the queue. False if some
    /// of it is gone.
    pub(super) fn rewind(&mut self, sequence: u64) -> bool {
        if sequence > self.next_seq {
            return false;
        }
        while self.sent.back().is_some_and(|(seq, _)| *seq >= sequence) {
            if let Some(frame) = self.sent.pop_back() {
                self.queue.push_front(frame);
            }
        }
        let first = self.queue.front().map_or(self.next_seq, |(seq, _)| *seq);
        first == sequence
    }
}

/// All connections, and the in-process subscribers.
pub(super) struct Hub {
    pub(super) connections: BTreeMap<Id, Connection>,
    pub(super) subscribers: broadcast::Sender<Arc<Value>>,
    /// How many `posted` events are still to be delivered twice.
    pub(super) duplicate: u32,
    /// How many events are still to be lost.
    pub(super) lose: u32,
    next_socket: u64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            connections: BTreeMap::new(),
            subscribers: broadcast::channel(1024).0,
            duplicate: 0,
            lose: 0,
            next_socket: 0,
        }
    }
}

impl Hub {
    /// Makes a connection ready to go on from `sequence`. False: there is none
    /// to go on with, or too much was missed. One whose old socket is not yet
    /// known to be gone counts as none. `None`: no sequence that can be read.
    pub(super) fn resume(&mut self, id: Id, user: Id, sequence: Option<&str>) -> Option<bool> {
        let waiting = |old: &&mut Connection| old.user == user && old.socket.is_none();
        let Some(old) = self.connections.get_mut(&id).filter(waiting) else { return Some(false) };
        let complete = old.rewind(sequence?.parse().ok()?);
        if !complete {
            self.connections.remove(&id);
        }
        Some(complete)
    }

    /// Gives a connection a socket; the one before it, if any, loses it.
    pub(super) fn attach(&mut self, id: Id) -> Option<u64> {
        self.next_socket += 1;
        let connection = self.connections.get_mut(&id)?;
        connection.wake.notify_one();
        connection.wake = Arc::new(Notify::new());
        connection.socket = Some(self.next_socket);
        Some(self.next_socket)
    }

    /// Adds a connection, forgetting those nobody came back for. False if
    /// there are too many.
    pub(super) fn add(&mut self, id: Id, connection: Connection, now: i64) -> bool {
        self.connections
            .retain(|_, old| old.socket.is_some() || old.abandoned_at + ABANDONED_MS > now);
        if self.connections.len() >= MAX_CONNECTIONS {
            return false;
        }
        self.connections.insert(id, connection);
        true
    }

    /// What `socket` is to send next. `Err` when the socket is not (or no
    /// longer) the connection's own.
    pub(super) fn take(&mut self, id: Id, socket: u64) -> Result<Option<String>, ()> {
        let connection = self.connections.get_mut(&id).ok_or(())?;
        if connection.socket != Some(socket) {
            return Err(());
        }
        let Some((seq, text)) = connection.queue.pop_front() else { return Ok(None) };
        if connection.sent.len() == SENT_KEPT {
            connection.sent.pop_front();
        }
        connection.sent.push_back((seq, text.clone()));
        Ok(Some(text))
    }

    /// Whether a user has an open socket.
    pub(super) fn is_online(&self, user: Id) -> bool {
        self.connections.values().any(|one| one.user == user && one.socket.is_some())
    }

    /// The socket is gone; the connection waits for the next.
    pub(super) fn detach(&mut self, id: Id, socket: u64, now: i64) {
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.socket == Some(socket)
        {
            connection.socket = None;
            connection.abandoned_at = now;
        }
    }
}

impl State {
    /// Sends an event to every connection it is for.
    pub(super) fn publish(&mut self, event: &Event) {
        let mut json = event.json();
        if !self.version.old_post_shape()
            && let Some(broadcast) = json.get_mut("broadcast").and_then(Value::as_object_mut)
        {
            broadcast.insert("connection_id".to_owned(), json!(""));
            broadcast.insert("omit_connection_id".to_owned(), json!(""));
        }
        // Nobody listening is not an error.
        let _ = self.hub.subscribers.send(Arc::new(json.clone()));
        if self.hub.lose > 0 {
            self.hub.lose -= 1;
            return;
        }
        let mut copies = 1;
        if event.name == "posted" && self.hub.duplicate > 0 {
            self.hub.duplicate -= 1;
            copies = 2;
        }
        let recipients: Vec<Id> = (self.hub.connections.iter())
            .filter(|(_, connection)| self.receives(connection.user, event))
            .map(|(id, _)| *id)
            .collect();
        for id in recipients {
            if self.mute_if_inactive(id) {
                continue;
            }
            for _ in 0..copies {
                self.enqueue(id, event, &json);
            }
        }
    }

    fn enqueue(&mut self, id: Id, event: &Event, json: &Value) {
        let Some(connection) = self.hub.connections.get_mut(&id) else { return };
        if event.droppable() && connection.queue.len() >= QUEUE_SLOW {
            return;
        }
        if connection.queue.len() >= QUEUE {
            connection.wake.notify_one();
            self.hub.connections.remove(&id);
            return;
        }
        connection.push(json.clone());
    }

    fn mute_if_inactive(&mut self, id: Id) -> bool {
        let Some(connection) = self.hub.connections.get_mut(&id) else { return true };
        connection.muted |= self.users.get(&connection.user).is_none_or(|user| user.delete_at != 0);
        connection.muted
    }

    fn receives(&self, user: Id, event: &Event) -> bool {
        if event.to.omit_users.contains(&user) {
            return false;
        }
        if let Some(only) = event.to.user {
            return only == user;
        }
        if let Some(channel) = event.to.channel {
            return self.is_member(channel, user);
        }
        event.to.team.is_none_or(|team| self.team_members.contains(&(team, user)))
    }
}
