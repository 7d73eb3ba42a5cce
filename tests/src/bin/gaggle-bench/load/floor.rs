//! The floor under load: a bot without an agent, which posts at once, shows
//! what an agent would have said by then once a second, and patches the whole.
//!
//! Trust: as in [`super::super::api`].

use std::time::Duration;

use anyhow::Result;
use gaggle_tests::llm::{self, Spoken};
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::super::api::{Api, User, text};
use super::super::ear::{Ear, Heard};

/// Between two edits, as Gaggle does it.
const EDIT: Duration = Duration::from_secs(1);

/// The bot; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Floor(JoinHandle<()>);

impl Floor {
    /// Answers as `bot` whatever asks for something that the scripted LLM says.
    pub(super) async fn start(api: &Api, bot: &User) -> Result<Self> {
        let mut ear = Ear::open(api, bot).await?;
        let (api, bot) = (api.clone(), bot.clone());
        Ok(Self(tokio::spawn(async move {
            let mut answering = JoinSet::new();
            while let Some(heard) = ear.next_ever().await {
                if heard.new && heard.user != bot.id && heard.message.contains("!!") {
                    answering.spawn(answer(api.clone(), bot.clone(), heard));
                }
            }
        })))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(api: Api, bot: User, asked: Heard) -> Result<()> {
    let Some(Spoken { pieces, delay }) = llm::reply_to(&asked.message) else { return Ok(()) };
    let root = if asked.root.is_empty() { &asked.post } else { &asked.root };
    let props = |done: bool| match done {
        true => json!({ "gaggle_turn": asked.post, "gaggle_done": "complete" }),
        false => json!({ "gaggle_turn": asked.post }),
    };
    let post = json!({ "channel_id": asked.channel, "root_id": root, "message": "🤔 …",
        "props": props(false) });
    let path = format!("/posts/{}/patch", text(&api.post(&bot, "/posts", post).await?, "id")?);
    let (began, takes) = (Instant::now(), delay * u32::try_from(pieces.len())?);
    loop {
        sleep(EDIT.min(takes.saturating_sub(began.elapsed()))).await;
        let done = began.elapsed() >= takes;
        let so_far = (0..).zip(&pieces).filter(|(at, _)| done || delay * *at <= began.elapsed());
        let so_far: String = so_far.map(|(_, piece)| piece.as_str()).collect();
        let patch = json!({ "message": so_far, "props": props(done) });
        api.put(&bot, &path, patch).await?;
        if done {
            return Ok(());
        }
    }
}
