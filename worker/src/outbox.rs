//! The way to the frontend: putting something in never waits, one task sends.
//!
//! What a turn's course depends on goes at once, with all that came before it, and
//! so does text after a pause. Only text that follows text is collected a little.
//!
//! Trust: a frontend may be slow, and one that does not read at all is given up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use gaggle_ipc::channel::{ChannelError, WorkerEnd};
use gaggle_ipc::session::{DeltaKind, FromWorker};
use gaggle_ipc::{ThreadId, TurnId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::lanes::{Full, Lanes};

/// Most messages that wait in all lanes: beyond it the frontend is broken.
const TOTAL_LIMIT: usize = 65_536;
/// How long text is collected after text was sent.
const COLLECT: Duration = Duration::from_millis(25);

/// Messages on their way to the frontend.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: RefCell<Lanes>,
    // What belongs to no thread. Few and short.
    own: RefCell<VecDeque<FromWorker>>,
    filled: Notify,
    /// Something in it does not wait.
    urgent: Cell<bool>,
    stuck: Notify,
    closing: Cell<bool>,
}

impl Outbox {
    /// Adds text of the turn.
    ///
    /// # Errors
    /// [`Full`]; then the text is not taken.
    pub(crate) fn text(
        &self,
        thread: ThreadId,
        turn: TurnId,
        kind: DeltaKind,
        text: &str,
    ) -> Result<(), Full> {
        self.lanes.borrow_mut().text(thread, turn, kind, text)?;
        self.filled.notify_one();
        Ok(())
    }

    /// Adds a state that replaces an older one of the same thing.
    ///
    /// # Errors
    /// [`Full`]; then it is not taken.
    pub(crate) fn state(&self, thread: ThreadId, message: FromWorker) -> Result<(), Full> {
        self.lanes.borrow_mut().state(thread, message)?;
        self.filled.notify_one();
        Ok(())
    }

    /// Adds a message that is never refused: there are few of them in a turn.
    pub(crate) fn event(&self, thread: ThreadId, message: FromWorker) {
        self.lanes.borrow_mut().event(thread, message);
        self.taken();
    }

    /// Adds a message that belongs to no thread.
    pub(crate) fn of_worker(&self, message: FromWorker) {
        self.own.borrow_mut().push_back(message);
        self.taken();
    }

    fn taken(&self) {
        self.urgent.set(true);
        if self.lanes.borrow().total() + self.own.borrow().len() > TOTAL_LIMIT {
            self.stuck.notify_one();
        }
        self.filled.notify_one();
    }

    /// Sends what comes, until [`Outbox::close`] and nothing is left.
    ///
    /// # Errors
    /// When the socket is of no use any more.
    pub(crate) async fn send_all(&self, channel: &WorkerEnd) -> Result<(), ChannelError> {
        let mut collecting = None;
        loop {
            self.urgent.set(false);
            while let Some(message) = self.next() {
                if matches!(message, FromWorker::Delta { .. }) {
                    collecting = Some(Instant::now() + COLLECT);
                }
                channel.send(&message).await?;
            }
            if self.closing.get() {
                return Ok(());
            }
            self.filled.notified().await;
            if let Some(end) = collecting {
                self.collect(end).await;
            }
        }
    }

    /// Waits until then, or until something comes that does not wait.
    async fn collect(&self, end: Instant) {
        let mut over = pin!(sleep_until(end));
        while !self.urgent.get() && !self.closing.get() {
            tokio::select! {
                () = &mut over => return,
                () = self.filled.notified() => {}
            }
        }
    }

