//! Rate limiting as Mattermost does it: a leaky bucket that all requests of
//! one address share, refused ones not counted.
//!
//! Trust: none in the client; the bucket is the server's.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::{Duration, Instant};

/// A bucket.
pub(super) struct Limiter {
    interval: Duration,
    limit: u32,
    /// When the bucket is full again.
    full_at: Instant,
}

/// What the bucket says to one request.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    limit: u32,
    remaining: u32,
    reset: Duration,
    retry_after: Option<Duration>,
}

impl Limiter {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, limit: burst.saturating_add(1), full_at: Instant::now() }
    }

    pub(super) fn ask(&mut self) -> Verdict {
        let now = Instant::now();
        let used = self.full_at.saturating_duration_since(now);
        let room = self.interval.saturating_mul(self.limit);
        let with_this = used + self.interval;
        if with_this > room {
            let retry_after = Some(with_this.saturating_sub(room));
            return Verdict { limit: self.limit, remaining: 0, reset: used, retry_after };
        }
        self.full_at = now + with_this;
        let left = room.saturating_sub(with_this).as_nanos() / self.interval.as_nanos().max(1);
        Verdict {
            limit: self.limit,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset: with_this,
            retry_after: None,
        }
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Verdict {
    /// The refusal, if it is one: plain text, not JSON.
    pub(super) fn refusal(self) -> Option<Response> {
        let retry_after = whole_seconds(self.retry_after?).to_string();
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
            (header::RETRY_AFTER, retry_after),
        ];
        Some((StatusCode::TOO_MANY_REQUESTS, headers, "limit exceeded\n").into_response())
    }

    /// The headers every answer carries while there is a limit.
    pub(super) fn stamp(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(whole_seconds(self.reset)));
    }
}
