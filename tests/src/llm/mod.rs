//! A scripted LLM that speaks OpenAI's chat completions: the person's own words
//! decide what it answers, so a test or a demo needs no key and no network.
//!
//! Trust: it listens on loopback for tests and demos and believes everybody.
//! What it was asked is kept, within limits, for tests to look at.

mod plan;
mod record;
mod reply;
mod request;
mod script;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use record::{Outcome, Request};

use record::Record;

/// Largest request body, in bytes. Goose sends the whole conversation each time.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A running scripted LLM; it ends when this is dropped.
#[derive(Debug)]
pub struct Llm {
    address: SocketAddr,
    record: Arc<Record>,
    holds: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What every request finds.
#[derive(Clone)]
struct Shared {
    record: Arc<Record>,
    holds: watch::Receiver<bool>,
}

impl Llm {
    /// Listens at `address` (port 0 takes a free one). Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, when the address cannot be listened at.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let record = Arc::new(Record::default());
        let holds = watch::Sender::new(false);
        let shared = Shared { record: Arc::clone(&record), holds: holds.subscribe() };
        let service = axum::Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .route("/_llm/requests", get(requests))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(shared);
        // Small events must not wait for the ones after them.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { address, record, holds, task })
    }

    /// Its base, like `http://127.0.0.1:40001`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether answers with `hold=` stop at that place until it is changed back.
    pub fn hold(&self, hold: bool) {
        self.holds.send_replace(hold);
    }

    /// The requests for completions that it still remembers, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.record.all()
    }
}

impl Drop for Llm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A reply as it would be streamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Its pieces, one after the other.
    pub pieces: Vec<String>,
    /// The pause between two.
    pub delay: Duration,
}

/// What it would say to a person's `text`, for an agent without an LLM; `None` where
/// it would do something else, like calling a tool.
#[must_use]
pub fn reply_to(text: &str) -> Option<Spoken> {
    // Without a tool it is taken for a question of Goose's own.
    let tools = json!([{"type": "function", "function": {"name": "shell"}}]);
    let body = json!({"messages": [{"role": "user", "content": text}], "tools": tools});
    let plan::Answer::Message(message) = plan::answer(&body, 0) else { return None };
    let plain = message.calls.is_empty() && message.thinking.is_empty();
    plain.then(|| Spoken {
        pieces: reply::pieces(&message.text, message.pieces),
        delay: message.delay,
    })
}

async fn complete(State(shared): State<Shared>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return reply::error(StatusCode::BAD_REQUEST, "the body is not JSON", "bad_json");
    };
    let attempts = shared.record.attempts(&body);
    let answer = plan::answer(&body, attempts);
    let entry = shared.record.begin(body.clone());
    reply::respond(&body, answer, entry, shared.holds)
}

async fn models() -> Json<Value> {
    let models: Vec<Value> = ["gpt-4o", "gpt-4o-mini"]
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1, "owned_by": "gaggle"}))
        .collect();
    Json(json!({"object": "list", "data": models}))
}

async fn requests(State(shared): State<Shared>) -> Response {
    let all: Vec<Value> = shared.record.all().into_iter().map(|r| r.body).collect();
    Json(all).into_response()
}
