//! Files between this process and a worker: which are under way, and what becomes of
//! each.
//!
//! Trust: none in the worker's words. News of a file that is not under way belongs
//! nowhere; one that was given up may still have some on their way. Who is told waits
//! for room of its own giving, so that nobody's files fill this process's memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use gaggle_ipc::channel::ChannelError;
use gaggle_ipc::files::{FileNews, FileOrder, FileRefusal};
use gaggle_ipc::session::ToWorker;
use gaggle_ipc::{ThreadId, TurnId};
use tokio::sync::mpsc;

use super::Worker;

/// News of one route that wait to be read: two windows, and what ends them.
const QUEUE: usize = 64;

/// The files under way; `None` once the worker is gone.
#[derive(Debug)]
pub(super) struct Files(Mutex<Option<HashMap<TurnId, Entry>>>);

#[derive(Debug)]
struct Entry {
    thread: ThreadId,
    news: mpsc::Sender<(u32, FileNews)>,
    open: HashSet<u32>,
}

/// Where news belong.
#[derive(Debug)]
pub(super) enum Told {
    /// To whoever holds this.
    Route(mpsc::Sender<(u32, FileNews)>),
    /// Nowhere: no such file is under way.
    Nowhere,
}

impl Files {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    /// Tells everybody that the worker is gone.
    pub(super) fn close(&self) {
        if let Ok(mut files) = self.0.lock() {
            *files = None;
        }
    }

    /// Takes note of news.
    pub(super) fn place(&self, thread: ThreadId, turn: TurnId, file: u32, news: &FileNews) -> Told {
        let Ok(mut files) = self.0.lock() else { return Told::Nowhere };
        let Some(files) = files.as_mut() else { return Told::Nowhere };
        let Some(entry) = files.get_mut(&turn) else { return Told::Nowhere };
        let known =
            if news.is_last() { entry.open.remove(&file) } else { entry.open.contains(&file) };
        if !known || entry.thread != thread {
            return Told::Nowhere;
        }
        let route = entry.news.clone();
        if entry.open.is_empty() && route.is_closed() {
            files.remove(&turn);
        }
        Told::Route(route)
    }

    fn open(&self, turn: TurnId, entry: Entry) -> Option<()> {
        self.0.lock().ok()?.as_mut()?.insert(turn, entry);
        Some(())
    }

    fn begin(&self, turn: TurnId, file: u32) {
        if let Ok(mut files) = self.0.lock()
            && let Some(entry) = files.as_mut().and_then(|files| files.get_mut(&turn))
        {
            entry.open.insert(file);
        }
    }

    /// Forgets a route of which nothing is under way; tells what is.
    fn abandon(&self, turn: TurnId) -> Vec<u32> {
        let Ok(mut files) = self.0.lock() else { return Vec::new() };
        let Some(files) = files.as_mut() else { return Vec::new() };
        let open: Vec<u32> =
            files.get(&turn).map(|entry| entry.open.iter().copied().collect()).unwrap_or_default();
        if open.is_empty() {
            files.remove(&turn);
        }
        open
    }
}

/// Files of one thread, done one after the other. Dropped, whatever is under way is
/// given up.
#[derive(Debug)]
pub struct FileRoute {
    worker: Arc<Worker>,
    thread: ThreadId,
    turn: TurnId,
    news: mpsc::Receiver<(u32, FileNews)>,
    file: u32,
}

impl FileRoute {
    /// A route under a number that is not given twice; `None` if the worker is gone.
    pub(super) fn open(worker: &Arc<Worker>, thread: ThreadId, turn: TurnId) -> Option<Self> {
        let (sender, news) = mpsc::channel(QUEUE);
        worker.files.open(turn, Entry { thread, news: sender, open: HashSet::new() })?;
        Some(Self { worker: worker.clone(), thread, turn, news, file: 0 })
    }

    /// Begins the next file; what is under way must have ended.
    ///
    /// # Errors
    /// The worker is gone.
    pub async fn begin(&mut self, order: FileOrder) -> Result<(), ChannelError> {
        self.file += 1;
        self.worker.files.begin(self.turn, self.file);
        self.order(order).await
    }

    /// Says more about the file that is under way.
    ///
    /// # Errors
    /// The worker is gone.
    pub async fn order(&self, order: FileOrder) -> Result<(), ChannelError> {
        let (thread, turn, file) = (self.thread, self.turn, self.file);
        self.worker.send(&ToWorker::File { thread, turn, file, order }).await
    }

    /// The next news of that file; `None` when the worker is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<FileNews> {
        loop {
            let (file, news) = self.news.recv().await?;
            if file == self.file {
                return Some(news);
            }
        }
    }

    /// Gives the file up, and waits until that is so.
    pub async fn stop(&mut self) -> Option<FileRefusal> {
        self.order(FileOrder::Stop).await.ok()?;
        loop {
            match self.next().await? {
                FileNews::Refused(why) => return Some(why),
                news if news.is_last() => return Some(FileRefusal::Stopped),
                _ => {}
            }
        }
    }
}

impl Drop for FileRoute {
    fn drop(&mut self) {
        self.news.close();
        let open = self.worker.files.abandon(self.turn);
        if open.is_empty() {
            return;
        }
        let (worker, thread, turn) = (self.worker.clone(), self.thread, self.turn);
        tokio::spawn(async move {
            for file in open {
                let stop = ToWorker::File { thread, turn, file, order: FileOrder::Stop };
                let _ = worker.send(&stop).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(last: char) -> ThreadId {
        ThreadId::new(&format!("zo3yx6gsxbf8ppuaojzhiaj1y{last}")).unwrap()
    }

    fn files() -> (Files, mpsc::Receiver<(u32, FileNews)>) {
        let files = Files::new();
        let (news, told) = mpsc::channel(1);
        let entry = Entry { thread: thread('a'), news, open: HashSet::new() };
        files.open(TurnId(1), entry).unwrap();
        (files, told)
    }

    fn is_known(files: &Files, thread: ThreadId, file: u32, news: &FileNews) -> bool {
        matches!(files.place(thread, TurnId(1), file, news), Told::Route(_))
    }

    #[test]
    fn only_what_is_under_way_is_heard_of_and_its_end_once() {
        let (files, _told) = files();
        let (room, ended) = (FileNews::Room { chunks: 1 }, FileNews::Ended);
        assert!(!is_known(&files, thread('a'), 1, &room), "before it was begun");
        files.begin(TurnId(1), 1);
        assert!(is_known(&files, thread('a'), 1, &room));
        assert!(!is_known(&files, thread('b'), 1, &room), "of another thread");
        assert!(!is_known(&files, thread('a'), 2, &room), "of another file");
        assert!(is_known(&files, thread('a'), 1, &ended));
        assert!(!is_known(&files, thread('a'), 1, &ended), "twice");
    }

    #[test]
    fn what_was_given_up_is_known_until_it_ends_and_no_longer() {
        let (files, told) = files();
        files.begin(TurnId(1), 1);
        drop(told);
        assert_eq!(files.abandon(TurnId(1)), [1]);
        assert!(is_known(&files, thread('a'), 1, &FileNews::Room { chunks: 1 }));
        assert!(is_known(&files, thread('a'), 1, &FileNews::Ended));
        assert!(files.0.lock().unwrap().as_ref().unwrap().is_empty());
    }
}
