//! The machine with Gaggle installed, as its admin and its people use it.
//!
//! Trust: whoever sets `GAGGLE_TEST_MACHINE`: everything here is overwritten.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use gaggle_tests::lab::{Answer, needs, scripted_provider, wait, wait_for_bot};
use gaggle_tests::llm::Llm;
use gaggle_tests::mattermost::{Account, Id, Options, Simulator};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) const ANSWER: Duration = Duration::from_secs(60);
pub(crate) const SOON: Duration = Duration::from_secs(30);
const ENV_MACHINE: &str = "GAGGLE_TEST_MACHINE";
const CONFIG: &str = "/etc/gaggle";
/// The folder of the supervisor's unit.
const CGROUP: &str = "/sys/fs/cgroup/system.slice/gaggle-supervisor.service";
pub(crate) const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// Gaggle, running, and what it talks to.
pub(crate) struct Machine {
    pub(crate) simulator: Simulator,
    bot: Account,
    people: Vec<(String, Account)>,
    _llm: Llm,
    _runtime: Runtime,
}

/// A thread with the bot.
pub(crate) struct Thread<'a> {
    machine: &'a Machine,
    person: Id,
    root: Id,
    asked: Id,
    since: Instant,
}

/// Whether this machine is made for these tests.
#[track_caller]
pub(crate) fn is_ours() -> bool {
    std::env::var_os(ENV_MACHINE).is_some()
        || needs::say("needs a machine of its own: cargo xtask vm qemu")
}

/// What a command answers; it may fail.
pub(crate) fn run(command: &[&str]) -> Result<Output> {
    let (program, arguments) = command.split_first().context("a command")?;
    Command::new(program).args(arguments).output().with_context(|| format!("{command:?}"))
}

/// What a command prints; it must not fail.
pub(crate) fn read(command: &[&str]) -> Result<String> {
    let done = run(command)?;
    ensure!(done.status.success(), "{command:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Both outputs of a command, whatever its end.
pub(crate) fn said(command: &[&str]) -> Result<String> {
    let done = run(command)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(text(&done.stdout) + &text(&done.stderr))
}

impl Machine {
    /// Writes the configuration, starts Gaggle by its one name, and waits for
    /// the bot. `supervisor` is `supervisor.toml`, `alice` her mapping entry.
    pub(crate) fn start(supervisor: &str, alice: Value) -> Result<Self> {
        let machine = Self::prepare(supervisor, alice)?;
        read(&["systemctl", "start", "gaggle"])?;
        wait_for_bot(&machine.simulator, machine.bot.id)?;
        Ok(machine)
    }

    fn prepare(supervisor: &str, alice: Value) -> Result<Self> {
        let runtime = Runtime::new()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let llm = runtime.block_on(Llm::start(any))?;
        let simulator = runtime.block_on(Simulator::start(Options::default()))?;
        let bot = simulator.create_bot("goose")?;
        // What an earlier test left: the posts of its Mattermost are unknown to this one.
        run(&["systemctl", "stop", "gaggle", "gaggle-frontend", "gaggle-supervisor"])?;
        run(&["systemctl", "reset-failed"])?;
        let _ = fs::remove_dir_all("/var/lib/gaggle");
        let mut people = Vec::new();
        let mut mapping = serde_json::Map::new();
        for name in PEOPLE {
            add_account(name)?;
            let person = simulator.create_user(name)?;
            let entry = if name == "alice" { alice.clone() } else { json!(name) };
            mapping.insert(person.id.as_str().to_owned(), entry);
            people.push((name.to_owned(), person));
        }
        write("gaggle.toml", &format!("[mattermost]\nurl = \"{}\"\n", simulator.url()), 0o644)?;
        write("mattermost-token", &bot.token, 0o600)?;
        write("goose.env", &scripted_provider(&llm), 0o600)?;
        write("supervisor.toml", supervisor, 0o644)?;
        write("user_mapping.json", &Value::from(mapping).to_string(), 0o640)?;
        Ok(Self { simulator, bot, people, _llm: llm, _runtime: runtime })
    }

    fn person(&self, name: &str) -> Result<Id> {
        let found = self.people.iter().find(|(known, _)| known == name);
        found.map(|(_, person)| person.id).with_context(|| format!("nobody is called {name}"))
    }

    /// Starts a thread with the bot.
    pub(crate) fn ask(&self, name: &str, text: &str) -> Result<Thread<'_>> {
        let person = self.person(name)?;
        let direct = self.simulator.direct_channel(person, self.bot.id)?;
        let root = self.simulator.post(person, direct, text)?;
        Ok(Thread { machine: self, person, root, asked: root, since: Instant::now() })
    }

    /// Asks and waits for the whole answer.
    pub(crate) fn answer(&self, name: &str, text: &str) -> Result<String> {
        self.ask(name, text)?.answer()
    }

    /// The cgroup of a person's worker.
    pub(crate) fn cgroup(&self, name: &str) -> Result<PathBuf> {
        let status: Value = serde_json::from_slice(&run(&["gaggle", "status", "--json"])?.stdout)?;
        let workers = status["workers"].as_array().context("workers")?;
        let worker = workers.iter().find(|worker| worker["account"] == name);
        let worker = worker.and_then(|worker| worker["worker"].as_str());
        let worker = worker.with_context(|| format!("{name} has no worker: {status}"))?;
        Ok(Path::new(CGROUP).join(worker))
    }

    /// A number in a file of a person's cgroup, after `key`.
    pub(crate) fn count(&self, name: &str, file: &str, key: &str) -> Result<u64> {
        in_tree(&self.cgroup(name)?, file, key)
    }
}

/// The highest of such a number in a cgroup and those right below it: before
/// Linux 6.11 a fork that fails is counted where it was tried, and from then on
/// where the limit is.
pub(crate) fn in_tree(cgroup: &Path, file: &str, key: &str) -> Result<u64> {
    let own = number(&cgroup.join(file), key)?;
    let below = fs::read_dir(cgroup)?.flatten().map(|entry| entry.path());
    let below = below.filter(|path| path.is_dir());
    Ok(below.filter_map(|path| number(&path.join(file), key).ok()).fold(own, u64::max))
}

/// A number in a cgroup's file, after `key`.
pub(crate) fn number(path: &Path, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("{key} in {}", path.display()))?.trim().parse()?)
}

