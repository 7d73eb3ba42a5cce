//! The people who write to the bot: a simulated Mattermost and a scripted model
//! on the loopback that the container shares.
//!
//! Trust: none; posts are read as Mattermost shows them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gaggle_tests::lab::{Answer, scripted_provider, wait, wait_for_bot};
use gaggle_tests::llm::Llm;
use gaggle_tests::mattermost::{Account, Id, Options, Simulator};
use tokio::runtime::Runtime;

/// A turn takes about a second; one that waits for a restart longer.
const ANSWER: Duration = Duration::from_secs(120);

/// Mattermost with the bot and two people, and the model.
pub(crate) struct Chat {
    pub(crate) simulator: Simulator,
    llm: Llm,
    pub(crate) bot: Account,
    people: Vec<Account>,
    _runtime: Runtime,
}

/// A question that somebody has asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked(Id);

impl Chat {
    /// Starts both, with an account for each of `people`.
    ///
    /// # Errors
    /// They cannot listen on the loopback.
    pub(crate) fn start(people: &[&str]) -> Result<Self> {
        let runtime = Runtime::new()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let llm = runtime.block_on(Llm::start(any))?;
        let simulator = runtime.block_on(Simulator::start(Options::default()))?;
        let bot = simulator.create_bot("goose")?;
        let people =
            people.iter().map(|name| simulator.create_user(name)).collect::<Result<_>>()?;
        Ok(Self { simulator, llm, bot, people, _runtime: runtime })
    }

    /// `goose.env` for the scripted model.
    pub(crate) fn provider(&self) -> String {
        scripted_provider(&self.llm)
    }

    fn person(&self, name: &str) -> Result<&Account> {
        let found = self.people.iter().find(|person| person.username == name);
        found.with_context(|| format!("nobody is called {name}"))
    }

    /// The Mattermost id of `name`.
    ///
    /// # Errors
    /// Nobody is called so.
    pub(crate) fn id(&self, name: &str) -> Result<String> {
        Ok(self.person(name)?.id.as_str().to_owned())
    }

    /// Waits for the bot's first look at Mattermost; what comes before is
    /// history to it.
    ///
    /// # Errors
    /// It answers nobody.
    pub(crate) fn wait_for_bot(&self) -> Result<()> {
        wait_for_bot(&self.simulator, self.bot.id)
    }

    /// Has `name` write `text` to the bot.
    ///
    /// # Errors
    /// What Mattermost would refuse.
    pub(crate) fn ask(&self, name: &str, text: &str) -> Result<Asked> {
        let person = self.person(name)?;
        let direct = self.simulator.direct_channel(person.id, self.bot.id)?;
        Ok(Asked(self.simulator.post(person.id, direct, text)?))
    }

    /// What answers a question so far.
    pub(crate) fn so_far(&self, asked: Asked) -> Answer {
        Answer::to(&self.simulator, self.bot.id, asked.0, asked.0)
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// There is none in time; with what there is.
    pub(crate) fn wait(&self, asked: Asked) -> Result<String> {
        let whole = wait::until(ANSWER, || Some(self.so_far(asked)).filter(Answer::is_whole));
        match whole {
            Some(answer) => Ok(answer.text().trim().to_owned()),
            None => bail!("no whole answer, but {:?}", self.so_far(asked).text()),
        }
    }

    /// Asks and waits for the whole answer.
    ///
    /// # Errors
    /// As both.
    pub(crate) fn answer(&self, name: &str, text: &str) -> Result<String> {
        self.wait(self.ask(name, text)?)
    }

    /// Whether the bot has ever said this to `name` alone.
    ///
    /// # Errors
    /// Nobody is called so.
    pub(crate) fn was_told(&self, name: &str, words: &str) -> Result<bool> {
        let direct = self.simulator.direct_channel(self.person(name)?.id, self.bot.id)?;
        let posts = self.simulator.posts(direct);
        Ok(posts.iter().any(|post| post.user_id == self.bot.id && post.message.contains(words)))
    }
}
