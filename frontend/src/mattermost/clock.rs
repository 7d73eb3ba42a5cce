//! The server's clock, as its answers tell it.
//!
//! Trust: the `Date` of an answer, which a proxy may have written. It is compared
//! with times of posts, which are the server's too; the local clock, which may be
//! wrong or jump, is asked for no date.

use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use http::{HeaderMap, header};
use tokio::time::Instant;

/// What the last dated answer said, and when it came.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<(i64, Instant)>>);

impl Clock {
    /// Takes in the date of an answer; one without a date changes nothing.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let time = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let Some(ms) = since.and_then(|since| i64::try_from(since.as_millis()).ok()) else {
            return;
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((ms, Instant::now()));
    }

    /// What it shows now, in milliseconds since 1970, to the second; `None` before
    /// an answer said.
    pub(super) fn now(&self) -> Option<i64> {
        let (ms, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(ms.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn dated(date: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::DATE, http::HeaderValue::from_static(date))])
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_between_answers_and_follows_the_server_back() {
        let clock = Clock::default();
        assert_eq!(clock.now(), None);
        clock.note(&dated("Fri, 20 Nov 2026 19:00:00 GMT"));
        let then = clock.now().unwrap();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), Some(then + 90_000));
        for nonsense in ["", "yesterday", "Fri, 20 Nov 1026 19:00:00 GMT"] {
            clock.note(&dated(nonsense));
        }
        clock.note(&HeaderMap::new());
        assert_eq!(clock.now(), Some(then + 90_000));
        clock.note(&dated("Thu, 19 Nov 2026 19:00:00 GMT"));
        assert_eq!(clock.now(), Some(then - 86_400_000));
    }
}
