//! What the scripted LLM was asked, within limits.
//!
//! Trust: requests come from Goose processes under test; the oldest are
//! forgotten before the memory they take grows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::request::user_texts;

/// Most requests remembered.
const MAX_REQUESTS: usize = 512;
/// Most bytes of request bodies remembered.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How far the answer to a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is being given, or hangs as it was told to.
    Open,
    /// It was given to its end, be that an error or a cut.
    Answered,
    /// The client went away before its end.
    Abandoned,
}

/// One request for a completion.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request as it came.
    pub body: Value,
    /// What became of it.
    pub outcome: Outcome,
}

impl Request {
    /// The texts of the person's own messages in it, oldest first.
    #[must_use]
    pub fn user_texts(&self) -> Vec<String> {
        user_texts(&self.body)
    }
}

/// All that is remembered.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<(u64, usize, Request)>,
    bytes: usize,
    next: u64,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.lock().requests.iter().map(|(_, _, r)| r.clone()).collect()
    }

    /// How often the messages of `body` were sent before: Goose repeats a
    /// request that failed.
    pub(super) fn attempts(&self, body: &Value) -> usize {
        let texts = user_texts(body);
        self.lock().requests.iter().filter(|(_, _, r)| user_texts(&r.body) == texts).count()
    }

    /// Remembers a request; the entry tells what becomes of it.
    pub(super) fn begin(self: &Arc<Self>, body: Value) -> Entry {
        let size = body.to_string().len();
        let mut kept = self.lock();
        let id = kept.next;
        kept.next += 1;
        kept.bytes += size;
        let outcome = Outcome::Open;
        kept.requests.push_back((id, size, Request { body, outcome }));
        while kept.requests.len() > MAX_REQUESTS || kept.bytes > MAX_BYTES {
            match kept.requests.pop_front() {
                Some((_, size, _)) => kept.bytes = kept.bytes.saturating_sub(size),
                None => break,
            }
        }
        Entry { record: Arc::clone(self), id, outcome: Outcome::Abandoned }
    }
}

/// A request whose answer is under way. Dropped early, it was abandoned.
#[derive(Debug)]
pub(super) struct Entry {
    record: Arc<Record>,
    id: u64,
    outcome: Outcome,
}

impl Entry {
    /// The answer was given to its end.
    pub(super) fn answered(&mut self) {
        self.outcome = Outcome::Answered;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut kept = self.record.lock();
        let mine = kept.requests.iter_mut().find(|(id, _, _)| *id == self.id);
        if let Some((_, _, request)) = mine {
            request.outcome = self.outcome;
        }
    }
}
