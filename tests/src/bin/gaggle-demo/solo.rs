//! The demo without root: one account, the caller's own, and the demo itself in
//! the supervisor's place.
//!
//! Trust: nothing here protects anybody from anybody; the worker says which
//! protections are missing. The caller's home is not touched: everything is in
//! a folder that goes away with the demo.

mod control;
mod ordinary;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use gaggle_tests::lab::{
    Sections, gaggle_toml, goose, programs, scripted_provider, wait_for_bot, write_goose_config,
};
use gaggle_tests::llm::Llm;
use gaggle_tests::mattermost::{Account, Id, Options, Simulator, Visibility};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::arguments::Demo;
use super::settings::RealMattermost;
use control::Control;
use ordinary::Ordinary;

/// The running parts, in the order of their end.
pub(crate) struct Solo {
    _frontend: Running,
    _control: Control,
    pub(crate) simulator: Simulator,
    pub(crate) bot: Account,
    pub(crate) person: Account,
    pub(crate) direct: Id,
    pub(crate) town: Id,
    _llm: Llm,
    folder: TempDir,
    _runtime: Runtime,
}

/// A child that ends with its owner.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Solo {
    pub(crate) fn start(
        demo: &Demo,
        provider: Option<String>,
        real: Option<RealMattermost>,
    ) -> Result<Self> {
        let runtime = Runtime::new()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let llm = runtime.block_on(Llm::start(any))?;
        let simulator = runtime.block_on(Simulator::start(Options::default()))?;
        let bot = simulator.create_bot("goose")?;
        let person = simulator.create_user("you")?;
        let direct = simulator.direct_channel(person.id, bot.id)?;
        let team = simulator.create_team("demo")?;
        let town = simulator.create_channel(team, "town", Visibility::Public)?;
        for user in [bot.id, person.id] {
            simulator.add_to_team(team, user)?;
            simulator.add_to_channel(town, user)?;
        }
        let private = fs::Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("gaggle-demo-").permissions(private).tempdir()?;
        let at = |name: &str| folder.path().join(name);
        for name in ["lib", "etc", "run", "state", "home"] {
            fs::DirBuilder::new().mode(0o700).create(at(name))?;
        }
        let ordinary = Ordinary::choose()?;
        let goose = demo.goose.clone().map_or_else(goose::binary, Ok)?;
        let goose = ordinary.reachable(&goose, &at("lib"))?;
        let frontend = ordinary.reachable(&programs::built("gaggle-frontend")?, &at("lib"))?;
        let worker = install_worker(&at("lib"))?;
        let provider = provider.unwrap_or_else(|| scripted_provider(&llm));
        let (url, token) = match &real {
            Some(real) => (real.url.as_str(), real.token.as_str()),
            None => (simulator.url(), bot.token.as_str()),
        };
        let token_file = at("etc").join("token");
        write_private(&token_file, token)?;
        let goose_lines = super::settings::goose(demo);
        let chat = super::stage::CHAT.to_owned();
        let more = Sections { chat, goose: goose_lines, ..Sections::default() };
        fs::write(at("etc").join("gaggle.toml"), gaggle_toml(url, &token_file, &more))?;
        let starter = control::Starter { ordinary, worker, goose, home: at("home"), provider };
        let control = Control::listen(&at("run"), starter)?;
        ordinary.give(folder.path())?;
        let frontend = Running(start_frontend(ordinary, &frontend, folder.path())?);
        if real.is_none() {
            let log = || fs::read_to_string(folder.path().join("frontend.log")).unwrap_or_default();
            wait_for_bot(&simulator, bot.id).with_context(log)?;
        }
        Ok(Self {
            _frontend: frontend,
            _control: control,
            simulator,
            bot,
            person,
            direct,
            town,
            _llm: llm,
            folder,
            _runtime: runtime,
        })
    }

    pub(crate) fn logs(&self) -> String {
        fs::read_to_string(self.folder.path().join("frontend.log")).unwrap_or_default()
    }
}

/// The worker finds what it needs beside itself.
fn install_worker(folder: &Path) -> Result<PathBuf> {
    let worker = folder.join("gaggle-worker");
    fs::copy(programs::built("gaggle-worker")?, &worker)?;
    symlink("gaggle-worker", folder.join("goose-shell"))?;
    fs::create_dir(folder.join("goose-home"))?;
    write_goose_config(folder)?;
    Ok(worker)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn start_frontend(ordinary: Ordinary, program: &Path, folder: &Path) -> Result<Child> {
    let log = fs::File::create(folder.join("frontend.log"))?;
    let mut command = ordinary.command(program);
    for (option, name) in
        [("--config-dir", "etc"), ("--runtime-dir", "run"), ("--state-dir", "state")]
    {
        command.arg(option).arg(folder.join(name));
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    command.spawn().context("start gaggle-frontend")
}
