//! What a lab is made of: chosen by a test, put together and started here.
//!
//! Trust: the test.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::answers::wait_for_bot;
use super::configuration::{Sections, TOKEN_FILE, gaggle_toml, scripted_provider};
use super::namespace::Namespace;
use super::people::{self, Person};
use super::service::Which;
use super::spec::{Account, CONFIG, ConfigFile, Home, Spec};
use super::{Lab, goose, needs, programs};
use crate::llm::Llm;
use crate::mattermost::{Options, Simulator};

/// Chooses what a lab has beside the defaults: alice and bob, each with an
/// account of their own, supervisor and frontend running.
#[derive(Debug, Default)]
pub struct Builder {
    more_people: Vec<String>,
    accounts: Vec<Account>,
    entries: Map<String, Value>,
    raw_mapping: Option<String>,
    supervisor: String,
    sections: Sections,
    provider: Option<String>,
    built: Option<PathBuf>,
    goose: Option<PathBuf>,
    worker: Option<PathBuf>,
    real: Option<(String, String)>,
    without_frontend: bool,
}

impl Builder {
    /// One more person with an account of the same name.
    #[must_use]
    pub fn person(mut self, name: &str) -> Self {
        self.more_people.push(name.to_owned());
        self
    }

    /// Changes or adds an account; a person's keeps their uid.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// How the home of a person's account is made.
    #[must_use]
    pub fn home(self, name: &str, home: Home) -> Self {
        self.account(Account { home, ..people::account(name, people::KEEP_UID) })
    }

    /// The mapping's value for a person, in place of their name; null = no entry.
    #[must_use]
    pub fn entry(mut self, name: &str, value: Value) -> Self {
        self.entries.insert(name.to_owned(), value);
        self
    }

    /// The whole mapping as it stands in the file; `{alice}` becomes alice's id.
    #[must_use]
    pub fn mapping(mut self, text: &str) -> Self {
        self.raw_mapping = Some(text.to_owned());
        self
    }

    /// More lines for `supervisor.toml`.
    #[must_use]
    pub fn supervisor(mut self, lines: &str) -> Self {
        self.supervisor += &format!("{lines}\n");
        self
    }

    /// More lines for the section `[mattermost]` of `gaggle.toml`.
    #[must_use]
    pub fn mattermost_section(mut self, lines: &str) -> Self {
        self.sections.mattermost += &format!("{lines}\n");
        self
    }

    /// More lines for its section `[goose]`.
    #[must_use]
    pub fn goose_section(mut self, lines: &str) -> Self {
        self.sections.goose += &format!("{lines}\n");
        self
    }

    /// More lines for its section `[tools]`.
    #[must_use]
    pub fn tools_section(mut self, lines: &str) -> Self {
        self.sections.tools += &format!("{lines}\n");
        self
    }

    /// More lines for its section `[chat]`.
    #[must_use]
    pub fn chat_section(mut self, lines: &str) -> Self {
        self.sections.chat += &format!("{lines}\n");
        self
    }

    /// More lines for its section `[files]`.
    #[must_use]
    pub fn files_section(mut self, lines: &str) -> Self {
        self.sections.files += &format!("{lines}\n");
        self
    }

    /// Another provider than the scripted LLM: the lines of `goose.env`.
    #[must_use]
    pub fn provider(mut self, lines: String) -> Self {
        self.provider = Some(lines);
        self
    }

    /// The folder of the programs, in place of this build's.
    #[must_use]
    pub fn built(mut self, folder: PathBuf) -> Self {
        self.built = Some(folder);
        self
    }

    /// Another Goose than the fetched one.
    #[must_use]
    pub fn goose(mut self, path: PathBuf) -> Self {
        self.goose = Some(path);
        self
    }

    /// Another program in the worker's place. The worker itself then lies in
    /// [`REAL`](super::spec::REAL), to be executed from there.
    #[must_use]
    pub fn worker(mut self, path: PathBuf) -> Self {
        self.worker = Some(path);
        self
    }

    /// A real Mattermost and its people in place of the built-in one: its
    /// address, the bot's token, the mapping, and the accounts that it names.
    #[must_use]
    pub fn real_mattermost(
        mut self,
        url: &str,
        token: &str,
        mapping: &str,
        accounts: &[String],
    ) -> Self {
        self.real = Some((url.to_owned(), token.to_owned()));
        // Beyond those of alice and bob.
        for (uid, name) in (people::first_uid() + 10..).zip(accounts) {
            self = self.account(people::account(name, uid));
        }
        self.mapping(mapping)
    }

    /// Leaves the frontend to [`Lab::start`].
    #[must_use]
    pub fn without_frontend(mut self) -> Self {
        self.without_frontend = true;
        self
    }

    /// As [`Builder::start`]; `None` where no lab can be built, which is said
    /// loudly and counted.
    ///
    /// # Errors
    /// As [`Builder::start`].
    #[track_caller]
    pub fn start_if_possible(self) -> Result<Option<Lab>> {
        if needs::can_run() { self.start().map(Some) } else { Ok(None) }
    }

