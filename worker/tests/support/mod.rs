//! A worker as a frontend sees it: the real program without a supervisor, the
//! real Goose, a home of its own and a scripted model.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "only tests use it")]

pub(crate) mod model;
mod watch;

use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use gaggle_ipc::channel::FrontendEnd;
use gaggle_ipc::session::{Before, FromWorker, GooseMode, Hello, Part, Settings, ToWorker};
use gaggle_ipc::{GooseSession, ModelName, ThreadId, TurnId, seqpacket};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use model::Model;
pub(crate) use watch::{Played, eventually, lives, next_second, peak_memory};

/// Longer than anything takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A person's machine: programs, home, model.
pub(crate) struct Lab {
    root: TempDir,
    pub(crate) model: Model,
    environment: Vec<(OsString, OsString)>,
    pub(crate) settings: Settings,
    /// The mode of prompts that name none.
    pub(crate) mode: GooseMode,
}

/// A running worker and the frontend's end of its socket.
pub(crate) struct Worker {
    pub(crate) child: Child,
    channel: FrontendEnd,
    pub(crate) hello: Hello,
    next_turn: u64,
    pub(crate) mode: GooseMode,
    pub(crate) model: Option<ModelName>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        // Below the target folder, not in /tmp: agents may write in /tmp.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let programs = root.path().join("programs");
        fs::create_dir_all(programs.join("goose-home")).unwrap();
        fs::create_dir_all(programs.join("goose-config/goose")).unwrap();
        fs::write(programs.join("goose-config/goose/config.yaml"), "extensions: {}\n").unwrap();
        let hints = include_str!("../../../packaging/goose-config/goose/AGENTS.md");
        fs::write(programs.join("goose-config/goose/AGENTS.md"), hints).unwrap();
        let worker = programs.join("gaggle-worker");
        let built = env!("CARGO_BIN_EXE_gaggle-worker");
        fs::hard_link(built, &worker).or_else(|_| fs::copy(built, &worker).map(drop)).unwrap();
        symlink("gaggle-worker", programs.join("goose-shell")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        // A Goose that is killed leaves its temporary folders: here they go with the test.
        let tmp = root.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).unwrap();
        let model = Model::start();
        let mut lab = Self {
            root,
            environment: Vec::new(),
            settings: Settings { inactivity_ms: 120_000, idle_ms: 120_000, spare: false },
            mode: GooseMode::Auto,
            model,
        };
        let home = lab.home();
        lab.set("HOME", home);
        lab.set("PATH", "/usr/bin:/bin");
        lab.set("TMPDIR", tmp);
        lab.set("GAGGLE_GOOSE", goose());
        for (name, value) in [
            ("GOOSE_PROVIDER", "openai"),
            ("GOOSE_MODEL", "gpt-4o"),
            ("OPENAI_API_KEY", "sk-of-this-test"),
        ] {
            lab.set(&format!("GAGGLE_AGENT_ENV_{name}"), value);
        }
        let host = format!("http://127.0.0.1:{}", lab.model.port());
        lab.set("GAGGLE_AGENT_ENV_OPENAI_HOST", host);
        lab
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.unset(name);
        self.environment.push((name.into(), value.into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(present, _)| present != name);
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.home().join("workspace")
    }

    pub(crate) fn programs(&self) -> PathBuf {
        self.root.path().join("programs")
    }

    /// Starts a worker without telling it anything.
    pub(crate) async fn start_bare(&self) -> Worker {
        let (ours, theirs) = seqpacket::pair().unwrap();
        let child = self.command(theirs).spawn().unwrap();
        let channel = FrontendEnd::new(ours).unwrap();
        let first = timeout(DEADLINE, channel.receive()).await.unwrap().unwrap();
        let Some(FromWorker::Hello(hello)) = first else { panic!("not a Hello: {first:?}") };
        Worker { child, channel, hello, next_turn: 0, mode: self.mode, model: None }
    }

    /// Starts a worker and configures it.
    pub(crate) async fn start(&self) -> Worker {
        let worker = self.start_bare().await;
        worker.send(ToWorker::Configure(self.settings)).await;
        worker
    }
}

