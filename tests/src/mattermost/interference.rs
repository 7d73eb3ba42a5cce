//! Where the faults meet the requests, and the `/_sim` routes that switch
//! them.
//!
//! Trust: as in [`super::faults`]. `/_sim` itself is never disturbed.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::error::ApiError;
use super::faults::{Body, Content, Fault, Plan, When};
use super::ids::Id;
use super::server::{App, Server, Wire};

const API: &str = "/api/v4";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/_sim/faults", post(add).delete(clear))
        .route("/_sim/state", get(state))
        .route("/_sim/requests", get(requests))
}

async fn add(
    Shared(app): Shared<App>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    body: Bytes,
) -> Response {
    match serde_json::from_slice(&body) {
        Ok(fault) => {
            app.inject(fault, Some(&wire));
            Json(json!({ "status": "OK" })).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn clear(Shared(app): Shared<App>) -> Json<Value> {
    app.clear_faults();
    Json(json!({ "status": "OK" }))
}

async fn state(Shared(app): Shared<App>) -> Json<Value> {
    Json(app.read(|state| {
        json!({
            "users": state.users.len(), "sessions": state.sessions.len(),
            "channels": state.channels.len(), "posts": state.posts.len(),
            "connections": state.hub.connections.len(), "held_posts": state.held,
        })
    }))
}

async fn requests(Shared(app): Shared<App>) -> Json<Value> {
    Json(json!(app.requests()))
}

/// Lets a request through, or does to it what was asked for.
pub(super) async fn interfere(
    Shared(app): Shared<App>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path.starts_with("/_sim/") {
        return next.run(request).await;
    }
    if app.is_closed() {
        wire.cut();
    }
    let path = path.strip_prefix(API).unwrap_or(path).to_owned();
    app.count_request(request.method().as_str(), &path);
    let verdict = app.faults.limit();
    if let Some(mut refusal) = verdict.and_then(super::rate_limit::Verdict::refusal) {
        if let Some(verdict) = verdict {
            verdict.stamp(refusal.headers_mut());
        }
        app.count_request("REFUSED", &path);
        return refusal;
    }
    let plan = app.faults.plan(request.method().as_str(), &path);
    let mut response = carry_out(&plan, &wire, request, next).await;
    if let Some(verdict) = verdict {
        verdict.stamp(response.headers_mut());
    }
    response
}

async fn carry_out(plan: &Plan, wire: &Wire, request: Request, next: Next) -> Response {
    if plan.cut == Some(When::Before) {
        wire.cut();
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Some(to) = &plan.redirect {
        return (StatusCode::FOUND, [(header::LOCATION, to.clone())]).into_response();
    }
    let mut response = match plan.fail {
        Some((status, body, When::Before)) => failure(status, body),
        _ => next.run(request).await,
    };
    if let Some(content) = plan.content {
        response = spoiled(response, content).await;
    }
    if let Some((status, body, When::After)) = plan.fail {
        response = failure(status, body);
    }
    if let Some(delay) = plan.delay {
        tokio::time::sleep(delay).await;
    }
    if plan.cut == Some(When::After) {
        wire.cut();
    }
    response
}

/// The response with a body that is not what was said of it.
async fn spoiled(response: Response, content: Content) -> Response {
    const MOST: usize = 256 * 1024 * 1024;
    let (mut head, body) = response.into_parts();
    let mut bytes = axum::body::to_bytes(body, MOST).await.unwrap_or_default().to_vec();
    let length = bytes.len();
    head.headers.remove(header::CONTENT_LENGTH);
    match content {
        Content::Endless => {
            let more = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 4096]));
            return Response::from_parts(head, axum::body::Body::from_stream(more));
        }
        Content::Short => bytes.truncate(length.saturating_sub(1)),
        Content::Long | Content::Broken => {}
    }
    // A body of several pieces states no length by itself.
    let mut pieces = vec![Ok(bytes)];
    match content {
        Content::Long => pieces.push(Ok(b"x".to_vec())),
        Content::Broken => {
            head.headers.insert(header::CONTENT_LENGTH, (length + 1).into());
            pieces.push(Err(std::io::Error::other("broken off, as asked for")));
        }
        Content::Endless | Content::Short => {}
    }
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    Response::from_parts(head, body)
}

fn failure(status: u16, body: Body) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match body {
        Body::Json => {
            ApiError::new(status, "simulator.fault", "This failure was asked for.").into_response()
        }
        Body::Html => {
            let page = format!("<html><head><title>{status}</title></head><body></body></html>\n");
            (status, [(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
    }
}

impl Server {
    /// Switches a fault on. `spared` is the connection that asked for it.
    pub(super) fn inject(&self, fault: Fault, spared: Option<&Wire>) {
        match fault {
            Fault::DuplicateEvents { count } => self.change(|state| state.hub.duplicate = count),
            Fault::LoseEvents { count } => self.change(|state| state.hub.lose = count),
            Fault::ClockSkew { millis } => self.change(|state| state.clock_skew_ms = millis),
            Fault::RevokeTokens { user } => {
                if let Some(user) = Id::parse(&user) {
                    self.change(|state| state.revoke_tokens_of(user));
                }
            }
            Fault::Restart { millis } => self.restart(Duration::from_millis(millis), spared),
            Fault::RateLimit { per_second, burst } => self.faults.set_limit(per_second, burst),
            Fault::LatePosts { count, newer } => self.faults.set_late(count, newer),
            Fault::Fail { requests, status, body, when } => {
                self.faults.fail(requests, status, body, when);
            }
            Fault::Slow { requests, millis } => {
                self.faults.delay(requests, Duration::from_millis(millis));
            }
            Fault::BadContent { requests, content } => self.faults.spoil(requests, content),
            Fault::Redirect { requests, to } => self.faults.redirect(requests, to),
            Fault::LoseFiles { count } => self.change(|state| state.lose_files = count),
            Fault::Drop { requests, when } => self.faults.cut(requests, when),
        }
    }

    /// Switches all faults off; revoked tokens stay revoked.
    pub(super) fn clear_faults(&self) {
        self.faults.clear();
        self.closed_until.send_replace(None);
        self.change(|state| {
            state.hub.duplicate = 0;
            state.hub.lose = 0;
            state.clock_skew_ms = 0;
            state.lose_files = 0;
        });
    }
}
