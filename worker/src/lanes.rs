//! What waits to be sent to the frontend: one lane per thread, bounded.
//!
//! Goose knows no back-pressure and the frontend may be slow, so text that waits
//! is joined, a tool's or the context's newer state replaces the one that waits,
//! and a lane that is full says so.
//!
//! Trust: the sizes come from agents; every message here fits a frame.

use std::collections::{HashMap, VecDeque};

use gaggle_ipc::files::FileNews;
use gaggle_ipc::session::{DeltaKind, FromWorker, Part};
use gaggle_ipc::{Text, ThreadId, TurnId};

/// Most bytes of text and tools that wait in one lane.
const LANE_LIMIT: usize = 4 * 1024 * 1024;
/// What a message counts beside its text.
const OVERHEAD: usize = 256;

/// A lane is full: its turn must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Messages on their way, by thread.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    waiting: HashMap<ThreadId, Lane>,
    // Who is next: each lane with something in it stands here once.
    turn: VecDeque<ThreadId>,
    total: usize,
}

#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Item>,
    bytes: usize,
}

#[derive(Debug)]
enum Item {
    Text { turn: TurnId, kind: DeltaKind, text: String },
    Other(FromWorker),
}

impl Lanes {
    /// Adds text of the turn, joined to what waits.
    ///
    /// # Errors
    /// [`Full`]; then the text is not taken.
    pub(crate) fn text(
        &mut self,
        thread: ThreadId,
        turn: TurnId,
        kind: DeltaKind,
        text: &str,
    ) -> Result<(), Full> {
        if self.bytes(thread) + text.len() > LANE_LIMIT {
            return Err(Full);
        }
        if let Some(last) = self.joinable(thread, turn, kind, text.len()) {
            last.push_str(text);
            self.grow(thread, text.len());
            return Ok(());
        }
        for piece in Part::pieces(text) {
            self.push(thread, Item::Text { turn, kind, text: piece.into_string() });
        }
        Ok(())
    }

    /// Adds a state, in place of an older one of the same thing.
    ///
    /// # Errors
    /// [`Full`]; then it is not taken.
    pub(crate) fn state(&mut self, thread: ThreadId, message: FromWorker) -> Result<(), Full> {
        if self.bytes(thread) > LANE_LIMIT {
            return Err(Full);
        }
        self.replace_or_push(thread, message);
        Ok(())
    }

    /// Adds a message that is never refused.
    pub(crate) fn event(&mut self, thread: ThreadId, message: FromWorker) {
        self.push(thread, Item::Other(message));
    }

    /// How many messages wait.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    fn bytes(&self, thread: ThreadId) -> usize {
        self.waiting.get(&thread).map_or(0, |lane| lane.bytes)
    }

    fn grow(&mut self, thread: ThreadId, bytes: usize) {
        if let Some(lane) = self.waiting.get_mut(&thread) {
            lane.bytes += bytes;
        }
    }

    fn joinable(
        &mut self,
        thread: ThreadId,
        turn: TurnId,
        kind: DeltaKind,
        more: usize,
    ) -> Option<&mut String> {
        match self.waiting.get_mut(&thread)?.items.back_mut()? {
            Item::Text { turn: of, kind: as_kind, text }
                if *of == turn && *as_kind == kind && text.len() + more <= Part::MAX =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    fn push(&mut self, thread: ThreadId, item: Item) {
        let lane = self.waiting.entry(thread).or_default();
        if lane.items.is_empty() {
            self.turn.push_back(thread);
        }
        lane.bytes += item.size();
        lane.items.push_back(item);
        self.total += 1;
    }

    fn replace_or_push(&mut self, thread: ThreadId, message: FromWorker) {
        let lane = self.waiting.entry(thread).or_default();
        let older = lane.items.iter_mut().rev().find_map(|item| match item {
            Item::Other(older) if is_same_thing(older, &message) => Some(older),
            _ => None,
        });
        match older {
            Some(older) => {
                lane.bytes = lane.bytes.saturating_sub(size_of(older)) + size_of(&message);
                *older = message;
            }
            None => self.push(thread, Item::Other(message)),
        }
    }

    /// The next message; threads take turns.
    pub(crate) fn pop(&mut self) -> Option<FromWorker> {
        let thread = self.turn.pop_front()?;
        let lane = self.waiting.get_mut(&thread)?;
        let item = lane.items.pop_front()?;
        lane.bytes = lane.bytes.saturating_sub(item.size());
        self.total = self.total.saturating_sub(1);
        if lane.items.is_empty() {
            self.waiting.remove(&thread);
        } else {
            self.turn.push_back(thread);
        }
        Some(match item {
            Item::Other(message) => message,
            Item::Text { turn, kind, text } => {
                FromWorker::Delta { thread, turn, kind, text: Text::lossy(&text) }
            }
        })
    }
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Text { text, .. } => text.len() + OVERHEAD,
            Self::Other(message) => size_of(message),
        }
    }
}

