//! The floor: a bot without an agent, which posts and patches at once. Nothing
//! on this server and this machine can answer sooner.
//!
//! Trust: as in [`super::api`].

use anyhow::Result;
use serde_json::json;
use tokio::task::JoinHandle;

use super::api::{Api, User};
use super::ear::Ear;

/// The bot; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Floor(JoinHandle<Result<()>>);

impl Floor {
    /// Answers whatever others write in `channel` as `bot`, with the word that
    /// they ask for.
    pub(crate) async fn start(api: &Api, bot: &User, channel: &str) -> Result<Self> {
        let mut ear = Ear::open(api, bot).await?;
        let (api, bot, channel) = (api.clone(), bot.clone(), channel.to_owned());
        Ok(Self(tokio::spawn(async move {
            while let Some(heard) = ear.next_ever().await {
                if !heard.new || heard.user == bot.id || heard.channel != channel {
                    continue;
                }
                let root = if heard.root.is_empty() { &heard.post } else { &heard.root };
                let post = api.write(&bot, &channel, Some(root), "🤔 …").await?;
                let word = heard.message.rsplit(' ').next().unwrap_or_default();
                api.put(&bot, &format!("/posts/{post}/patch"), json!({ "message": word })).await?;
            }
            Ok(())
        })))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.0.abort();
    }
}
