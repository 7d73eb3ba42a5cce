//! A Mattermost with a bot, people and a channel, and the frontend in a runtime
//! of its own, so that it can be killed between two instructions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gaggle_frontend::config::{Config, ConfigError, Environment};
use gaggle_frontend::service::{self, ServiceError, Surroundings};
use gaggle_frontend::state::StateError;
use gaggle_ipc::MattermostUserId;
use gaggle_tests::mattermost::{
    Account, Id, NewPost, Options, Post, Simulator, Version, Visibility,
};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

use crate::fake::{Did, Supervisor};

/// Longest time that anything expected may take.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) sim: Simulator,
    pub(crate) supervisor: Supervisor,
    pub(crate) bot: Account,
    pub(crate) alice: Account,
    pub(crate) bob: Account,
    pub(crate) team: Id,
    pub(crate) channel: Id,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) long: Duration,
    /// How often the bot is shown as typing.
    pub(crate) typing: Duration,
    /// How often it is asked whether questions still stand.
    pub(crate) withdrawn: Duration,
    /// How long a person may take to allow a tool.
    pub(crate) approval: Duration,
    probes: Id,
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    runtime: tokio::runtime::Runtime,
    stop: watch::Sender<bool>,
    reread: watch::Sender<Option<Arc<Result<Config, ConfigError>>>>,
    ended: oneshot::Receiver<Result<(), ServiceError>>,
}

impl World {
    /// With the frontend started.
    pub(crate) async fn new() -> Self {
        let mut world = Self::prepare().await;
        world.start().await;
        world.reading().await;
        world
    }

    /// Without the frontend.
    pub(crate) async fn prepare() -> Self {
        Self::prepare_as(Options::default().version).await
    }