fn size_of(message: &FromWorker) -> usize {
    OVERHEAD
        + match message {
            FromWorker::Tool { detail, .. } => detail.as_str().len(),
            FromWorker::PermissionAsk { detail, .. } => detail.as_str().len(),
            FromWorker::Notice { text, .. } => text.as_str().len(),
            FromWorker::File { news: FileNews::Bytes(chunk), .. } => chunk.bytes().len(),
            _ => 0,
        }
}

fn is_same_thing(older: &FromWorker, newer: &FromWorker) -> bool {
    match (older, newer) {
        (FromWorker::Tool { turn: a, call: x, .. }, FromWorker::Tool { turn: b, call: y, .. }) => {
            a == b && x == y
        }
        (FromWorker::Usage { .. }, FromWorker::Usage { .. }) => true,
        (FromWorker::Spent { turn: a, .. }, FromWorker::Spent { turn: b, .. }) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaggle_ipc::session::ToolState;

    const TURN: TurnId = TurnId(1);

    fn thread(last: char) -> ThreadId {
        ThreadId::new(&format!("zo3yx6gsxbf8ppuaojzhiaj1y{last}")).unwrap()
    }

    fn drained(lanes: &mut Lanes) -> Vec<FromWorker> {
        std::iter::from_fn(|| lanes.pop()).collect()
    }

    fn texts(messages: &[FromWorker]) -> String {
        let text = |message: &FromWorker| match message {
            FromWorker::Delta { text, .. } => text.as_str().to_owned(),
            _ => "|".to_owned(),
        };
        messages.iter().map(text).collect()
    }

    fn tool(call: u32, state: ToolState) -> FromWorker {
        FromWorker::Tool {
            thread: thread('a'),
            turn: TURN,
            call,
            state,
            name: Text::lossy("shell"),
            title: Text::lossy("t"),
            detail: Text::lossy("d"),
        }
    }

    #[test]
    fn waiting_text_is_joined_and_keeps_its_place() {
        let mut lanes = Lanes::default();
        let a = thread('a');
        for word in ["one ", "two "] {
            lanes.text(a, TURN, DeltaKind::Answer, word).unwrap();
        }
        lanes.state(a, tool(1, ToolState::Running)).unwrap();
        lanes.text(a, TURN, DeltaKind::Answer, "three").unwrap();
        let messages = drained(&mut lanes);
        assert_eq!(messages.len(), 3);
        assert_eq!(texts(&messages), "one two |three");
    }

    #[test]
    fn every_frame_fits_whatever_a_model_sends_at_once() {
        let mut lanes = Lanes::default();
        let long = "ä".repeat(300_000);
        lanes.text(thread('a'), TURN, DeltaKind::Answer, &long).unwrap();
        let messages = drained(&mut lanes);
        assert!(messages.iter().all(|message| gaggle_ipc::codec::encode(message).is_ok()));
        assert_eq!(texts(&messages), long);
    }

    #[test]
    fn a_full_lane_refuses_text_and_still_takes_the_turns_end() {
        let mut lanes = Lanes::default();
        let a = thread('a');
        let chunk = "x".repeat(64 * 1024);
        let taken = (0..1000)
            .take_while(|_| lanes.text(a, TURN, DeltaKind::Answer, &chunk).is_ok())
            .count();
        assert!(taken > 1 && taken < 100, "{taken}");
        lanes.event(a, FromWorker::ThreadClosed { thread: a });
        lanes.text(thread('b'), TURN, DeltaKind::Answer, "b").unwrap();
        let messages = drained(&mut lanes);
        assert!(messages.contains(&FromWorker::ThreadClosed { thread: a }));
    }

    #[test]
    fn only_the_latest_state_of_a_tool_waits() {
        let mut lanes = Lanes::default();
        lanes.state(thread('a'), tool(1, ToolState::Running)).unwrap();
        lanes.state(thread('a'), tool(2, ToolState::Running)).unwrap();
        lanes.state(thread('a'), tool(1, ToolState::Completed)).unwrap();
        let expected = [tool(1, ToolState::Completed), tool(2, ToolState::Running)];
        assert_eq!(drained(&mut lanes), expected);
    }

    #[test]
    fn threads_take_turns() {
        let mut lanes = Lanes::default();
        let (a, b) = (thread('a'), thread('b'));
        for call in 1..3 {
            lanes.state(a, tool(call, ToolState::Running)).unwrap();
        }
        lanes.event(b, FromWorker::ThreadClosed { thread: b });
        assert_eq!(drained(&mut lanes).get(1), Some(&FromWorker::ThreadClosed { thread: b }));
    }
}
