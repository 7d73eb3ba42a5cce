//! From answers and broken connections to [`Error`].
//!
//! Trust: of an error's body only `id` and `request_id` are read, and only the
//! characters such ids have. Addresses, which may hold a proxy's password, are
//! cut out of what the libraries say.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Error, retry, wire};

/// Answered when a header names no pause.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// Ids of errors that say a post is too long.
const TOO_LONG: [&str; 2] =
    ["model.post.is_valid.msg.app_error", "model.post.is_valid.props.app_error"];
const LONGEST_ID: usize = 128;

/// One failed try.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Another try may succeed.
    pub(super) again: bool,
    /// The server carried nothing out.
    pub(super) untouched: bool,
}

impl Failure {
    /// Another try would fail just so.
    pub(super) fn last(error: Error) -> Self {
        Self { error, again: false, untouched: false }
    }

    /// The server may have done its part, but no answer came.
    pub(super) fn lost(cause: String) -> Self {
        Self {
            error: Error::Unavailable { cause, maybe_done: true },
            again: true,
            untouched: false,
        }
    }

    /// From an answer that is no success.
    pub(super) fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said = Said::read(headers, body);
        let error = match status.as_u16() {
            401 => Error::Unauthorized,
            403 => Error::Forbidden { id: said.id, request_id: said.request_id },
            404 => Error::NotFound { id: said.id },
            429 => {
                return Self {
                    error: Error::RateLimited {
                        retry_after: retry::asked_pause(headers).unwrap_or(DEFAULT_PAUSE),
                    },
                    again: true,
                    untouched: true,
                };
            }
            300..400 => {
                Error::Malformed { what: format!("a redirect, status {}", status.as_u16()) }
            }
            400 if TOO_LONG.contains(&said.id.as_str()) => Error::TooLong { id: said.id },
            500 | 502.. => return Self::lost(format!("status {} ({})", status.as_u16(), said.id)),
            status => Error::Rejected { id: said.id, status, request_id: said.request_id },
        };
        Self::last(error)
    }

    /// From a connection that failed.
    pub(super) fn connection(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(tls) = tls_error(&error) {
            return Self::last(Error::Tls { cause: tls.to_string() });
        }
        let mut failure = Self::lost(cause(&error));
        failure.untouched = error.is_connect();
        failure.again = !error.is_builder();
        failure
    }
}

/// What the server says of an error.
struct Said {
    id: String,
    request_id: String,
}

impl Said {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Body {
            #[serde(default, deserialize_with = "wire::or_default")]
            id: String,
            #[serde(default, deserialize_with = "wire::or_default")]
            request_id: String,
        }
        // Proxies and the rate limit answer in plain text or HTML.
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let header = headers.get("x-request-id").and_then(|value| value.to_str().ok());
        Self {
            id: word(&body.id, "no error id"),
            request_id: word(header.unwrap_or(&body.request_id), "unnamed"),
        }
    }
}

fn word(text: &str, otherwise: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(fits) {
        text.to_owned()
    } else {
        otherwise.to_owned()
    }
}

/// The innermost reason, which is what an admin can act on.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let kind = if error.is_timeout() {
        "timed out: "
    } else if error.is_connect() {
        "cannot connect: "
    } else {
        ""
    };
    format!("{kind}{inner}")
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(tls) = source.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // TLS errors travel inside I/O errors, which do not name them as source.
        let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(tls);
        }
        next = match inner {
            Some(inner) => Some(inner),
            None => source.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::answered(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn errors_follow_the_id_whatever_the_message_says() {
        let body = r#"{"id":"model.post.is_valid.msg.app_error","message":"Ungültig"}"#;
        assert!(matches!(answered(400, body).error, Error::TooLong { .. }));
        let body = r#"{"id":"api.context.invalid_body_param.app_error","message":"too long"}"#;
        assert!(matches!(answered(400, body).error, Error::Rejected { .. }));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [429, 500, 502, 503, 504] {
            assert!(answered(status, "<html>").again, "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 501] {
            assert!(!answered(status, "<html>").again, "{status}");
        }
    }

    #[test]
    fn a_hostile_error_cannot_put_its_text_in_our_log() {
        let body = r#"{"id":"x\nForged: line","request_id":"<b>"}"#;
        let Error::Forbidden { id, request_id } = answered(403, body).error else {
            panic!("not Forbidden");
        };
        assert_eq!((id.as_str(), request_id.as_str()), ("no error id", "unnamed"));
    }
}