/// Goose 1.52, which a test cannot do without.
fn goose() -> PathBuf {
    let given = std::env::var_os("GAGGLE_TEST_GOOSE").map(PathBuf::from);
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/goose/1.52.0/goose");
    let path = given.unwrap_or(fetched);
    assert!(
        path.exists(),
        "Goose is not at {}; `cargo xtask test` fetches it, or name it in GAGGLE_TEST_GOOSE",
        path.display()
    );
    path
}

pub(crate) fn thread(last: char) -> ThreadId {
    ThreadId::new(&format!("zo3yx6gsxbf8ppuaojzhiaj1y{last}")).unwrap()
}

impl Worker {
    pub(crate) async fn send(&self, message: ToWorker) {
        self.channel.send(&message).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> Option<FromWorker> {
        timeout(DEADLINE, self.channel.receive()).await.expect("the worker says nothing").unwrap()
    }

    /// Sends a prompt and returns its turn.
    pub(crate) async fn prompt(&mut self, thread: ThreadId, text: &str) -> TurnId {
        self.prompt_after(thread, text, None, Before::Complete).await
    }

    pub(crate) async fn prompt_after(
        &mut self,
        thread: ThreadId,
        text: &str,
        resume: Option<GooseSession>,
        before: Before,
    ) -> TurnId {
        self.next_turn += 1;
        let turn = TurnId(self.next_turn);
        for text in Part::pieces(text) {
            self.send(ToWorker::PromptPart { thread, turn, text }).await;
        }
        let (mode, model) = (self.mode, self.model.clone());
        self.send(ToWorker::Prompt { thread, turn, resume, before, mode, model }).await;
        turn
    }

    /// Receives until `wanted` is seen, and returns all of it.
    pub(crate) async fn until(&self, wanted: impl Fn(&FromWorker) -> bool) -> Played {
        let mut played = Played::default();
        loop {
            let message = self.receive().await.expect("the worker is gone");
            let found = wanted(&message);
            played.messages.push(message);
            if found {
                return played;
            }
        }
    }

    /// Receives until the turn has ended.
    pub(crate) async fn end_of(&self, turn: TurnId) -> Played {
        self.until(|message| matches!(message, FromWorker::TurnEnded { turn: t, .. } if *t == turn))
            .await
    }

    /// Sends a prompt and waits for its end.
    pub(crate) async fn play(&mut self, thread: ThreadId, text: &str) -> Played {
        let turn = self.prompt(thread, text).await;
        self.end_of(turn).await
    }

    /// Closes the socket and waits for the worker's end.
    pub(crate) async fn hang_up(self) -> ExitStatus {
        let Self { child, channel, .. } = self;
        drop(channel);
        exit_of(child).await
    }

    /// Waits for the worker's end while the socket stays.
    pub(crate) async fn exit(self) -> ExitStatus {
        let Self { child, channel, .. } = self;
        let status = exit_of(child).await;
        drop(channel);
        status
    }
}

async fn exit_of(mut child: Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the worker does not end");
        sleep(Duration::from_millis(10)).await;
    }
}

impl Lab {
    /// Starts a worker that must not start: its status and what it said.
    pub(crate) fn refused_start(&self) -> (Option<i32>, String) {
        let (_ours, theirs) = seqpacket::pair().unwrap();
        self.refused_start_on(theirs)
    }

    /// The same, with another session socket.
    pub(crate) fn refused_start_on(&self, socket: OwnedFd) -> (Option<i32>, String) {
        let output = self.command(socket).stderr(Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self, socket: OwnedFd) -> Command {
        if is_root() {
            let owner = format!("{ACCOUNT}:{ACCOUNT}");
            let given = Command::new("chown").args(["-hR", &owner]).arg(self.home()).status();
            assert!(given.unwrap().success());
        }
        // The shell moves the socket to its number.
        let mut command = as_account(r#"exec "$0" unsupervised 3<&0 0</dev/null"#);
        command
            .arg(self.programs().join("gaggle-worker"))
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::from(socket));
        command
    }
}

/// Under which a test that runs as root starts workers: root's rights reach
/// around much of the sandbox, and no worker has them.
const ACCOUNT: &str = "61750";

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A shell as an account would have it, outside of any sandbox.
pub(crate) fn as_account(script: &str) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"]);
        command.args(["--bounding-set=-all", "--inh-caps=-all", "/bin/bash"]);
        command
    } else {
        Command::new("/bin/bash")
    };
    command.args(["-c", script]);
    command
}
