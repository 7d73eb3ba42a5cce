//! The lab: real programs under real accounts without touching the host.
//!
//! Trust: it runs as root. What a lab mounts is in a mount namespace of its
//! own; the one thing outside is a cgroup folder, killed and removed at the end.
//!
//! ```no_run
//! use gaggle_tests::lab::Lab;
//!
//! # fn main() -> anyhow::Result<()> {
//! let lab = Lab::builder().person("carol").start()?;
//! assert_eq!(lab.answer("carol", "run: id -un")?, "carol");
//! # Ok(())
//! # }
//! ```

mod answers;
mod attachments;
mod bare_goose;
mod builder;
mod configuration;
pub mod goose;
pub mod inside;
mod mapping;
pub mod namespace;
pub mod needs;
mod notify;
pub mod people;
pub mod probe;
pub mod programs;
pub mod records;
pub mod service;
pub mod spec;
mod talk;
pub mod wait;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;

use crate::llm::Llm;
use crate::mattermost::{self, Id, Simulator};

pub use answers::{Answer, wait_for_bot};
pub use bare_goose::BareGoose;
pub use builder::Builder;
pub use configuration::{Sections, TOKEN_FILE, gaggle_toml, scripted_provider, write_goose_config};
pub use people::Person;
pub use probe::Probe;
pub use records::Entry;
pub use service::{Service, Which};
pub use talk::{ANSWER, Thread};

use namespace::Namespace;
use spec::RUNTIME;

/// A service that does not come up in so long never will.
const START: Duration = Duration::from_secs(30);

/// A running lab. Dropping it ends and removes all of it.
///
/// The order of the fields is that of their end: first the services, then what
/// they live in, then what they talk to.
pub struct Lab {
    frontend: Option<Service>,
    supervisor: Option<Service>,
    /// The mount namespace that the services run in.
    pub namespace: Namespace,
    people: Vec<Person>,
    /// What the frontend finds in its environment beside the usual.
    pub environment: Vec<(String, String)>,
    /// The bot's account in Mattermost.
    pub bot: mattermost::Account,
    /// The team that everybody is in.
    pub team: Id,
    /// The Mattermost that the frontend talks to.
    pub simulator: Simulator,
    /// The LLM that Goose talks to.
    pub llm: Llm,
    runtime: Runtime,
}

impl Lab {
    /// Chooses what the lab has.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a service that does not run, and waits until it serves.
    ///
    /// # Errors
    /// It does not come up; with its log.
    pub fn start(&mut self, which: Which) -> Result<()> {
        let known = self.serving(which);
        let environment = match which {
            Which::Supervisor => &[][..],
            Which::Frontend => &self.environment,
        };
        let mut service = Service::start(&self.namespace, which, environment)?;
        let up = wait::until(START, || {
            let over = service.ended().is_some();
            (over || self.serving(which) > known).then_some(!over)
        });
        if up != Some(true) {
            bail!("{} does not come up; it says:\n{}", which.name(), service.log());
        }
        match which {
            Which::Supervisor => self.supervisor = Some(service),
            Which::Frontend => self.frontend = Some(service),
        }
        Ok(())
    }

    /// How often a service was ready: the supervisor says so itself, the
    /// frontend by connecting to it.
    fn serving(&self, which: Which) -> usize {
        let event = match which {
            Which::Supervisor => "ready",
            Which::Frontend => "frontend_connected",
        };
        let socket = self.namespace.seen(RUNTIME).join("control.sock");
        let ready = self.namespace.records().iter().filter(|r| r.is(event)).count();
        if socket.exists() { ready } else { 0 }
    }

    /// A running service.
    ///
    /// # Errors
    /// It was not started.
    pub fn service(&mut self, which: Which) -> Result<&mut Service> {
        let service = match which {
            Which::Supervisor => self.supervisor.as_mut(),
            Which::Frontend => self.frontend.as_mut(),
        };
        service.with_context(|| format!("{} was not started", which.name()))
    }

    /// Kills a service at once and starts it again.
    ///
    /// # Errors
    /// It does not come up again.
    pub fn kill_and_restart(&mut self, which: Which) -> Result<()> {
        self.service(which)?.kill()?;
        self.start(which)
    }

    /// Ends a service as systemd would and starts it again.
    ///
    /// # Errors
    /// It does not end or does not come up again.
    pub fn restart(&mut self, which: Which) -> Result<()> {
        self.service(which)?.stop()?;
        self.start(which)
    }

    /// Waits for an audit record of the supervisor.
    ///
    /// # Errors
    /// There is none in time; with the records that there are.
    pub fn record(
        &self,
        event: &str,
        limit: Duration,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Entry> {
        let found = wait::until(limit, || {
            self.namespace.records().into_iter().find(|r| r.is(event) && wanted(r))
        });
        match found {
            Some(record) => Ok(record),
            None => bail!("no such {event} record\n{}", self.logs()),
        }
    }

    /// Runs a future on the runtime of simulator and LLM.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Everything the services and root said, for the reader of a failure.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for service in [&self.supervisor, &self.frontend].into_iter().flatten() {
            text += &service.log();
        }
        for record in self.namespace.records() {
            text += &format!("{} {:?}\n", record.uid, record.fields);
        }
        text
    }
}
