//! A server that answers what it is told to and keeps what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

type Answer = Box<dyn FnOnce() -> Response + Send>;

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    asked: Vec<Asked>,
}

type Shared = Arc<Mutex<Script>>;

/// The server, until it is dropped.
pub(crate) struct Scripted {
    script: Shared,
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Shared::default();
        let app = router(script.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { script, address, task }
    }

    /// The answer to the next request that has none yet.
    pub(crate) fn answer(&self, answer: impl IntoResponse + Send + 'static) -> &Self {
        let answer = Box::new(|| answer.into_response());
        self.script.lock().unwrap().answers.push_back(answer);
        self
    }

    /// An error as the server tells it.
    pub(crate) fn error(&self, status: u16, id: &str) -> &Self {
        let body =
            json!({"id": id, "message": "Nein.", "request_id": "req1", "status_code": status});
        self.answer((StatusCode::from_u16(status).unwrap(), axum::Json(body)))
    }

    pub(crate) fn json(&self, body: Value) -> &Self {
        self.answer(axum::Json(body))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }
}

/// Answers every request from one script.
pub(crate) fn router_of_one(answer: Value) -> Router {
    Router::new().fallback(move || async move { axum::Json(answer.clone()) })
}

fn router(script: Shared) -> Router {
    Router::new().fallback(take).with_state(script)
}

async fn take(State(script): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut script = script.lock().unwrap();
    script.asked.push(Asked {
        path: uri.to_string(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    match script.answers.pop_front() {
        Some(answer) => answer(),
        None => (StatusCode::IM_A_TEAPOT, "nothing more in the script").into_response(),
    }
}
