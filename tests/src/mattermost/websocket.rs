//! `/api/v4/websocket`: who speaks, what they missed, and their actions.
//!
//! Trust: a bad token is not told so; its socket is dropped after a while.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::error::ApiError;
use super::events::{Connection, Event};
use super::ids::Id;
use super::rest::{bearer, text};
use super::rest_posts::publish_typing;
use super::server::{App, Wire};
use super::state::State;

const AUTH_DEADLINE: Duration = Duration::from_secs(5);
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
const MAX_FRAME: usize = 8192;

/// Where a client that was here before wants to go on.
struct Resume {
    connection: String,
    sequence: Option<String>,
}

pub(super) async fn connect(
    Shared(app): Shared<App>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, at)| at != host)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let token = bearer(&headers).map(str::to_owned);
    let resume = query.get("connection_id").map(|connection| Resume {
        connection: connection.clone(),
        sequence: query.get("sequence_number").cloned(),
    });
    upgrade.max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME).on_upgrade(
        move |socket| async move {
            let mut client = Client { app, socket, line: None };
            if client.begin(token, resume).await.is_some() {
                client.serve().await;
            }
            client.end();
            // Like the real server: no close frame, the line just ends.
            wire.cut();
        },
    )
}

/// Begins a connection with a `hello`; `None` if there are too many.
fn begin(state: &mut State, user: Id, token: String) -> Option<Id> {
    let id = Id::random();
    let mut connection = Connection::new(user, token);
    let data = json!({ "connection_id": id, "server_version": state.version.header() });
    connection.push(Event::to_user("hello", user, data).json());
    let now = state.now();
    state.hub.add(id, connection, now).then_some(id)
}

/// Which connection this socket serves, and its number there.
#[derive(Clone, Copy)]
struct Line {
    connection: Id,
    socket: u64,
}

struct Client {
    app: App,
    socket: WebSocket,
    line: Option<Line>,
}

impl Client {
    /// Waits until it is known who speaks. `None`: the socket is to be dropped.
    async fn begin(&mut self, token: Option<String>, resume: Option<Resume>) -> Option<()> {
        if let Some((token, user)) = token.and_then(|token| self.user_of(&token)) {
            return self.open(user, token, resume);
        }
        let first = timeout(AUTH_DEADLINE, self.socket.recv()).await.ok()??.ok()?;
        let action: Value = serde_json::from_str(first.to_text().ok()?).ok()?;
        if text(&action, "action") != "authentication_challenge" {
            return None;
        }
        let (token, user) = self.user_of(text(action.get("data")?, "token"))?;
        self.open(user, token, None)?;
        self.flush().await?;
        self.send(json!({ "status": "OK", "seq_reply": action.get("seq") })).await
    }

    fn user_of(&self, token: &str) -> Option<(String, Id)> {
        let user = self.app.read(|state| state.session(token).map(|user| user.id)).ok()?;
        Some((token.to_owned(), user))
    }

    /// Finds the connection to go on with, or begins one with a `hello`.
    fn open(&mut self, user: Id, token: String, resume: Option<Resume>) -> Option<()> {
        let line = self.app.change(|state| {
            let known = match resume {
                Some(resume) => {
                    let id = Id::parse(&resume.connection)?;
                    state.hub.resume(id, user, resume.sequence.as_deref())?.then_some(id)
                }
                None => None,
            };
            let connection = match known {
                Some(id) => id,
                None => begin(state, user, token)?,
            };
            let socket = state.hub.attach(connection)?;
            Some(Line { connection, socket })
        })?;
        self.line = Some(line);
        Some(())
    }

