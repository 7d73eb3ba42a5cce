//! The simulator as a library: start it, fill it, look into it.
//!
//! Trust: whoever holds a [`Simulator`] is the test; nothing is checked but
//! what the server itself would refuse.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use super::accounts::NewPerson;
use super::channels::NewChannel;
use super::ids::Id;
use super::listener::Gate;
use super::model::ChannelKind;
use super::rest;
use super::server::{App, Server, Wire};
use super::state::State;
use super::version::Version;

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which Mattermost it is.
    pub version: Version,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How often it pings WebSocket clients. One that does not answer for
    /// five thirds of this is dropped.
    pub websocket_ping: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::V10,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            websocket_ping: Duration::from_secs(60),
        }
    }
}

/// A user and a token to speak as them.
#[derive(Clone)]
pub struct Account {
    /// The user's id.
    pub id: Id,
    /// The user's name, without the `@`.
    pub username: String,
    /// A bearer token.
    pub token: String,
}

/// Who sees a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The whole team.
    Public,
    /// Its members.
    Private,
}

/// A post to be made.
#[derive(Clone, Debug, Default)]
pub struct NewPost {
    /// The text.
    pub message: String,
    /// The root of the thread it goes to.
    pub root: Option<Id>,
    /// Its props.
    pub props: Map<String, Value>,
    /// Its files, which its author uploaded.
    pub files: Vec<Id>,
    /// Its time of creation, in milliseconds since 1970, if not now.
    pub create_at: Option<i64>,
}

/// A running Mattermost. Dropping it closes everything.
pub struct Simulator {
    pub(super) app: App,
    url: String,
    admin: Account,
    task: JoinHandle<()>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
        self.app.stop();
    }
}

impl Simulator {
    /// Starts a server with no account but the built-in administrator's,
    /// `simulator`, whom the REST API's "first user" does not count.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn start(options: Options) -> Result<Self> {
        let app = Server::new(options.version, options.websocket_ping);
        let gate = Gate::bind(Arc::clone(&app), options.listen)
            .with_context(|| format!("cannot listen at {}", options.listen))?;
        let url = format!("http://{}", gate.addr());
        let admin = app.change(State::add_keeper)?;
        let router = rest::router(Arc::clone(&app));
        let service = router.into_make_service_with_connect_info::<Wire>();
        let task = tokio::spawn(async move {
            // It ends by being aborted only.
            let _ = axum::serve(gate, service).await;
        });
        Ok(Self { app, url, admin, task })
    }

    /// The base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The built-in administrator, for the REST API.
    #[must_use]
    pub fn admin(&self) -> &Account {
        &self.admin
    }

    /// Somebody's account, with a new token.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn account(&self, id: Id) -> Result<Account> {
        let (_, token) = self.app.change(|state| state.add_token(id))?;
        let username = self.app.read(|state| state.user(id).map(|user| user.username.clone()))?;
        Ok(Account { id, username, token })
    }

    /// Makes a person with a password nobody knows.
    ///
    /// # Errors
    /// When the name is taken or not a username.
    pub fn create_user(&self, username: &str) -> Result<Account> {
        let password = Id::random();
        let id = self.app.change(|state| {
            state.add_person(&NewPerson {
                username,
                email: &format!("{username}@example.com"),
                password: password.as_str(),
                admin: false,
            })
        })?;
        self.account(id)
    }

    /// Makes a bot that belongs to the built-in administrator.
    ///
    /// # Errors
    /// When the name is taken or not a username.
    pub fn create_bot(&self, username: &str) -> Result<Account> {
        let owner = self.admin.id;
        let id = self.app.change(|state| state.add_bot(owner, username, username, ""))?;
        self.account(id)
    }

    /// Makes a team.
    ///
    /// # Errors
    /// When the name is taken or not a team name.
    pub fn create_team(&self, name: &str) -> Result<Id> {
        Ok(self.app.change(|state| state.add_team(self.admin.id, name, name))?)
    }

    /// Puts a user in a team.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn add_to_team(&self, team: Id, user: Id) -> Result<()> {
        Ok(self.app.change(|state| state.join_team(team, user, self.admin.id))?)
    }

    /// Makes a channel with the built-in administrator in it.
    ///
    /// # Errors
    /// When the name is taken or not a channel name.
    pub fn create_channel(&self, team: Id, name: &str, visibility: Visibility) -> Result<Id> {
        let kind = match visibility {
            Visibility::Public => ChannelKind::Open,
            Visibility::Private => ChannelKind::Private,
        };
        let new = NewChannel { team, kind, name, display_name: name };
        Ok(self.app.change(|state| state.add_channel(self.admin.id, &new))?)
    }

    /// Puts a user of the team in a channel.
    ///
    /// # Errors
    /// When the user is not in the team.
    pub fn add_to_channel(&self, channel: Id, user: Id) -> Result<()> {
        Ok(self.app.change(|state| state.join_channel(channel, user, self.admin.id))?)
    }

    /// Takes a user out of a channel.
    ///
    /// # Errors
    /// When the user is not in it.
    pub fn remove_from_channel(&self, channel: Id, user: Id) -> Result<()> {
        Ok(self.app.change(|state| state.leave_channel(channel, user, self.admin.id))?)
    }

    /// The direct channel of two users.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn direct_channel(&self, from: Id, to: Id) -> Result<Id> {
        Ok(self.app.change(|state| state.direct_channel(from, to))?)
    }

    /// The group channel of three to eight users.
    ///
    /// # Errors
    /// When there are more or less of them.
    pub fn group_channel(&self, users: &[Id]) -> Result<Id> {
        let (first, rest) = users.split_first().context("a group needs users")?;
        Ok(self.app.change(|state| state.group_channel(*first, rest))?)
    }

    /// Activates or deactivates a user; a bot goes with its owner.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_active(&self, user: Id, active: bool) -> Result<()> {
        Ok(self.app.change(|state| state.set_active(user, active))?)
    }
}
