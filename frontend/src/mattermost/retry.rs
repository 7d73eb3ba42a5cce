//! When to try again.
//!
//! Trust: a server that asks for a pause gets it, up to a minute; one that names
//! an absurd pause is not obeyed for hours.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const LONGEST_OBEYED: Duration = Duration::from_secs(60);
/// A reset further away than this is a date and not a number of seconds.
const PLAUSIBLE_RESET: u64 = 24 * 60 * 60;

/// The pause after the `failures`-th failure in a row, with jitter, so that
/// callers who failed together do not come back together.
pub(super) fn pause(failures: u32) -> Duration {
    let full = FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
        .min(LONGEST_PAUSE);
    full.mul_f64(rand::random_range(0.5..1.0))
}

/// The pause that the answer asks for.
pub(super) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = |name: &str| text(name)?.parse::<u64>().ok();
    let date = || {
        let at = httpdate::parse_http_date(text(header::RETRY_AFTER.as_str())?).ok()?;
        // Against the server's own clock, where it tells it.
        let now = text(header::DATE.as_str())
            .and_then(|now| httpdate::parse_http_date(now).ok())
            .unwrap_or_else(SystemTime::now);
        at.duration_since(now).ok()
    };
    seconds(header::RETRY_AFTER.as_str())
        .map(Duration::from_secs)
        .or_else(date)
        .or_else(|| {
            seconds("x-ratelimit-reset")
                .filter(|reset| *reset <= PLAUSIBLE_RESET)
                .map(Duration::from_secs)
        })
        .map(|pause| pause.min(LONGEST_OBEYED))
}

/// Holds every call back while the server's limit of requests is used up: one
/// address has one limit, so each further try would only hurt the others.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Nobody sends for `pause`.
    pub(super) fn close_for(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = (*closed).max(Some(until));
    }

    /// How long it is still closed.
    pub(super) fn closed_for(&self) -> Duration {
        let closed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closed.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn pauses_grow_to_their_limit_and_differ() {
        for failures in 1..100 {
            let pause = pause(failures);
            assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE);
        }
        assert!(pause(10) >= LONGEST_PAUSE / 2);
        assert!((0..20).any(|_| pause(10) != pause(10)));
    }

    #[test]
    fn retry_after_goes_before_the_time_to_a_full_bucket() {
        let real = headers(&[("retry-after", "1"), ("x-ratelimit-reset", "11")]);
        assert_eq!(asked_pause(&real), Some(Duration::from_secs(1)));
        let reset = headers(&[("x-ratelimit-reset", "11")]);
        assert_eq!(asked_pause(&reset), Some(Duration::from_secs(11)));
        assert_eq!(asked_pause(&HeaderMap::new()), None);
    }

    #[test]
    fn dates_and_absurd_pauses_do_not_stop_the_bot_for_hours() {
        let date = headers(&[
            ("date", "Fri, 20 Nov 2026 19:00:00 GMT"),
            ("retry-after", "Fri, 20 Nov 2026 19:00:05 GMT"),
        ]);
        assert_eq!(asked_pause(&date), Some(Duration::from_secs(5)));
        let absurd = headers(&[("retry-after", "999999")]);
        assert_eq!(asked_pause(&absurd), Some(LONGEST_OBEYED));
        let epoch = headers(&[("x-ratelimit-reset", "1795197762")]);
        assert_eq!(asked_pause(&epoch), None);
    }
}