    /// Carries events out and actions in until either end is gone.
    async fn serve(&mut self) -> Option<()> {
        let every = self.app.websocket_ping;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A client that answers no ping for this long is taken for dead.
        let patience = every * 5 / 3;
        let mut heard = Instant::now();
        let (authenticated, mut checked) = (Instant::now() + AUTH_DEADLINE, false);
        loop {
            let wake = self.wake()?;
            self.flush().await?;
            tokio::select! {
                () = wake.notified() => {}
                () = sleep_until(authenticated), if !checked => {
                    checked = !self.is_muted();
                    checked.then_some(())?;
                }
                _ = pings.tick() => self.put(Message::Ping(Bytes::new())).await?,
                () = sleep_until(heard + patience) => return None,
                message = self.socket.recv() => match message? {
                    Ok(Message::Pong(_)) => heard = Instant::now(),
                    Ok(message) => self.take(message).await?,
                    Err(_) => {
                        let reason = CloseFrame { code: 1009, reason: "".into() };
                        self.put(Message::Close(Some(reason))).await?;
                        return None;
                    }
                },
            }
        }
    }

    async fn take(&mut self, message: Message) -> Option<()> {
        match message {
            Message::Text(action) => self.act(&action).await,
            Message::Close(_) => None,
            _ => Some(()),
        }
    }

    fn is_muted(&self) -> bool {
        let line = self.line.map(|line| line.connection);
        self.app.read(|state| {
            let connection = line.and_then(|line| state.hub.connections.get(&line));
            connection.is_none_or(|connection| connection.muted)
        })
    }

    fn wake(&self) -> Option<std::sync::Arc<tokio::sync::Notify>> {
        let line = self.line?;
        self.app.read(|state| state.hub.connections.get(&line.connection)?.wake_of(line.socket))
    }

    /// Sends what waits. `None` when the connection is no longer this
    /// socket's, or the client does not read.
    async fn flush(&mut self) -> Option<()> {
        let line = self.line?;
        loop {
            let next = self.app.change(|state| state.hub.take(line.connection, line.socket));
            match next.ok()? {
                Some(frame) => self.put(Message::text(frame)).await?,
                None => return Some(()),
            }
        }
    }

    async fn send(&mut self, body: Value) -> Option<()> {
        self.put(Message::text(body.to_string())).await
    }

    async fn put(&mut self, message: Message) -> Option<()> {
        timeout(WRITE_DEADLINE, self.socket.send(message)).await.ok()?.ok()
    }

    /// Does what the client asks. `None` for what is not JSON.
    async fn act(&mut self, action: &str) -> Option<()> {
        let action: Value = serde_json::from_str(action).ok()?;
        let empty = Value::Null;
        let data = action.get("data").unwrap_or(&empty);
        let seq = action.get("seq").and_then(Value::as_i64).unwrap_or_default();
        let result = self.answer(text(&action, "action"), data)?;
        self.flush().await?;
        match result {
            Ok(Value::Null) => self.send(json!({ "status": "OK", "seq_reply": seq })).await,
            Ok(data) => self.send(json!({ "status": "OK", "seq_reply": seq, "data": data })).await,
            Err(error) => {
                let error = error.body(Id::random());
                self.send(json!({ "status": "FAIL", "seq_reply": seq, "error": error })).await
            }
        }
    }

    fn answer(&self, action: &str, data: &Value) -> Option<Result<Value, ApiError>> {
        let line = self.line?;
        Some(self.app.change(|state| {
            let connection = state.hub.connections.get(&line.connection);
            let connection = connection.filter(|connection| !connection.muted);
            let token = connection.map(|connection| connection.token.clone()).unwrap_or_default();
            let user = state.session(&token)?.id;
            match action {
                "ping" => Ok(json!({ "text": "pong", "version": state.version.number(),
                    "server_time": state.now(), "node_id": "" })),
                "user_typing" => {
                    let channel =
                        Id::parse(text(data, "channel_id")).ok_or_else(ApiError::permissions)?;
                    publish_typing(state, user, channel, text(data, "parent_id"))?;
                    Ok(Value::Null)
                }
                _ => Err(ApiError::bad_request(
                    "api.web_socket_router.bad_action.app_error",
                    "Unknown WebSocket action.",
                )),
            }
        }))
    }

    fn end(&mut self) {
        if let Some(line) = self.line.take() {
            self.app.change(|state| {
                let now = state.now();
                state.hub.detach(line.connection, line.socket, now);
            });
        }
    }
}