    /// As that, with this Mattermost.
    pub(crate) async fn prepare_as(version: Version) -> Self {
        let sim = Simulator::start(Options { version, ..Options::default() }).await.unwrap();
        let (bot, alice, bob) = (
            sim.create_bot("goosebot").unwrap(),
            sim.create_user("alice").unwrap(),
            sim.create_user("bob").unwrap(),
        );
        let team = sim.create_team("team").unwrap();
        let channel = sim.create_channel(team, "town", Visibility::Public).unwrap();
        let probes = sim.create_channel(team, "probes", Visibility::Public).unwrap();
        for account in [&bot, &alice, &bob] {
            sim.add_to_team(team, account.id).unwrap();
            sim.add_to_channel(channel, account.id).unwrap();
            sim.add_to_channel(probes, account.id).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        std::fs::write(folder.path().join("gaggle.toml"), "[chat]\nfollow_thread = true\n")
            .unwrap();
        let settings = [
            ("MATTERMOST_URL", sim.url()),
            ("MATTERMOST_TOKEN", &bot.token),
            ("POLL_INTERVAL", "0.1"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let supervisor = Supervisor::listen(folder.path());
        let long = Duration::from_secs(600);
        Self {
            sim,
            supervisor,
            bot,
            alice,
            bob,
            team,
            channel,
            settings,
            long,
            typing: Duration::from_secs(3600),
            withdrawn: Duration::from_secs(3600),
            approval: Duration::from_secs(1800),
            probes,
            folder,
            running: None,
        }
    }

    /// One more person in the channel.
    pub(crate) fn person(&self, name: &str) -> Account {
        let account = self.sim.create_user(name).unwrap();
        self.sim.add_to_team(self.team, account.id).unwrap();
        self.sim.add_to_channel(self.channel, account.id).unwrap();
        account
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// More lines for `gaggle.toml`.
    pub(crate) fn toml(&self, lines: &str) {
        let path = self.folder.path().join("gaggle.toml");
        let known = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{known}{lines}\n")).unwrap();
    }

    /// The state is lost.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(self.state_dir()).unwrap();
        self.make_state_dir();
    }

    fn make_state_dir(&self) {
        use std::os::unix::fs::PermissionsExt;
        let state = self.state_dir();
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, PermissionsExt::from_mode(0o700)).unwrap();
    }

    fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts the frontend.
    pub(crate) async fn start(&mut self) {
        let environment: Environment = self.settings.iter().cloned().collect();
        let config = Config::load(self.folder.path(), &environment).unwrap();
        let mut around = Surroundings::new(self.folder.path().to_owned(), self.state_dir());
        around.pace.edit = Duration::from_millis(30);
        around.pace.typing = self.typing;
        around.pace.long = self.long;
        around.pace.withdrawn = self.withdrawn;
        around.pace.approval = self.approval;
        around.grace = Duration::from_millis(300);
        around.last_words = Duration::from_secs(5);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (stop, stopped) = watch::channel(false);
        let (reread, reloads) = watch::channel(None);
        around.reloads = reloads;
        let (tell, ended) = oneshot::channel();
        runtime.spawn(async move {
            let result = loop {
                let mut stopped = stopped.clone();
                let shutdown = async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                match service::run(config.clone(), around.clone(), shutdown).await {
                    // The one that was killed has not let go of its state yet.
                    Err(ServiceError::State(StateError::InUse { .. })) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    result => break result,
                }
            };
            let _ = tell.send(result);
        });
        self.running = Some(Running { runtime, stop, reread, ended });
    }

    /// Has the settings read again, as SIGHUP does.
    pub(crate) fn reload(&self) {
        let environment: Environment = self.settings.iter().cloned().collect();
        let read = Config::load(self.folder.path(), &environment);
        self.running.as_ref().unwrap().reread.send_replace(Some(Arc::new(read)));
    }

    /// Waits until the frontend reads posts: the very first start answers no
    /// history, so what is asked before that is not answered.
    pub(crate) async fn reading(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let probe = self.sim.post(self.bob.id, self.probes, "@goosebot !help").unwrap();
            let answered =
                self.sim.wait_for_post(self.probes, Duration::from_millis(300), |post| {
                    post.root_id == Some(probe)
                });
            if answered.await.is_ok() {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "the frontend reads no posts");
        }
    }

    /// Kills the frontend wherever it is.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            // Its tasks are dropped where they wait, as SIGKILL would have it.
            let (dropped, done) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                running.runtime.shutdown_timeout(Duration::from_secs(10));
                let _ = dropped.send(());
            });
            done.recv().unwrap();
        }
    }

    /// Stops the frontend as systemd does; how it ended.
    pub(crate) async fn stop(&mut self) -> Result<(), ServiceError> {
        let Running { runtime, stop, ended, .. } = self.running.take().unwrap();
        stop.send_replace(true);
        let result = tokio::time::timeout(DEADLINE, ended).await.unwrap().unwrap();
        runtime.shutdown_background();
        result
    }

    /// Stops it, and hands what it does meanwhile to `react`.
    pub(crate) async fn stop_while(&mut self, react: impl Fn(&Did)) -> Result<(), ServiceError> {
        let Running { runtime, stop, ended, .. } = self.running.take().unwrap();
        stop.send_replace(true);
        let ended = tokio::time::timeout(DEADLINE, ended);
        tokio::pin!(ended);
        let result = loop {
            tokio::select! {
                ended = &mut ended => break ended.unwrap().unwrap(),
                did = self.supervisor.next() => react(&did),
            }
        };
        runtime.shutdown_background();
        result
    }

    /// How the frontend ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), ServiceError> {
        let Running { runtime, ended, stop: _stop, .. } = self.running.take().unwrap();
        let result = tokio::time::timeout(DEADLINE, ended).await.unwrap().unwrap();
        runtime.shutdown_background();
        result
    }

    /// The supervisor ends with all workers, and another one comes.
    pub(crate) fn restart_supervisor(&mut self) {
        std::fs::remove_file(self.folder.path().join("control.sock")).unwrap();
        self.supervisor = Supervisor::listen(self.folder.path());
    }

    /// Waits for a post of the bot in the thread of `root`.
    pub(crate) async fn answer(&self, root: Id, wanted: impl Fn(&Post) -> bool) -> Post {
        let channel = self.sim.get(root).unwrap().channel_id;
        let bot = self.bot.id;
        let found = self.sim.wait_for_post(channel, DEADLINE, |post| {
            post.user_id == bot && post.root_id == Some(root) && wanted(post)
        });
        found.await.unwrap()
    }

    /// Waits for a post of the bot with exactly this text.
    pub(crate) async fn says(&self, root: Id, text: &str) -> Post {
        self.answer(root, |post| post.message == text).await
    }

    /// Alice's direct channel with the bot.
    pub(crate) fn direct(&self) -> Id {
        self.sim.direct_channel(self.alice.id, self.bot.id).unwrap()
    }

    /// Waits until a question has all its buttons.
    pub(crate) async fn buttons(&self, question: Id) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while self.sim.reactions(question).len() < 3 {
            assert!(tokio::time::Instant::now() < deadline, "no buttons");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often Mattermost was asked for that.
    pub(crate) fn requests(&self, what: &str) -> u64 {
        self.sim.requests().get(what).copied().unwrap_or_default()
    }

    /// Waits for a state of things.
    pub(crate) async fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !so() {
            assert!(tokio::time::Instant::now() < deadline, "not so: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The bot's texts in a thread, oldest first.
    pub(crate) fn texts(&self, root: Id) -> Vec<String> {
        let mut posts = self.sim.thread(root);
        posts.retain(|post| post.user_id == self.bot.id);
        posts.into_iter().map(|post| post.message).collect()
    }

    /// Alice asks in the channel.
    pub(crate) fn ask(&self, text: &str) -> Id {
        self.sim.post(self.alice.id, self.channel, &format!("@goosebot {text}")).unwrap()
    }

    pub(crate) fn post_with_props(&self, user: Id, text: &str, prop: (&str, &str)) -> Id {
        let mut new = NewPost { message: text.to_owned(), ..NewPost::default() };
        new.props.insert(prop.0.to_owned(), prop.1.into());
        self.sim.post_with(user, self.channel, new).unwrap()
    }

    /// Waits until something that alice asked in her direct channel is in the ledger.
    pub(crate) async fn answer_begins(&self) {
        let bot = self.bot.id;
        let begun = self.sim.wait_for_post(self.direct(), DEADLINE, |post| post.user_id == bot);
        begun.await.unwrap();
    }

    /// Waits until a later post is answered, by which time everything before it
    /// in the channel was taken or left alone.
    pub(crate) async fn settle(&mut self) {
        let root = self.ask("settle");
        let asked = self.supervisor.asked().await;
        assert_eq!(asked.text, "settle");
        asked.answer("settled");
        self.says(root, "settled").await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.runtime.shutdown_background();
        }
    }
}

pub(crate) fn user(account: &Account) -> MattermostUserId {
    MattermostUserId::new(account.id.as_str()).unwrap()
}
