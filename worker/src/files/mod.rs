//! Files on their way between the frontend and the workspace.
//!
//! The worker opens none: a process in the agent's sandbox does
//! ([`transfer`](crate::transfer)), one for each file, and the worker passes on the
//! pieces, of which only a few are ever here.
//!
//! Trust: the frontend, within bounds: so many files at once, and no more pieces than
//! there is room for. The other process counts as an agent.

mod image;
mod pipe;
mod relay;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal, OUTBOX, WINDOW};
use gaggle_ipc::session::FromWorker;
use gaggle_ipc::{ThreadId, TurnId};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::stage::Shared;

pub(crate) use image::{ImageError, feed};

/// Most files that are under way, those included that wait.
const MOST_OPEN: usize = 32;
/// Most processes that open files at once.
pub(crate) const MOST_TRANSFERS: usize = 4;
/// Orders about one file that may wait: its window, its end, and its beginning.
const ORDERS: usize = WINDOW as usize + 2;

/// What a file is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The conversation.
    pub(crate) thread: ThreadId,
    /// What it is for.
    pub(crate) turn: TurnId,
    /// Its number there.
    pub(crate) file: u32,
}

/// The files under way.
pub(crate) struct Files {
    shared: Rc<Shared>,
    open: HashMap<Key, mpsc::Sender<FileOrder>>,
}

/// How many processes may open files at once.
pub(crate) fn transfers() -> Semaphore {
    Semaphore::new(MOST_TRANSFERS)
}

/// Whether there may be files in the thread's outbox. Nothing is opened: whoever
/// answers for what is there looks at it from within the sandbox.
pub(crate) fn may_be_filled(workspace: &Path, thread: ThreadId) -> bool {
    workspace.join(OUTBOX).join(thread.as_str()).symlink_metadata().is_ok()
}

impl Files {
    /// None.
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, open: HashMap::new() }
    }

    /// Takes an order. Never waits.
    pub(crate) fn take(&mut self, serving: &mut JoinSet<()>, key: Key, order: FileOrder) {
        self.open.retain(|_, orders| !orders.is_closed());
        match order {
            FileOrder::Store { .. }
            | FileOrder::List { .. }
            | FileOrder::Read { .. }
            | FileOrder::SetAside { .. } => self.begin(serving, key, order),
            FileOrder::Bytes(_) | FileOrder::Whole | FileOrder::Room { .. } | FileOrder::Stop => {
                // What comes after the end, or beyond what there is room for, ends it.
                let over = |orders: &mpsc::Sender<FileOrder>| orders.try_send(order).is_err();
                if self.open.get(&key).is_some_and(over) {
                    self.open.remove(&key);
                }
            }
        }
    }

    fn begin(&mut self, serving: &mut JoinSet<()>, key: Key, order: FileOrder) {
        if self.open.contains_key(&key) {
            tracing::warn!("a file is begun that is under way; the second is ignored");
            return;
        }
        if self.open.len() >= MOST_OPEN {
            return tell(&self.shared, key, FileNews::Refused(FileRefusal::Busy));
        }
        let (orders, waiting) = mpsc::channel(ORDERS);
        self.open.insert(key, orders);
        serving.spawn_local(relay::run(Rc::clone(&self.shared), key, order, waiting));
    }

    /// Ends all of them.
    pub(crate) fn end(&mut self) {
        self.open.clear();
    }
}

/// Tells the frontend.
fn tell(shared: &Shared, key: Key, news: FileNews) {
    let Key { thread, turn, file } = key;
    shared.outbox.event(thread, FromWorker::File { thread, turn, file, news });
}
