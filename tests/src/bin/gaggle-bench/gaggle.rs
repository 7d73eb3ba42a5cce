//! Gaggle itself, running for a world's people.
//!
//! Trust: the lab, which changes nothing of the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gaggle_tests::lab::{Lab, Which, needs, wait};
use tokio::runtime::Runtime;

use super::ear::Ear;
use super::proxy::Proxy;
use super::world::World;

/// Whatever it has to do first, it serves within this.
const START: Duration = Duration::from_secs(60);
/// A worker ends within this.
const END: Duration = Duration::from_secs(30);

/// How it is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Lines for `[mattermost]`.
    pub(crate) mattermost: &'static str,
    /// Lines for `[goose]`.
    pub(crate) goose: &'static str,
    /// Lines for `[chat]`.
    pub(crate) chat: String,
    /// Lines for `supervisor.toml`.
    pub(crate) supervisor: String,
    /// A program in Goose's place.
    pub(crate) agent: Option<PathBuf>,
    /// Through a proxy that counts, and delays so long in each direction.
    pub(crate) through: Option<Duration>,
}

/// A running Gaggle.
pub(crate) struct Gaggle {
    pub(crate) lab: Lab,
    pub(crate) proxy: Option<Proxy>,
}

impl Gaggle {
    /// Starts it, and waits until it answers.
    pub(crate) fn start(
        runtime: &Runtime,
        world: &World,
        programs: &Path,
        settings: &Settings,
    ) -> Result<Self> {
        if let Some(missing) = needs::missing() {
            bail!("{missing}");
        }
        let base = world.server.api.base();
        let proxy = match settings.through {
            Some(delay) => Some(runtime.block_on(Proxy::start(base, delay))?),
            None => None,
        };
        let url = proxy.as_ref().map_or(base, Proxy::url);
        let (mapping, accounts) = world.mapping();
        let mut lab = Lab::builder()
            .built(programs.to_owned())
            .supervisor(&format!("max_workers = {}", accounts.len().max(2)))
            .supervisor(&settings.supervisor)
            .mattermost_section(settings.mattermost)
            .goose_section(settings.goose)
            .chat_section(&settings.chat)
            .real_mattermost(url, &world.bot.token, &mapping, &accounts);
        if let Some(agent) = &settings.agent {
            lab = lab.goose(agent.clone());
        }
        let lab = lab.start()?;
        let answers = runtime.block_on(answers(world));
        answers.with_context(|| lab.logs())?;
        Ok(Self { lab, proxy })
    }

    /// The frontend's process id.
    pub(crate) fn frontend(&mut self) -> Result<i32> {
        Ok(self.lab.service(Which::Frontend)?.pid())
    }

    /// The end of what it logged.
    pub(crate) fn last_words(&self) -> String {
        let log = self.lab.logs();
        let lines: Vec<&str> = log.lines().rev().take(12).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Waits until nobody has a worker.
    pub(crate) fn without_workers(&self) -> Result<()> {
        let none = || self.lab.namespace.people_running("gaggle-worker").is_empty().then_some(());
        wait::until(END, none).context("a worker does not end")
    }
}

/// What was written before the first look ever is history, so it is asked again
/// and again.
async fn answers(world: &World) -> Result<()> {
    let (person, channel) = (world.first_person()?, world.first_channel()?);
    let mut ear = Ear::open(&world.server.api, person).await?;
    let began = std::time::Instant::now();
    while began.elapsed() < START {
        let help = format!("@{} !help", world.bot.name);
        world.server.api.write(person, channel, None, &help).await?;
        while let Some(heard) = ear.next_within(Duration::from_millis(500)).await {
            if heard.user == world.bot.id {
                return Ok(());
            }
        }
    }
    bail!("the bot answers nobody")
}
