//! Sends one request, again if need be, and reads a capped answer.
//!
//! Trust: nothing leaves but to the configured address: redirects are not
//! followed, and the token travels in a header that no log prints.

use std::fmt::Display;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Upgraded, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::budget::Budget;
use super::clock::Clock;
use super::failure::Failure;
use super::tls::Protocols;
use super::{Error, connector, retry};
use crate::config::Mattermost;

/// Largest answer in bytes: a page of two posts at a server's limits fits.
pub(super) const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// One try, answer included.
const TRY: Duration = Duration::from_secs(20);
/// All tries of one call.
const CALL: Duration = Duration::from_secs(45);

/// What to send.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
    unless: Option<HeaderValue>,
    tries: Tries,
    /// Largest answer, in bytes.
    limit: usize,
    /// Whoever asks reads the body of the answer.
    open: bool,
}

/// How often a request may be sent.
#[derive(Debug, Clone, Copy)]
enum Tries {
    /// Once, unless the server said that it did nothing.
    Once,
    /// As long as a call may take: sending it twice does the same.
    Many,
    /// As often as fits before then.
    Until(Instant),
}

impl Request {
    fn new(method: Method, path: impl Into<String>, tries: Tries) -> Self {
        let (path, query) = (path.into(), Vec::new());
        let (body, unless, limit, open) = (None, None, MAX_ANSWER, false);
        Self { method, path, query, body, unless, tries, limit, open }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Tries::Many)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, Tries::Many)
    }

    pub(super) fn put(path: impl Into<String>, body: &Value) -> Self {
        let mut request = Self::new(Method::PUT, path, Tries::Many);
        request.body = Some(body.to_string().into());
        request
    }

    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        let mut request = Self::new(Method::POST, path, Tries::Once);
        request.body = Some(body.to_string().into());
        request
    }

    /// As [`Request::get`], for an answer that is read piece by piece.
    pub(super) fn open(path: impl Into<String>) -> Self {
        Self { open: true, ..Self::get(path) }
    }

    /// A file to be sent with [`Transport::send_stream`].
    pub(super) fn upload(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path, Tries::Once)
    }

    /// Sending it twice does the same as once.
    pub(super) fn repeatable(mut self) -> Self {
        self.tries = Tries::Many;
        self
    }

    /// Sending it twice does the same as once, if both arrive before then.
    pub(super) fn until(mut self, end: std::time::Instant) -> Self {
        self.tries = Tries::Until(end.into());
        self
    }

    /// An answer over `limit` bytes is refused.
    pub(super) fn at_most(mut self, limit: usize) -> Self {
        self.limit = limit.min(MAX_ANSWER);
        self
    }

    /// Adds to the query.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Answer only if the tag is another by now.
    pub(super) fn unless(mut self, tag: &str) -> Self {
        self.unless = HeaderValue::from_str(tag).ok();
        self
    }
}

/// What came back; a success, or "not modified".
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn of(mut response: reqwest::Response, body: Bytes) -> Self {
        let headers = std::mem::take(response.headers_mut());
        Self { status: response.status(), headers, body }
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Malformed {
            // The error's own text may quote the content.
            what: format!("JSON, line {} column {}", error.line(), error.column()),
        })
    }
}

/// The way to the server.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    upgrading: reqwest::Client,
    api: Url,
    gate: retry::Gate,
    pub(super) budget: Budget,
    doubt: Notify,
    clock: Clock,
}

impl Transport {
    pub(super) fn new(settings: &Mattermost) -> Result<Self, Error> {
        let api = settings.url.join("api/v4/").map_err(setup)?;
        Ok(Self {
            http: connector::client(settings, Protocols::All)?,
            upgrading: connector::client(settings, Protocols::Http1)?,
            api,
            gate: retry::Gate::default(),
            budget: Budget::default(),
            doubt: Notify::new(),
            clock: Clock::default(),
        })
    }

    /// The server's time, as its answers say.
    pub(super) fn now(&self) -> Option<i64> {
        self.clock.now()
    }

