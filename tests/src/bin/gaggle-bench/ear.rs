//! What somebody hears over a WebSocket of their own, and when.
//!
//! Trust: as in [`super::api`]. Times are taken as soon as a frame is read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::api::{Api, User};

/// Nothing takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Words that wait to be taken.
const WAITING: usize = 4096;

/// Somebody wrote, or changed what they wrote.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// When it was heard.
    pub(crate) at: Instant,
    /// The post is new.
    pub(crate) new: bool,
    pub(crate) post: String,
    pub(crate) user: String,
    pub(crate) channel: String,
    /// Empty for a post that is no reply.
    pub(crate) root: String,
    pub(crate) message: String,
    /// The question that an answer of Gaggle's names.
    pub(crate) answers: Option<String>,
    /// Nothing more will come, as Gaggle says.
    pub(crate) done: bool,
}

/// An open ear.
#[derive(Debug)]
pub(crate) struct Ear {
    heard: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Ear {
    /// Listens as `user`; what happens from now on is heard.
    pub(crate) async fn open(api: &Api, user: &User) -> Result<Self> {
        let url = format!("{}/api/v4/websocket", api.base().replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        let token = format!("Bearer {}", user.token).parse()?;
        request.headers_mut().insert("Authorization", token);
        let (mut stream, _) = connect_async(request).await.context("open a WebSocket")?;
        let hello = timeout(PATIENCE, stream.next()).await?;
        hello.context("the server says no hello")??;
        let (tell, heard) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else { continue };
                if let Some(heard) = parse(Instant::now(), &text)
                    && tell.send(heard).await.is_err()
                {
                    break;
                }
            }
        });
        Ok(Self { heard, task })
    }

    /// The next word.
    pub(crate) async fn next(&mut self) -> Result<Heard> {
        match timeout(PATIENCE, self.heard.recv()).await {
            Ok(Some(heard)) => Ok(heard),
            Ok(None) => bail!("the server closed the WebSocket"),
            Err(_) => bail!("nothing was heard for {PATIENCE:?}"),
        }
    }

    /// The next word if it comes within `limit`.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<Heard> {
        timeout(limit, self.heard.recv()).await.ok().flatten()
    }

    /// The next word, whenever it comes; `None` when there will be none.
    pub(crate) async fn next_ever(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Forgets what was heard so far.
    pub(crate) fn forget(&mut self) {
        while self.heard.try_recv().is_ok() {}
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn parse(at: Instant, frame: &str) -> Option<Heard> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    let new = match frame["event"].as_str()? {
        "posted" => true,
        "post_edited" => false,
        _ => return None,
    };
    let post: Value = serde_json::from_str(frame["data"]["post"].as_str()?).ok()?;
    let text = |name: &str| post[name].as_str().unwrap_or_default().to_owned();
    Some(Heard {
        at,
        new,
        post: text("id"),
        user: text("user_id"),
        channel: text("channel_id"),
        root: text("root_id"),
        message: text("message"),
        answers: post["props"]["gaggle_turn"].as_str().map(str::to_owned),
        done: post["props"].get("gaggle_done").is_some(),
    })
}
