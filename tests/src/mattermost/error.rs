//! What the server answers when it refuses: a status, a stable id and an
//! English sentence.
//!
//! Trust: clients must match on the id, so ids are exactly the real server's.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::ids::Id;

const NO_ROUTE: &str = "api.context.404.app_error";

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    id: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, id: &'static str, message: impl Into<String>) -> Self {
        Self { status, id, message: message.into() }
    }

    pub(super) fn bad_request(id: &'static str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, id, message)
    }

    pub(super) fn internal(id: &'static str, message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, id, message)
    }

    pub(super) fn permissions() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "api.context.permissions.app_error",
            "You do not have the appropriate permissions.",
        )
    }

    pub(super) fn session_expired() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "api.context.session_expired.app_error",
            "Invalid or expired session, please login again.",
        )
    }

    pub(super) fn body_param(name: &str) -> Self {
        Self::bad_request(
            "api.context.invalid_body_param.app_error",
            &format!("Invalid or missing {name} in request body."),
        )
    }

    pub(super) fn url_param(name: &str) -> Self {
        Self::bad_request(
            "api.context.invalid_url_param.app_error",
            &format!("Invalid or missing {name} parameter in request URL."),
        )
    }

    pub(super) fn missing_user() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "app.user.missing_account.const",
            "Unable to find the user.",
        )
    }

    pub(super) fn missing_post() -> Self {
        Self::new(StatusCode::NOT_FOUND, "app.post.get.app_error", "Unable to get the post.")
    }

    /// A path nobody serves. It alone is answered as plain text.
    pub(super) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, NO_ROUTE, "Sorry, we could not find the page.")
    }

    /// A limit of the simulator itself, which a real server does not have.
    pub(super) fn full() -> Self {
        Self::internal("simulator.full", "The simulator is full.")
    }

    /// The body, also sent over the WebSocket.
    pub(super) fn body(&self, request_id: Id) -> serde_json::Value {
        json!({
            "id": self.id, "message": self.message, "detailed_error": "",
            "request_id": request_id, "status_code": self.status.as_u16(),
        })
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.id, self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = Id::random();
        let mut body = self.body(request_id);
        let mut kind = "application/json";
        if self.id == NO_ROUTE {
            kind = "text/plain; charset=utf-8";
            if let Some(fields) = body.as_object_mut() {
                fields.remove("request_id");
            }
        }
        let headers =
            [(header::CONTENT_TYPE.as_str(), kind), ("x-request-id", request_id.as_str())];
        (self.status, headers, body.to_string()).into_response()
    }
}