impl Thread<'_> {
    /// Says something more in the thread and waits for the answer to it.
    pub(crate) fn then(&mut self, text: &str) -> Result<String> {
        self.asked = self.machine.simulator.reply(self.person, self.root, text)?;
        self.since = Instant::now();
        self.answer()
    }

    /// Says what is no question, like `!stop`.
    pub(crate) fn command(&self, text: &str) -> Result<()> {
        self.machine.simulator.reply(self.person, self.root, text).map(drop)
    }

    fn so_far(&self) -> Answer {
        Answer::to(&self.machine.simulator, self.machine.bot.id, self.root, self.asked)
    }

    /// Waits until the answer is whole.
    pub(crate) fn answer(&self) -> Result<String> {
        match wait::until(ANSWER, || Some(self.so_far()).filter(Answer::is_whole)) {
            Some(answer) => Ok(answer.text()),
            None => bail!("no whole answer; so far: {:?}", self.so_far().text()),
        }
    }

    /// Waits until something that the bot posts in the thread holds `wanted`.
    pub(crate) fn shows(&self, wanted: &str) -> Result<String> {
        let posts = || self.machine.simulator.thread(self.root);
        let found = wait::until(ANSWER, || {
            posts().into_iter().map(|post| post.message).find(|text| text.contains(wanted))
        });
        found.with_context(|| format!("{wanted:?} is not in {:?}", posts()))
    }

    /// How long the last question has been waiting.
    pub(crate) fn waited(&self) -> Duration {
        self.since.elapsed()
    }
}

/// A new account with a home of its own, once.
fn add_account(name: &str) -> Result<()> {
    if !Path::new("/home").join(name).exists() {
        read(&["useradd", "--create-home", "--shell", "/usr/sbin/nologin", name])?;
        fs::set_permissions(Path::new("/home").join(name), fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

pub(crate) fn write(name: &str, text: &str, mode: u32) -> Result<()> {
    let path = Path::new(CONFIG).join(name);
    fs::write(&path, text)?;
    if name == "user_mapping.json" {
        // As the package leaves it.
        read(&["chown", "root:root", path.to_str().context("a path")?])?;
    }
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Audit records of this event since the supervisor's last start, oldest first.
pub(crate) fn records(event: &str) -> Result<Vec<Value>> {
    let id = read(&["systemctl", "show", "-P", "InvocationID", "gaggle-supervisor"])?;
    let of = format!("_SYSTEMD_INVOCATION_ID={}", id.trim());
    let event = format!("GAGGLE_EVENT={event}");
    // It fails where there is none.
    let lines = run(&["journalctl", "-o", "json", "--no-pager", "_UID=0", &of, &event])?.stdout;
    let lines = String::from_utf8_lossy(&lines).into_owned();
    Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Waits for a record of this event in which `wanted` holds.
pub(crate) fn record(event: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let found = wait::until(SOON, || records(event).ok()?.into_iter().rfind(&wanted));
    found.with_context(|| format!("no such {event}: {:?}", records(event)))
}