    /// Builds and starts it.
    ///
    /// # Errors
    /// Whatever is missing or does not come up; with its log.
    pub fn start(self) -> Result<Lab> {
        let runtime = Runtime::new()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let llm = runtime.block_on(Llm::start(any)).context("start the scripted LLM")?;
        let simulator = runtime.block_on(Simulator::start(Options::default()))?;
        let bot = simulator.create_bot("goose")?;
        let team = simulator.create_team("lab")?;
        simulator.add_to_team(team, bot.id)?;
        let people = self.people(&simulator, team, bot.id)?;
        let spec = self.spec(&people, &simulator, &bot.token, &llm)?;
        let private = Permissions::from_mode(0o700);
        let outside =
            tempfile::Builder::new().prefix("gaggle-lab-").permissions(private).tempdir()?;
        let spec = Spec { outside: outside.path().to_owned(), ..spec };
        let namespace = Namespace::build(&programs::built("gaggle-lab")?, &spec, outside)?;
        let mut lab = Lab {
            frontend: None,
            supervisor: None,
            namespace,
            people,
            environment: Vec::new(),
            bot,
            team,
            simulator,
            llm,
            runtime,
        };
        lab.start(Which::Supervisor)?;
        if !self.without_frontend {
            lab.start(Which::Frontend)?;
            if self.real.is_none() {
                let up = wait_for_bot(&lab.simulator, lab.bot.id);
                up.with_context(|| lab.logs())?;
            }
        }
        Ok(lab)
    }

    fn people(
        &self,
        simulator: &Simulator,
        team: crate::mattermost::Id,
        bot: crate::mattermost::Id,
    ) -> Result<Vec<Person>> {
        let first = people::first_uid();
        let names = ["alice", "bob"].into_iter().chain(self.more_people.iter().map(String::as_str));
        let mut people = Vec::new();
        for (uid, name) in (first..).zip(names) {
            let mattermost = simulator.create_user(name)?;
            simulator.add_to_team(team, mattermost.id)?;
            let direct = simulator.direct_channel(mattermost.id, bot)?;
            people.push(Person { name: name.to_owned(), uid, mattermost, direct });
        }
        Ok(people)
    }

    fn spec(
        &self,
        people: &[Person],
        simulator: &Simulator,
        token: &str,
        llm: &Llm,
    ) -> Result<Spec> {
        let provider = self.provider.clone().unwrap_or_else(|| scripted_provider(llm));
        let (url, token) = match &self.real {
            Some((url, token)) => (url.as_str(), token.as_str()),
            None => (simulator.url(), token),
        };
        let token_file = Path::new(CONFIG).join(TOKEN_FILE);
        let gaggle = gaggle_toml(url, &token_file, &self.sections);
        let file = |name: &str, content: String, mode, of_frontend| ConfigFile {
            name: name.to_owned(),
            content,
            mode,
            of_frontend,
        };
        Ok(Spec {
            built: self.built.clone().map_or_else(programs::built_folder, Ok)?,
            goose: self.goose.clone().map_or_else(goose::binary, Ok)?,
            worker: self.worker.clone(),
            outside: PathBuf::new(),
            accounts: self.all_accounts(people),
            config: vec![
                file("user_mapping.json", self.mapping_text(people), 0o644, false),
                file("supervisor.toml", self.supervisor_toml(), 0o644, false),
                file("goose.env", provider, 0o600, false),
                file("gaggle.toml", gaggle, 0o644, false),
                file(TOKEN_FILE, token.to_owned(), 0o400, true),
            ],
        })
    }

    /// Machines for tests often lack cgroup controllers; a lab serves there too
    /// unless its test is about that.
    fn supervisor_toml(&self) -> String {
        if self.supervisor.contains("require_limits") {
            return self.supervisor.clone();
        }
        format!("require_limits = false\n{}", self.supervisor)
    }

    fn all_accounts(&self, people: &[Person]) -> Vec<Account> {
        let mut all: Vec<Account> =
            people.iter().map(|p| people::account(&p.name, p.uid)).collect();
        for changed in &self.accounts {
            match all.iter_mut().find(|known| known.name == changed.name) {
                Some(known) if changed.uid == people::KEEP_UID => {
                    *known = Account { uid: known.uid, ..changed.clone() };
                }
                Some(known) => *known = changed.clone(),
                None => all.push(changed.clone()),
            }
        }
        all
    }

    fn mapping_text(&self, people: &[Person]) -> String {
        if let Some(text) = &self.raw_mapping {
            return people.iter().fold(text.clone(), |text, person| {
                text.replace(&format!("{{{}}}", person.name), person.mattermost.id.as_str())
            });
        }
        let mut mapping = Map::new();
        for person in people {
            let value = self.entries.get(&person.name).cloned();
            let value = value.unwrap_or_else(|| json!(person.name));
            if !value.is_null() {
                mapping.insert(person.mattermost.id.to_string(), value);
            }
        }
        Value::Object(mapping).to_string()
    }
}
