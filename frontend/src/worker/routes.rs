//! Which thread gets which frames.
//!
//! Trust: as the module above. A thread that does not read holds up its own
//! worker and nobody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gaggle_ipc::ThreadId;
use gaggle_ipc::session::FromWorker;
use tokio::sync::mpsc;

use super::Worker;

/// Frames of one thread that wait to be read.
const ROUTE_QUEUE: usize = 64;

/// Where the frames of each thread go; `None` once the worker is gone.
#[derive(Debug)]
pub(super) struct Routes(Mutex<Option<HashMap<ThreadId, mpsc::Sender<FromWorker>>>>);

impl Routes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    pub(super) fn are_open(&self) -> bool {
        self.0.lock().is_ok_and(|routes| routes.is_some())
    }

    /// Tells every thread that its worker is gone.
    pub(super) fn close(&self) {
        if let Ok(mut routes) = self.0.lock() {
            *routes = None;
        }
    }

    /// Hands a frame to its thread. Frames that nobody follows are dropped.
    pub(super) async fn deliver(&self, thread: ThreadId, frame: FromWorker) {
        let route = match self.0.lock() {
            Ok(routes) => routes.as_ref().and_then(|all| all.get(&thread).cloned()),
            Err(_) => None,
        };
        if let Some(route) = route {
            let _ = route.send(frame).await;
        }
    }
}

/// The frames of one thread, as long as it is held.
#[derive(Debug)]
pub struct Route {
    worker: Arc<Worker>,
    thread: ThreadId,
    frames: mpsc::Receiver<FromWorker>,
}

impl Route {
    pub(super) fn open(worker: &Arc<Worker>, thread: ThreadId) -> Option<Self> {
        let (sender, frames) = mpsc::channel(ROUTE_QUEUE);
        let mut routes = worker.routes.0.lock().ok()?;
        routes.as_mut()?.insert(thread, sender);
        drop(routes);
        Some(Self { worker: worker.clone(), thread, frames })
    }

    /// The next frame; `None` when the worker is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<FromWorker> {
        self.frames.recv().await
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.frames.close();
        if let Ok(mut routes) = self.worker.routes.0.lock()
            && let Some(routes) = routes.as_mut()
            // A newer route of the same thread stays.
            && routes.get(&self.thread).is_some_and(mpsc::Sender::is_closed)
        {
            routes.remove(&self.thread);
        }
    }
}
