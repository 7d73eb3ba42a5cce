//! The program under test, run as a task, and what it handed over.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaggle_frontend::config::{Mattermost, Proxy};
use gaggle_frontend::ingest::{Ingest, IngestError, Intake, NotTaken, Wake};
use gaggle_frontend::mattermost::{Channel, Client, Post};
use gaggle_frontend::state::State;
use gaggle_ipc::MattermostId;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::server::Server;

#[derive(Default)]
struct Taken {
    posts: Vec<(MattermostId, MattermostId, i64)>,
    refuse: HashSet<MattermostId>,
    refuse_all: bool,
    refused: usize,
    hang: HashSet<MattermostId>,
}

/// Takes posts and notes them.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Taken>>);

impl Inbox {
    /// The posts handed over, in order.
    pub(crate) fn posts(&self) -> Vec<MattermostId> {
        self.0.lock().unwrap().posts.iter().map(|(post, _, _)| *post).collect()
    }

    pub(crate) fn has(&self, post: MattermostId) -> bool {
        self.posts().contains(&post)
    }

    pub(crate) fn assert_once(&self) {
        let posts = self.posts();
        let met: HashSet<_> = posts.iter().collect();
        assert_eq!(met.len(), posts.len(), "some came twice");
    }

    /// Each once, and each channel's in order.
    pub(crate) fn assert_once_and_in_order(&self) {
        let taken = self.0.lock().unwrap();
        let mut met = HashSet::new();
        let mut last = std::collections::HashMap::new();
        for (post, channel, at) in &taken.posts {
            assert!(met.insert(post), "{post} came twice");
            let before = last.insert(channel, at);
            assert!(before <= Some(at), "{post} came out of order");
        }
    }

    pub(crate) fn refuse(&self, post: MattermostId) {
        self.0.lock().unwrap().refuse.insert(post);
    }

    pub(crate) fn accept(&self, post: MattermostId) {
        self.0.lock().unwrap().refuse.remove(&post);
    }

    pub(crate) fn refuse_all(&self, all: bool) {
        self.0.lock().unwrap().refuse_all = all;
    }

    pub(crate) fn refused(&self) -> usize {
        self.0.lock().unwrap().refused
    }

    /// The next taking of this post never ends.
    pub(crate) fn hang(&self, post: MattermostId) {
        self.0.lock().unwrap().hang.insert(post);
    }
}

impl Intake for Inbox {
    async fn take(&self, post: Post, channel: &Channel) -> Result<(), NotTaken> {
        assert_eq!(post.channel, channel.id);
        let hangs = {
            let mut taken = self.0.lock().unwrap();
            if taken.refuse_all || taken.refuse.contains(&post.id) {
                taken.refused += 1;
                return Err(NotTaken("the test says so".to_owned()));
            }
            taken.posts.push((post.id, post.channel, post.create_at));
            taken.hang.contains(&post.id)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// A running reader of posts.
pub(crate) struct Reading {
    pub(crate) inbox: Inbox,
    pub(crate) wake: Wake,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), IngestError>>,
}

impl Reading {
    /// Starts with the state in `folder`, and returns once it has looked.
    pub(crate) async fn start(server: &Server, folder: &std::path::Path) -> Self {
        Self::start_with(server, folder, Inbox::default(), Duration::from_millis(20)).await
    }

    pub(crate) async fn start_with(
        server: &Server,
        folder: &std::path::Path,
        inbox: Inbox,
        interval: Duration,
    ) -> Self {
        let client = client(&format!("http://{}/", server.address), "secret");
        let reading = Self::begin(client, folder, inbox, interval).await;
        reading.looked(server).await;
        reading
    }

    /// Starts as the bot of this client.
    pub(crate) async fn begin(
        client: Client,
        folder: &std::path::Path,
        inbox: Inbox,
        interval: Duration,
    ) -> Self {
        Self::run(ingest(client, folder, interval).await, inbox)
    }

    /// The same, told of posts as well.
    pub(crate) async fn hearing(
        client: Client,
        folder: &std::path::Path,
        inbox: Inbox,
        interval: Duration,
    ) -> Self {
        Self::run(ingest(client, folder, interval).await.pushed(), inbox)
    }

    fn run(ingest: Ingest, inbox: Inbox) -> Self {
        let wake = ingest.wake();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(ingest.run(inbox.clone(), async move {
            let _ = stopped.await;
        }));
        Self { inbox, wake, stop, task }
    }

    /// Waits until it has looked at the server as it is now, whole looks.
    pub(crate) async fn looked(&self, server: &Server) {
        let before = asked(server, "list");
        self.wake.wake();
        until("a look", || {
            self.wake.wake();
            asked(server, "list") >= before + 3
        })
        .await;
    }

    pub(crate) async fn handed(&self, post: MattermostId) {
        until("the post", || self.inbox.has(post)).await;
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    /// As a kill would: in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub(crate) async fn ended(self) -> Result<(), IngestError> {
        self.task.await.unwrap()
    }
}

pub(crate) fn asked(server: &Server, what: &'static str) -> usize {
    server.model().asked.get(what).copied().unwrap_or(0)
}

async fn ingest(client: Client, folder: &std::path::Path, interval: Duration) -> Ingest {
    let me = client.me().await.unwrap();
    Ingest::new(client, state(folder).await, &me, interval)
}

/// The state of a reader that ended a moment ago may still be closing.
async fn state(folder: &std::path::Path) -> State {
    let mut opened = None;
    until("the state", || {
        opened = State::open(folder).ok();
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

pub(crate) fn client(url: &str, token: &str) -> Client {
    Client::new(&Mattermost {
        url: url.parse().unwrap(),
        token: token.into(),
        ca_file: None,
        proxy: Proxy::default(),
    })
    .unwrap()
}

/// Waits for a condition; fails when it does not come.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