    /// Waits until an answer says that the token is of no use.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Turns one connection into something else than HTTP. Tried once: whoever
    /// asks has to try again and again anyway.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        query: &[(&'static str, String)],
        headers: HeaderMap,
    ) -> Result<(HeaderMap, Upgraded), Error> {
        let mut url = self.api.join(path).map_err(setup)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let asking = async {
            let mut response = self.upgrading.get(url).headers(headers).send().await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Err(response));
            }
            let headers = std::mem::take(response.headers_mut());
            Ok(Ok((headers, response.upgrade().await?)))
        };
        let asked = timeout(TRY, asking).await.map_err(|_| Error::Unavailable {
            cause: "timed out: no answer".to_owned(),
            maybe_done: false,
        })?;
        match asked.map_err(|error| Failure::connection(error).error)? {
            Ok(upgraded) => Ok(upgraded),
            Err(mut response) => {
                let status = response.status();
                let body =
                    read(&mut response, MAX_ANSWER).await.map_err(|failure| failure.error)?;
                Err(Failure::answered(status, response.headers(), &body).error)
            }
        }
    }

    /// Sends `request` until it is answered, refused for good, or out of time.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let (response, body) = self.persist(request).await?;
        Ok(Answer::of(response, body))
    }

    /// The same for a [`Request::open`]; its beginning alone is tried again.
    pub(super) async fn open(&self, request: &Request) -> Result<reqwest::Response, Error> {
        Ok(self.persist(request).await?.0)
    }

    /// Sends a body piece by piece, once.
    pub(super) async fn send_stream(
        &self,
        request: &Request,
        headers: HeaderMap,
        body: reqwest::Body,
    ) -> Result<Answer, Error> {
        let closed = self.gate.closed_for();
        if !closed.is_zero() {
            sleep(closed).await;
        }
        let sending = self.prepare(request).map_err(|failure| failure.error)?;
        let response = sending.headers(headers).body(body).send().await;
        match self.accept(request, response).await {
            Ok((response, body)) => Ok(Answer::of(response, body)),
            Err(failure) => {
                match failure.error {
                    Error::RateLimited { retry_after } => self.gate.close_for(retry_after),
                    Error::Unauthorized => self.doubt.notify_one(),
                    _ => {}
                }
                Err(failure.error)
            }
        }
    }

    async fn persist(&self, request: &Request) -> Result<(reqwest::Response, Bytes), Error> {
        let deadline = match request.tries {
            Tries::Until(end) => end,
            Tries::Once | Tries::Many => Instant::now() + CALL,
        };
        let mut failures = 0;
        let mut touched = false;
        loop {
            let closed = self.gate.closed_for();
            if Instant::now() + closed >= deadline {
                return Err(out_of_time(closed, touched));
            }
            // Even a sleep of no length lasts a tick of the clock, a millisecond.
            if !closed.is_zero() {
                sleep(closed).await;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match timeout(left.min(TRY), self.attempt(request)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::lost("timed out: no answer".to_owned()),
            };
            if matches!(failure.error, Error::Unauthorized) {
                self.doubt.notify_one();
            }
            failures += 1;
            touched |= !failure.untouched;
            let mut pause = retry::pause(failures);
            if let Error::RateLimited { retry_after } = failure.error {
                self.gate.close_for(retry_after);
                pause = Duration::ZERO;
            }
            let once = matches!(request.tries, Tries::Once) && touched;
            let late = Instant::now() + pause.max(self.gate.closed_for()) >= deadline;
            if !failure.again || once || late {
                return Err(finished(failure.error, touched));
            }
            tracing::debug!(
                method = %request.method,
                failures,
                error = %failure.error,
                "trying a request again"
            );
            sleep(pause).await;
        }
    }

    fn prepare(&self, request: &Request) -> Result<reqwest::RequestBuilder, Failure> {
        let mut url = self.api.join(&request.path).map_err(|error| Failure::last(setup(error)))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(self.http.request(request.method.clone(), url))
    }

    async fn attempt(&self, request: &Request) -> Result<(reqwest::Response, Bytes), Failure> {
        let mut sending = self.prepare(request)?;
        if let Some(body) = &request.body {
            sending = sending.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(tag) = &request.unless {
            sending = sending.header(header::IF_NONE_MATCH, tag);
        }
        let flying = self.budget.send();
        let response = sending.send().await;
        drop(flying);
        self.accept(request, response).await
    }

    /// A success, or "not modified", with its body unless that is left to be read;
    /// anything else is read and told.
    async fn accept(
        &self,
        request: &Request,
        response: reqwest::Result<reqwest::Response>,
    ) -> Result<(reqwest::Response, Bytes), Failure> {
        let mut response = response.map_err(Failure::connection)?;
        let status = response.status();
        self.clock.note(response.headers());
        self.budget.learn(response.headers());
        let good =
            status.is_success() || (status == StatusCode::NOT_MODIFIED && request.unless.is_some());
        if good && request.open {
            return Ok((response, Bytes::new()));
        }
        let body = read(&mut response, request.limit).await?;
        tracing::trace!(method = %request.method, status = status.as_u16(), bytes = body.len(), "answer");
        if good {
            Ok((response, body))
        } else {
            Err(Failure::answered(status, response.headers(), &body))
        }
    }
}

/// Reads a body up to the limit, whatever length it claims.
async fn read(response: &mut reqwest::Response, limit: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::connection)? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::last(Error::AnswerTooLarge { limit }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// No try fits into the time that is left.
fn out_of_time(closed: Duration, touched: bool) -> Error {
    if touched || closed.is_zero() {
        return Error::Unavailable {
            cause: "the time for this request is over".to_owned(),
            maybe_done: touched,
        };
    }
    Error::RateLimited { retry_after: closed }
}

/// The last try's error, seen over all tries: an earlier one may have been
/// carried out even if the last one was not.
fn finished(error: Error, touched: bool) -> Error {
    match error {
        Error::Unavailable { cause, .. } => Error::Unavailable { cause, maybe_done: touched },
        Error::RateLimited { .. } if touched => {
            Error::Unavailable { cause: error.to_string(), maybe_done: true }
        }
        error => error,
    }
}

pub(super) fn setup(cause: impl Display) -> Error {
    Error::Setup { cause: cause.to_string() }
}
