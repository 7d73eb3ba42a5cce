//! The REST API's frame: routes, who calls, what the body says, and what every
//! answer carries.
//!
//! Trust: none in the request; a caller is whom their token says.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{
    DefaultBodyLimit, FromRequestParts, OptionalFromRequestParts, Request, State as Shared,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::error::ApiError;
use super::ids::Id;
use super::server::App;
use super::{
    interference, rest_channels, rest_files, rest_lookup, rest_members, rest_posts, rest_users,
    websocket,
};

/// What a handler answers.
pub(super) type Answer = Result<Response, ApiError>;

const MAX_BODY: usize = 100 * 1024 * 1024;

pub(super) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/system/ping", get(ping))
        .route("/websocket", get(websocket::connect))
        .merge(rest_users::routes())
        .merge(rest_channels::routes())
        .merge(rest_members::routes())
        .merge(rest_posts::routes())
        .merge(rest_files::routes())
        .merge(rest_lookup::routes());
    Router::new()
        .nest("/api/v4", api)
        .merge(rest_posts::hook_route())
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(app.clone(), stamp))
        .merge(interference::routes())
        .layer(from_fn_with_state(app.clone(), interference::interfere))
        .with_state(app)
}

/// Gives each answer the headers every answer has.
async fn stamp(Shared(app): Shared<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let (version, now) = app.read(|state| (state.version.header(), state.now()));
    let headers = response.headers_mut();
    let id = Id::random();
    for (name, value) in [("x-request-id", id.as_str()), ("x-version-id", version.as_str())] {
        if let (false, Ok(value)) = (headers.contains_key(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    // By the clock that posts are made by, which a test may have set.
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or_default());
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
        headers.insert(header::DATE, date);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

async fn not_found() -> ApiError {
    ApiError::no_route()
}

async fn ping() -> Response {
    json_response(
        StatusCode::OK,
        &json!({ "AndroidLatestVersion": "", "AndroidMinVersion": "", "DesktopLatestVersion": "",
            "DesktopMinVersion": "", "IosLatestVersion": "", "IosMinVersion": "",
            "status": "OK" }),
    )
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(super) fn ok(body: &Value) -> Answer {
    Ok(json_response(StatusCode::OK, body))
}

pub(super) fn created(body: &Value) -> Answer {
    Ok(json_response(StatusCode::CREATED, body))
}

pub(super) fn done() -> Answer {
    ok(&json!({ "status": "OK" }))
}

/// The answer, or 304 when the client has it already.
pub(super) fn tagged(headers: &HeaderMap, etag: &str, body: impl FnOnce() -> Value) -> Answer {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen == etag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json_response(StatusCode::OK, &body())
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Whose token the request carries.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) user: Id,
    pub(super) admin: bool,
}

impl Caller {
    pub(super) fn require_admin(self) -> Result<(), ApiError> {
        if self.admin { Ok(()) } else { Err(ApiError::permissions()) }
    }

    /// An id in a path; `me` is the caller.
    pub(super) fn user_in(self, text: &str) -> Result<Id, ApiError> {
        if text == "me" { Ok(self.user) } else { path_id(text, "user_id") }
    }
}

/// The token of the `Authorization` header. `token` is as good as `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then_some(token.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(ApiError::session_expired)?;
        app.read(|state| {
            let user = state.session(token)?;
            Ok(Self { user: user.id, admin: user.is_admin() })
        })
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, ApiError> {
        Ok(<Self as FromRequestParts<App>>::from_request_parts(parts, app).await.ok())
    }
}

/// An id in a path. What could not be one makes it another path.
pub(super) fn path_id(text: &str, name: &str) -> Result<Id, ApiError> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(ApiError::no_route());
    }
    Id::parse(text).ok_or_else(|| ApiError::url_param(name))
}

/// A JSON body; `name` is what it is called in the refusal.
pub(super) fn parse_body(body: &Bytes, name: &str) -> Result<Value, ApiError> {
    super::surrogates::parse(body).ok_or_else(|| ApiError::body_param(name))
}

/// A text field of a body; absent and null are empty.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An id in a body.
pub(super) fn id_field(body: &Value, name: &str) -> Result<Id, ApiError> {
    Id::parse(text(body, name)).ok_or_else(|| ApiError::body_param(name))
}

/// `page` and `per_page` of a query: at most 200 a page, 60 when not said.
pub(super) fn paging(query: &std::collections::HashMap<String, String>) -> (usize, usize) {
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
    (number("page").unwrap_or(0), number("per_page").unwrap_or(60).min(200))
}
