//! The Mattermost that is measured with: a simulated one, or a real one that
//! the environment names.
//!
//! Trust: whoever started the bench says which; a real one gets users, teams
//! and channels that stay.

use anyhow::{Context, Result};
use gaggle_tests::mattermost::{Options, Simulator};

use super::api::{Api, User};

/// The variables that name a real server, as the conformance suite knows them.
const URL: &str = "GAGGLE_MATTERMOST_URL";
const ADMIN: &str = "GAGGLE_MATTERMOST_ADMIN";
const PASSWORD_FILE: &str = "GAGGLE_MATTERMOST_PASSWORD_FILE";

/// A server, and who may do everything there.
pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) admin: User,
    /// What is measured with, for people.
    pub(crate) name: String,
    _simulator: Option<Simulator>,
}

impl Server {
    /// The one that the environment names, or a new simulated one.
    pub(crate) async fn find() -> Result<Self> {
        match std::env::var(URL) {
            Ok(url) => Self::real(&url).await,
            Err(_) => Self::simulated().await,
        }
    }

    async fn real(url: &str) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).context(name.to_owned());
        let (login, file) = (variable(ADMIN)?, variable(PASSWORD_FILE)?);
        let password = std::fs::read_to_string(&file).context(file)?;
        let api = Api::new(url)?;
        let admin = api.log_in(&login, password.trim_end_matches('\n')).await?;
        Ok(Self { api, admin, name: format!("the Mattermost at {url}"), _simulator: None })
    }

    async fn simulated() -> Result<Self> {
        let options = Options::default();
        let name = format!("a simulated Mattermost {}", options.version.number());
        let simulator = Simulator::start(options).await?;
        let admin = simulator.admin();
        let (id, token) = (admin.id.to_string(), admin.token.clone());
        let admin = User { id, name: admin.username.clone(), token };
        Ok(Self { api: Api::new(simulator.url())?, admin, name, _simulator: Some(simulator) })
    }
}