    /// Lets [`Outbox::send_all`] return once everything is sent.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.filled.notify_one();
    }

    /// Returns when so much waits that the frontend cannot be reading.
    pub(crate) async fn stuck(&self) {
        self.stuck.notified().await;
    }

    fn next(&self) -> Option<FromWorker> {
        let own = self.own.borrow_mut().pop_front();
        own.or_else(|| self.lanes.borrow_mut().pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaggle_ipc::channel::FrontendEnd;
    use gaggle_ipc::session::TurnEnd;
    use gaggle_ipc::{Text, seqpacket};

    fn thread() -> ThreadId {
        ThreadId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap()
    }

    #[tokio::test]
    async fn a_frontend_that_never_reads_is_given_up() {
        let outbox = Outbox::default();
        let thread = thread();
        for _ in 0..TOTAL_LIMIT {
            outbox.event(thread, FromWorker::ThreadClosed { thread });
        }
        let stuck = tokio::time::timeout(Duration::ZERO, outbox.stuck()).await;
        assert!(stuck.is_err(), "positive control");
        outbox.event(thread, FromWorker::ThreadClosed { thread });
        outbox.stuck().await;
    }

    #[tokio::test]
    async fn a_frontend_that_only_asks_for_probes_is_given_up_too() {
        let outbox = Outbox::default();
        for _ in 0..=TOTAL_LIMIT {
            outbox.of_worker(FromWorker::ProbeEnded { complete: false });
        }
        outbox.stuck().await;
    }

    #[tokio::test]
    async fn what_waits_when_it_is_closed_is_still_sent() {
        let (ours, theirs) = seqpacket::pair().unwrap();
        let worker = WorkerEnd::new(ours).unwrap();
        let frontend = FrontendEnd::new(theirs).unwrap();
        let outbox = Outbox::default();
        let thread = thread();
        // More than the socket's queue holds.
        for turn in 0..1000 {
            outbox.event(thread, FromWorker::TurnStarted { thread, turn: TurnId(turn) });
        }
        outbox.close();
        let reading = async {
            for turn in 0..1000 {
                let expected = FromWorker::TurnStarted { thread, turn: TurnId(turn) };
                assert_eq!(frontend.receive().await.unwrap(), Some(expected));
            }
        };
        let (sent, ()) = tokio::join!(outbox.send_all(&worker), reading);
        assert!(sent.is_ok());
    }

    /// A turn's messages and, for each, the time since the first was there.
    async fn heard(say: impl AsyncFnOnce(&Outbox)) -> Vec<(FromWorker, Duration)> {
        let (ours, theirs) = seqpacket::pair().unwrap();
        let worker = WorkerEnd::new(ours).unwrap();
        let frontend = FrontendEnd::new(theirs).unwrap();
        let outbox = Outbox::default();
        let begun = Instant::now();
        let saying = async {
            say(&outbox).await;
            outbox.close();
        };
        let reading = async {
            let mut heard = Vec::new();
            while let Some(message) = frontend.receive().await.unwrap() {
                let last = matches!(message, FromWorker::TurnEnded { .. });
                heard.push((message, begun.elapsed()));
                if last {
                    break;
                }
            }
            heard
        };
        let (sent, (), heard) = tokio::join!(outbox.send_all(&worker), saying, reading);
        sent.unwrap();
        heard
    }

    fn say(outbox: &Outbox, text: &str) {
        outbox.text(thread(), TurnId(1), DeltaKind::Answer, text).unwrap();
    }

    fn end(outbox: &Outbox) {
        let (thread, turn, end) = (thread(), TurnId(1), TurnEnd::Complete);
        outbox.event(thread, FromWorker::TurnEnded { thread, turn, end });
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_text_and_the_end_of_a_turn_do_not_wait() {
        let heard = heard(async |outbox| {
            let (thread, turn) = (thread(), TurnId(1));
            outbox.event(thread, FromWorker::TurnStarted { thread, turn });
            tokio::task::yield_now().await;
            say(outbox, "a");
            // More than it takes to send it, and less than text is collected.
            tokio::time::sleep(COLLECT / 5).await;
            say(outbox, "b");
            end(outbox);
        });
        let heard = heard.await;
        assert_eq!(heard.len(), 4, "{heard:?}");
        assert!(heard.iter().all(|(_, after)| *after < COLLECT / 2), "{heard:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn text_that_follows_text_is_collected() {
        let heard = heard(async |outbox| {
            for piece in ["a", "b", "c", "d"] {
                say(outbox, piece);
                tokio::time::sleep(COLLECT / 5).await;
            }
            tokio::time::sleep(COLLECT).await;
            end(outbox);
        });
        let texts: Vec<_> = heard.await.into_iter().map(|(message, _)| message).collect();
        let delta = |text: &str| FromWorker::Delta {
            thread: thread(),
            turn: TurnId(1),
            kind: DeltaKind::Answer,
            text: Text::lossy(text),
        };
        assert_eq!(texts.get(..2), Some(&[delta("a"), delta("bcd")][..]), "{texts:?}");
    }
}
