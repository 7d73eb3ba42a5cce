//! The Goose processes a person may have at once, and who gives one up.
//!
//! Trust: this process's own threads. A thread in need takes a free slot, else
//! asks the thread that is idle longest to stop its Goose, and waits in line.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use gaggle_ipc::{GooseSession, ThreadId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Threads that may wait in line for a slot.
const MOST_WAITING: usize = 64;

/// With so many slots one may be kept for a conversation that is yet to begin.
const ENOUGH: usize = 3;

/// All slots of a worker.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    count: usize,
    waiting: Cell<usize>,
    idle: RefCell<BTreeMap<u64, Rc<Notify>>>,
    next: Cell<u64>,
    sessions: RefCell<HashMap<GooseSession, ThreadId>>,
    /// Threads that were told to give their sessions up.
    leaving: RefCell<HashSet<ThreadId>>,
    released: Notify,
}

/// The line is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineFull;

/// A thread's offer to give up its Goose. Dropped: taken back.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    slots: &'a Slots,
    number: u64,
    wanted: Rc<Notify>,
}

/// A place in the line. Dropped: left.
struct InLine<'a>(&'a Slots);

impl Slots {
    /// `count` free slots.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            waiting: Cell::new(0),
            idle: RefCell::default(),
            next: Cell::new(0),
            sessions: RefCell::default(),
            leaving: RefCell::default(),
            released: Notify::new(),
        }
    }

    /// Takes a slot, waiting for one where none is free. Safe to cancel.
    ///
    /// # Errors
    /// [`LineFull`] if too many wait already.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, LineFull> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(permit);
        }
        if self.waiting.get() >= MOST_WAITING {
            return Err(LineFull);
        }
        let _line = InLine::join(self);
        if let Some((_, longest)) = self.idle.borrow_mut().pop_first() {
            longest.notify_one();
        }
        Arc::clone(&self.free).acquire_owned().await.map_err(|_| LineFull)
    }

    /// Takes a slot for a Goose that nobody needs yet: a free one, or where there
    /// are enough the one of the thread that is idle longest, which would be the
    /// next to go. `None` if somebody needs it more. Safe to cancel.
    pub(crate) async fn take_for_spare(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(permit);
        }
        if self.count < ENOUGH || self.waiting.get() > 0 {
            return None;
        }
        let (_, longest) = self.idle.borrow_mut().pop_first()?;
        longest.notify_one();
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Offers the caller's Goose while it is idle.
    pub(crate) fn offer(&self) -> Offer<'_> {
        let number = self.next.get();
        self.next.set(number + 1);
        let wanted = Rc::new(Notify::new());
        if self.waiting.get() > 0 {
            wanted.notify_one();
        } else {
            self.idle.borrow_mut().insert(number, Rc::clone(&wanted));
        }
        Offer { slots: self, number, wanted }
    }

    /// Claims a Goose session for a thread: two processes on one session are
    /// accepted by Goose in silence and spoil it. Waits for a thread that is giving
    /// it up. Returns whether it is the thread's now. Safe to cancel.
    pub(crate) async fn claim(&self, session: &GooseSession, thread: ThreadId) -> bool {
        loop {
            let released = self.released.notified();
            let owner = *self.sessions.borrow_mut().entry(session.clone()).or_insert(thread);
            if owner == thread || !self.leaving.borrow().contains(&owner) {
                return owner == thread;
            }
            released.await;
        }
    }

    /// The thread was told to give up its sessions, and will.
    pub(crate) fn leaving(&self, thread: ThreadId) {
        self.leaving.borrow_mut().insert(thread);
    }

    /// Gives up all sessions that the thread has claimed.
    pub(crate) fn release(&self, thread: ThreadId) {
        self.sessions.borrow_mut().retain(|_, owner| *owner != thread);
        self.leaving.borrow_mut().remove(&thread);
        self.released.notify_waiters();
    }
}

