//! How much of the server's limit of requests is left.
//!
//! Trust: the server's own words in the headers of its answers. It counts by
//! address, so all of this process share one limit, and others may use it up,
//! too. What has to be said may take the last of it; what can wait leaves a part.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// What a request is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// An edit that shows how an answer grows.
    Edit,
    /// A hint that the bot is at work.
    Hint,
}

impl Worth {
    /// The part of the limit that it leaves to others.
    fn leaves(self) -> f64 {
        match self {
            Self::Edit => 0.3,
            Self::Hint => 0.6,
        }
    }
}

/// The limit as far as it is known; the default knows none.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Requests on their way.
    flying: u32,
    bucket: Option<Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Requests that a full one lets through at once.
    limit: f64,
    left: f64,
    /// How fast it fills.
    per_second: f64,
    at: Instant,
}

/// A request on its way, until it is dropped.
#[derive(Debug)]
pub(super) struct Flying<'a>(&'a Budget);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let mut known = self.0.lock();
        known.flying = known.flying.saturating_sub(1);
    }
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is sent.
    pub(super) fn send(&self) -> Flying<'_> {
        let mut known = self.lock();
        known.flying = known.flying.saturating_add(1);
        Flying(self)
    }

    /// What an answer says of the limit. One without a word about it says that
    /// there is none, or that it comes from somebody else.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        let (Some(limit), Some(left)) =
            (number("x-ratelimit-limit"), number("x-ratelimit-remaining"))
        else {
            return;
        };
        let (limit, left) = (f64::from(limit), f64::from(left.min(limit)));
        let mut known = self.lock();
        // Whole seconds to a full one, rounded up: the fastest it seemed is
        // nearest to the truth.
        let seemed = match number("x-ratelimit-reset") {
            Some(seconds @ 1..=86_400) => (limit - left) / f64::from(seconds),
            _ => 0.0,
        };
        let before = known.bucket.filter(|bucket| bucket.limit == limit);
        let per_second = before.map_or(0.0, |bucket| bucket.per_second).max(seemed);
        known.bucket = Some(Bucket { limit, left, per_second, at: Instant::now() });
    }

    /// How long something of that worth has to wait; not at all while there is no
    /// limit.
    pub(super) fn wait(&self, worth: Worth) -> Duration {
        let known = self.lock();
        let Some(bucket) = known.bucket else { return Duration::ZERO };
        let since = bucket.at.elapsed().as_secs_f64();
        let filled = (bucket.left + since * bucket.per_second).min(bucket.limit);
        // One more, and what is under way.
        let after = filled - f64::from(known.flying) - 1.0;
        let missing = (bucket.limit * worth.leaves()).ceil() - after;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        // At least some are let through each second by any server worth the name.
        Duration::from_secs_f64((missing / bucket.per_second.max(0.5)).min(60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(limit: u32, left: u32, reset: u32) -> HeaderMap {
        let fields = [("limit", limit), ("remaining", left), ("reset", reset)];
        let name = |name: &str| format!("x-ratelimit-{name}").parse::<http::HeaderName>().unwrap();
        fields.iter().map(|(field, value)| (name(field), (*value).into())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let budget = Budget::default();
        budget.learn(&HeaderMap::new());
        let _flying: Vec<_> = (0..1000).map(|_| budget.send()).collect();
        assert_eq!(budget.wait(Worth::Hint), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_wait_leaves_its_part_and_goes_on_when_it_is_there() {
        let budget = Budget::default();
        budget.learn(&headers(101, 90, 2));
        assert_eq!((budget.wait(Worth::Edit), budget.wait(Worth::Hint)), Default::default());
        budget.learn(&headers(101, 50, 6));
        assert_eq!(budget.wait(Worth::Edit), Duration::ZERO);
        assert!(budget.wait(Worth::Hint) > Duration::ZERO);
        budget.learn(&headers(101, 20, 9));
        let wait = budget.wait(Worth::Edit);
        assert!((1.0..2.0).contains(&wait.as_secs_f64()), "{wait:?}");
        tokio::time::advance(wait).await;
        assert_eq!(budget.wait(Worth::Edit), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_counts() {
        let budget = Budget::default();
        budget.learn(&headers(101, 40, 7));
        let flying: Vec<_> = (0..9).map(|_| budget.send()).collect();
        assert!(budget.wait(Worth::Edit) > Duration::ZERO);
        drop(flying);
        assert_eq!(budget.wait(Worth::Edit), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_are_none_stop_nothing() {
        let budget = Budget::default();
        let mut nonsense = headers(0, 0, 0);
        nonsense.insert("x-ratelimit-remaining", "many".parse().unwrap());
        budget.learn(&nonsense);
        assert_eq!(budget.wait(Worth::Hint), Duration::ZERO);
        // Nothing left and nobody knows until when.
        budget.learn(&headers(10, 0, 0));
        assert!(budget.wait(Worth::Edit) <= Duration::from_secs(60));
    }
}
