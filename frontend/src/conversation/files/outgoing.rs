//! Sends what an agent left in its outbox, once its answer stands.
//!
//! The ledger says that there is something, the post with files says what it has, and
//! only then is that moved aside in the outbox. So a kill at any point loses nothing,
//! and what was posted is not posted again.
//!
//! Trust: files go into the thread of the turn, and nowhere else. What is in the outbox
//! the worker says, and is believed of its own person's files alone.

use std::collections::HashSet;
use std::sync::Arc;

use gaggle_ipc::Text;
use gaggle_ipc::files::{Fate, FileNews, FileOrder, FilePlace, FileRefusal, MAX_LISTED, OUTBOX};
use tokio::sync::watch;

use super::super::{Inner, Key, Stop, root_of};
use super::sending::{self, Unsent, Wanted};
use crate::config::FileRules;
use crate::conversation::turn::stopped;
use crate::delivery::{Entry, FilesPlace, files};
use crate::mattermost::Error;
use crate::state::{DueFiles, StateError};
use crate::words::files::{FileTrouble, not_sent, shown, size};
use crate::worker::{FileRoute, Worker};

/// What a turn left to be sent.
pub(in super::super) struct Outgoing {
    pub(in super::super) key: Key,
    pub(in super::super) worker: Arc<Worker>,
    /// Becomes true once the answer stands; ends when that is given up.
    pub(in super::super) stands: watch::Receiver<bool>,
    pub(in super::super) stop: watch::Receiver<Stop>,
}

/// Why what is there stays there for now.
enum Later {
    /// The worker is gone.
    Worker,
    /// Mattermost cannot be reached.
    Mattermost,
    /// What was dealt with could not be moved aside.
    Aside,
    Ledger(StateError),
}

struct Sending<'a> {
    inner: &'a Inner,
    rules: FileRules,
    route: FileRoute,
    place: FilesPlace,
    /// What earlier posts have.
    brought: HashSet<Entry>,
}

/// An entry of the outbox and what is to be done with it.
struct Item {
    entry: Entry,
    found: Result<u64, FileRefusal>,
}

impl Outgoing {
    /// Sends it, unless the person stops that: then it goes with the next answer.
    pub(in super::super) async fn send(mut self, inner: &Arc<Inner>) {
        let sending = async {
            // One whose sender is gone does not stand, and says so elsewhere.
            let _ = self.stands.wait_for(|stands| *stands).await;
            inner.send_files(self.key, &self.worker, false).await;
        };
        tokio::select! {
            () = sending => {}
            _ = stopped(&mut self.stop) => {
                tracing::info!(user = %self.key.user, thread = %self.key.thread, "files stay in the outbox");
            }
        }
    }
}