impl Offer<'_> {
    /// Waits until somebody needs the slot.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Takes the offer back. Returns whether it was still there: if not, somebody
    /// counts on the slot.
    pub(crate) fn take_back(self) -> bool {
        self.slots.idle.borrow_mut().remove(&self.number).is_some()
    }
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        self.slots.idle.borrow_mut().remove(&self.number);
    }
}

impl<'a> InLine<'a> {
    fn join(slots: &'a Slots) -> Self {
        slots.waiting.set(slots.waiting.get() + 1);
        Self(slots)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(20);

    fn thread(last: char) -> ThreadId {
        ThreadId::new(&format!("zo3yx6gsxbf8ppuaojzhiaj1y{last}")).unwrap()
    }

    #[tokio::test]
    async fn the_thread_idle_longest_is_asked_and_only_that() {
        let slots = Slots::new(2);
        let first = slots.take().await.unwrap();
        let _second = slots.take().await.unwrap();
        let longest = slots.offer();
        let shorter = slots.offer();
        let taking = slots.take();
        let giving = async {
            longest.wanted().await;
            assert!(timeout(SOON, shorter.wanted()).await.is_err());
            drop(first);
        };
        let (taken, ()) = tokio::join!(taking, giving);
        assert!(taken.is_ok());
        assert!(!longest.take_back() && shorter.take_back());
    }

    #[tokio::test]
    async fn a_thread_that_becomes_idle_while_others_wait_is_asked_at_once() {
        let slots = Slots::new(1);
        let only = slots.take().await.unwrap();
        let taking = slots.take();
        let giving = async {
            tokio::task::yield_now().await;
            slots.offer().wanted().await;
            drop(only);
        };
        assert!(tokio::join!(taking, giving).0.is_ok());
    }

    #[tokio::test]
    async fn a_spare_gets_a_free_slot_or_the_one_idle_longest_of_many_and_no_others() {
        let few = Slots::new(2);
        let _busy = few.take().await.unwrap();
        let spare = few.take_for_spare().await;
        assert!(spare.is_some(), "one is free");
        let idle = few.offer();
        assert!(few.take_for_spare().await.is_none() && idle.take_back(), "of few, one is taken");

        let many = Slots::new(3);
        let [first, _second, _third] =
            [many.take().await.unwrap(), many.take().await.unwrap(), many.take().await.unwrap()];
        assert!(many.take_for_spare().await.is_none(), "all are busy");
        let (longest, shorter) = (many.offer(), many.offer());
        let giving = async {
            longest.wanted().await;
            drop(first);
        };
        let (spare, ()) = tokio::join!(many.take_for_spare(), giving);
        assert!(spare.is_some() && !longest.take_back() && shorter.take_back());
    }

    #[tokio::test]
    async fn the_line_is_bounded_and_those_who_leave_make_room() {
        let slots = Slots::new(0);
        let mut line: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(slots.take())).collect();
        for place in &mut line {
            assert!(timeout(Duration::ZERO, place).await.is_err());
        }
        assert_eq!(slots.take().await.err(), Some(LineFull));
        line.pop();
        assert!(timeout(SOON, slots.take()).await.is_err(), "waits instead of being refused");
    }

    #[tokio::test]
    async fn a_session_belongs_to_one_thread_until_it_is_released() {
        let slots = Slots::new(1);
        let session = GooseSession::new("20260101_1").unwrap();
        assert!(slots.claim(&session, thread('a')).await);
        assert!(slots.claim(&session, thread('a')).await);
        assert!(!slots.claim(&session, thread('b')).await);
        slots.release(thread('a'));
        assert!(slots.claim(&session, thread('b')).await);
    }

    #[tokio::test]
    async fn a_thread_that_is_about_to_give_its_session_up_is_waited_for() {
        let slots = Slots::new(1);
        let session = GooseSession::new("20260101_1").unwrap();
        assert!(slots.claim(&session, thread('a')).await);
        slots.leaving(thread('a'));
        let (claimed, ()) = tokio::join!(slots.claim(&session, thread('b')), async {
            tokio::task::yield_now().await;
            slots.release(thread('a'));
        });
        assert!(claimed);
        assert!(!slots.claim(&session, thread('a')).await, "it is the other's now");
    }
}
