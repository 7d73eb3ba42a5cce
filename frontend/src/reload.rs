//! Takes changed settings over without losing the connection or a turn.
//!
//! Trust: settings are parsed and refused as at the start. If they are not
//! usable, or names in them cannot be looked up, what was in force stays.

use std::sync::Arc;

use sd_notify::NotifyState;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::conversation::Conversations;
use crate::mattermost::{Client, User};
use crate::{log, notify, service};

/// The settings as they were read last; `None` until they were read again.
pub type Reloads = watch::Receiver<Option<Arc<Result<Config, ConfigError>>>>;

/// What new settings are brought to.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) me: User,
    pub(crate) conversations: Conversations,
    /// What the service was started with.
    pub(crate) started: Config,
}

impl Running {
    /// Takes over what is read, again and again.
    pub(crate) async fn follow(self, mut reloads: Reloads) {
        while reloads.changed().await.is_ok() {
            let Some(read) = reloads.borrow_and_update().clone() else { continue };
            match NotifyState::monotonic_usec_now() {
                Ok(now) => notify::send(&[NotifyState::Reloading, now]),
                Err(_) => notify::send(&[NotifyState::Reloading]),
            }
            self.take_over(&read).await;
            notify::send(&[NotifyState::Ready]);
        }
        // Nobody reads them any more; that ends nothing.
        std::future::pending().await
    }

    async fn take_over(&self, read: &Result<Config, ConfigError>) {
        let refusal = match read {
            Err(error) => error.to_string(),
            Ok(config) => match service::gate(&self.client, config, &self.me).await {
                Err(error) => error.to_string(),
                Ok(gate) => {
                    log::set_debug(config.debug);
                    let settings = service::settings(config);
                    let live = service::live(config, gate);
                    self.conversations.adopt(live, settings, config.max_sessions);
                    return self.say_what_waits(config);
                }
            },
        };
        tracing::error!("the earlier settings stay in force: {refusal}");
        notify::settings(&format!("earlier settings are in force: {refusal}"));
    }

    fn say_what_waits(&self, config: &Config) {
        for notice in &config.notices {
            tracing::info!("{notice}");
        }
        let waiting = waiting(&self.started, config).join(", ");
        if waiting.is_empty() {
            tracing::info!("the settings were read again and are in force");
            notify::settings("");
        } else {
            tracing::warn!("the settings were read again; {waiting} will change with a restart");
            notify::settings(&format!("changed and waiting for a restart: {waiting}"));
        }
    }
}

/// What only a restart changes, by the names that the files have for it.
fn waiting(old: &Config, new: &Config) -> Vec<&'static str> {
    let (was, is) = (&old.mattermost, &new.mattermost);
    let changed = [
        ("the address of Mattermost", was.url != is.url),
        ("the token", was.token.expose_secret() != is.token.expose_secret()),
        ("ca_file", was.ca_file != is.ca_file),
        ("the proxy", was.proxy != is.proxy),
        ("websocket", old.websocket != new.websocket),
        ("poll_interval", old.poll_interval != new.poll_interval),
        ("worker_idle", old.worker_idle != new.worker_idle),
        ("the tools of MCP", old.mcp != new.mcp),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Environment;

    fn config(more: &[(&str, &str)]) -> Config {
        let usual = [
            ("MATTERMOST_URL", "https://chat.example"),
            ("MATTERMOST_TOKEN", "abcdefghijklmnopqrstuvwxyz"),
        ];
        let set =
            usual.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string()));
        let environment: Environment = set.collect();
        Config::load(Path::new("/nonexistent"), &environment).unwrap()
    }

    #[test]
    fn what_needs_a_restart_is_named_and_the_token_is_not_told() {
        let old = config(&[]);
        assert!(waiting(&old, &old.clone()).is_empty());
        let changed = config(&[("MATTERMOST_TOKEN", "zyxwvutsrqponmlkjihgfedcba")]);
        assert_eq!(waiting(&old, &changed), ["the token"]);
        let changed = config(&[("POLL_INTERVAL", "7"), ("MATTERMOST_URL", "https://b.example")]);
        assert_eq!(waiting(&old, &changed), ["the address of Mattermost", "poll_interval"]);
    }

    #[test]
    fn what_can_change_at_once_needs_no_restart() {
        let changed = config(&[("DEBUG", "true"), ("MAX_SESSIONS", "3"), ("APPROVED_USERS", "a")]);
        assert!(waiting(&config(&[]), &changed).is_empty());
    }
}