impl Inner {
    /// Sends the files of the turns that an earlier process left unsent.
    pub(in super::super) async fn send_left_files(self: &Arc<Self>) -> Result<(), StateError> {
        let mut keys = Vec::new();
        for DueFiles { user, thread, .. } in self.state.due_files().await? {
            let key = Key { user, thread };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for key in keys {
            self.spawn(move |inner| async move {
                match inner.workers.get(key.user).await {
                    Ok(worker) => inner.send_files(key, &worker, true).await,
                    Err(error) => {
                        tracing::info!(user = %key.user, %error, "files wait for a worker");
                    }
                }
            });
        }
        Ok(())
    }

    async fn send_files(&self, key: Key, worker: &Arc<Worker>, again: bool) {
        match self.try_to_send_files(key, worker, again).await {
            Ok(()) => {}
            Err(Later::Ledger(error)) => self.fail(error),
            Err(later) => {
                let why = match later {
                    Later::Worker => "the worker is gone",
                    Later::Mattermost => "Mattermost cannot be reached",
                    Later::Aside => "what was sent could not be moved aside",
                    Later::Ledger(_) => "the ledger failed",
                };
                tracing::warn!(user = %key.user, thread = %key.thread, why, "files wait in the outbox");
            }
        }
    }

    async fn try_to_send_files(
        &self,
        key: Key,
        worker: &Arc<Worker>,
        again: bool,
    ) -> Result<(), Later> {
        let due = self.state.due_files_of(key.user, key.thread).await.map_err(Later::Ledger)?;
        let Some(last) = due.last() else { return Ok(()) };
        let root = root_of(key.thread, last.channel);
        let place = FilesPlace { channel: last.channel, root, asked: last.post };
        // Only one that was begun before can have posts already.
        let brought = if again || due.len() > 1 {
            let asked: Vec<_> = due.iter().map(|due| due.post).collect();
            match files::brought(&self.client, (last.channel, root), &asked).await {
                Ok(brought) => brought,
                // Its thread is gone, and with it the place for files.
                Err(Error::NotFound { .. } | Error::Forbidden { .. }) => {
                    return self.settle_files(&due).await;
                }
                Err(_) => return Err(Later::Mattermost),
            }
        } else {
            Vec::new()
        };
        let route = worker.files(key.thread, self.wire_turn()).ok_or(Later::Worker)?;
        let mut sending = Sending {
            inner: self,
            rules: self.live().files,
            route,
            place,
            brought: brought.into_iter().collect(),
        };
        sending.all().await?;
        self.settle_files(&due).await
    }

    async fn settle_files(&self, due: &[DueFiles]) -> Result<(), Later> {
        for due in due {
            self.state.files_settled(due.turn).await.map_err(Later::Ledger)?;
        }
        Ok(())
    }
}

impl Sending<'_> {
    async fn all(&mut self) -> Result<(), Later> {
        let items = match self.list().await? {
            Ok(items) => items,
            // The folder itself: nothing in it can be sent, nor moved aside.
            Err(why) => {
                self.say(&not_sent(OUTBOX, FileTrouble::Refused(why))).await;
                return Ok(());
            }
        };
        let (done, new): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.brought.contains(&item.entry));
        for item in &done {
            self.set_aside(&item.entry, Fate::Sent).await?;
        }
        if new.is_empty() {
            return Ok(());
        }
        self.send(new).await
    }

    async fn list(&mut self) -> Result<Result<Vec<Item>, FileRefusal>, Later> {
        let order = FileOrder::List { most: MAX_LISTED };
        self.route.begin(order).await.map_err(|_| Later::Worker)?;
        let mut items = Vec::new();
        loop {
            let (name, stamp, found) = match self.route.next().await.ok_or(Later::Worker)? {
                FileNews::Offered { name, size, stamp } => (name, stamp, Ok(size)),
                FileNews::Unfit { name, why } => (name, 0, Err(why)),
                // One that is not there any more is empty.
                FileNews::Ended | FileNews::Refused(FileRefusal::Missing) => return Ok(Ok(items)),
                FileNews::Refused(why) => return Ok(Err(why)),
                _ => return Err(Later::Worker),
            };
            items.push(Item { entry: Entry { name: name.into_string(), stamp }, found });
        }
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<(), Later> {
        let mut sent = Vec::new();
        let (mut lines, mut refusals) = (Vec::new(), Vec::new());
        let mut unsent = Vec::new();
        let mut total = 0;
        for item in items {
            match self.upload(&item, sent.len(), total).await? {
                Ok(uploaded) => {
                    total += uploaded.size;
                    lines.push(format!("📎 {} ({})", shown(&item.entry.name), size(uploaded.size)));
                    sent.push((item.entry, uploaded.id));
                }
                Err(why) => {
                    tracing::info!(?why, "a file of an outbox was not sent");
                    refusals.push(not_sent(&item.entry.name, why));
                    unsent.push(item.entry);
                }
            }
        }
        let (entries, ids): (Vec<Entry>, Vec<_>) = sent.into_iter().unzip();
        lines.append(&mut refusals);
        let message = lines.join("\n");
        let posted =
            files::post(&self.inner.client, self.place, &message, &entries, ids.clone()).await;
        let post = match posted {
            Ok(post) => post,
            Err(Error::NotFound { .. } | Error::Forbidden { .. } | Error::Rejected { .. }) => {
                // Nobody can be told any more; what is there stays.
                return Ok(());
            }
            Err(_) => return Err(Later::Mattermost),
        };
        for (entry, id) in entries.iter().zip(ids) {
            if post.files.contains(&id) {
                self.set_aside(entry, Fate::Sent).await?;
            } else {
                self.say(&not_sent(&entry.name, FileTrouble::NotAttached)).await;
                self.set_aside(entry, Fate::NotSent).await?;
            }
        }
        for entry in &unsent {
            self.set_aside(entry, Fate::NotSent).await?;
        }
        Ok(())
    }

    async fn upload(
        &mut self,
        item: &Item,
        before: usize,
        total: u64,
    ) -> Result<Result<sending::Uploaded, FileTrouble>, Later> {
        let rules = self.rules;
        let why = match item.found {
            Err(why) => Some(FileTrouble::Refused(why)),
            Ok(_) if before >= rules.max_count => Some(FileTrouble::TooMany(rules.max_count)),
            Ok(size) if size > rules.max_size => Some(FileTrouble::TooLarge(rules.max_size)),
            Ok(size) if size.saturating_add(total) > rules.max_total => {
                Some(FileTrouble::TooMuch(rules.max_total))
            }
            Ok(_) => None,
        };
        if let Some(why) = why {
            return Ok(Err(why));
        }
        let max = rules.max_size.min(rules.max_total - total);
        let wanted = Wanted { place: FilePlace::Outbox, path: &item.entry.name, max };
        let (client, channel) = (&self.inner.client, self.place.channel);
        match sending::send(client, &mut self.route, channel, wanted).await {
            Ok(uploaded) => Ok(Ok(uploaded)),
            Err(Unsent::Worker) => Err(Later::Worker),
            // What failed for a while is tried with the next answer.
            Err(Unsent::File(FileTrouble::Unavailable)) => Err(Later::Mattermost),
            Err(Unsent::File(why)) => Ok(Err(why)),
        }
    }

    async fn set_aside(&mut self, entry: &Entry, fate: Fate) -> Result<(), Later> {
        let name = Text::new(entry.name.as_str()).map_err(|_| Later::Aside)?;
        let order = FileOrder::SetAside { name, fate };
        self.route.begin(order).await.map_err(|_| Later::Worker)?;
        match self.route.next().await.ok_or(Later::Worker)? {
            // Whoever took it away has dealt with it, too.
            FileNews::Ended | FileNews::Refused(FileRefusal::Missing) => Ok(()),
            // What has no proper name stays, and is told again with the next answer.
            FileNews::Refused(_) if fate == Fate::NotSent => Ok(()),
            _ => Err(Later::Aside),
        }
    }

    async fn say(&self, text: &str) {
        self.inner.reply_at(self.place.channel, self.place.root, text).await;
    }
}
