//! What can go wrong between a client and the server, switched on by a test
//! and gone again once it has happened as often as was asked for.
//!
//! Trust: whoever reaches the loopback port may switch; it is a test's server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::rate_limit::Limiter;

/// Most faults waiting at once.
const MAX_RULES: usize = 1_000;

/// Which requests a fault is for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// The method, in capitals; absent is any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path below `/api/v4`, for example `/posts/*/patch`; `*` is any one
    /// part of it. Absent is any path.
    #[serde(default)]
    pub path: Option<String>,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

impl Requests {
    /// The next `count` requests of this method and path.
    #[must_use]
    pub fn next(count: u32, method: &str, path: &str) -> Self {
        Self { method: Some(method.to_owned()), path: Some(path.to_owned()), count }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        let parts_match = |pattern: &String| {
            let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
            loop {
                match (pattern.next(), path.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(part)) if wanted == "*" || wanted == part => {}
                    _ => return false,
                }
            }
        };
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(parts_match)
    }
}

/// When something happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The server has done nothing yet.
    Before,
    /// What was asked for is done; only the answer suffers.
    After,
}

/// A body a failing server or the proxy before it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Mattermost's own.
    Json,
    /// A proxy's page.
    Html,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// It never ends, and no length is stated.
    Endless,
    /// It is one byte shorter than it should be, and says so.
    Short,
    /// It is one byte longer than it should be, and states no length.
    Long,
    /// It breaks off in the middle of the length that is stated.
    Broken,
}

/// Something that goes wrong. As JSON: `{"fault": "drop", "requests":
/// {"method": "POST", "path": "/posts", "count": 1}, "when": "after"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Requests are limited, as a real server does it when told to.
    RateLimit {
        /// Requests let through each second.
        per_second: u32,
        /// Requests let through at once beyond the first.
        burst: u32,
    },
    /// Requests are answered with an error.
    Fail {
        /// Which.
        requests: Requests,
        /// The HTTP status.
        status: u16,
        /// What the body is.
        body: Body,
        /// Whether the request is carried out all the same.
        when: When,
    },
    /// Answers come late; what was asked for is done at once.
    Slow {
        /// Which.
        requests: Requests,
        /// How late, in milliseconds.
        millis: u64,
    },
    /// The content of a file is not what was said of it.
    BadContent {
        /// Which requests.
        requests: Requests,
        /// What is wrong.
        content: Content,
    },
    /// Requests are sent elsewhere.
    Redirect {
        /// Which.
        requests: Requests,
        /// Where.
        to: String,
    },
    /// Posts are made without their files.
    LoseFiles {
        /// How many.
        count: u32,
    },
    /// The connection ends without an answer.
    Drop {
        /// Which.
        requests: Requests,
        /// Before or after the request is carried out.
        when: When,
    },
    /// Posts made over REST get their time of creation at once, but are stored
    /// and seen only when newer posts of their channel are there already, or
    /// after half a minute.
    LatePosts {
        /// How many.
        count: u32,
        /// After how many newer ones.
        newer: u32,
    },
    /// `posted` events come twice.
    DuplicateEvents {
        /// How many.
        count: u32,
    },
    /// Events are not sent over any WebSocket, and leave no gap in the numbers.
    LoseEvents {
        /// How many.
        count: u32,
    },
    /// The server goes down and comes back: stored things stay, connections
    /// end, new ones are refused meanwhile.
    Restart {
        /// How long it is down, in milliseconds.
        millis: u64,
    },
    /// All tokens of a user are revoked.
    RevokeTokens {
        /// The user's id.
        user: String,
    },
    /// The server's clock is wrong.
    ClockSkew {
        /// By how much, in milliseconds.
        millis: i64,
    },
}

/// What is to happen to one request.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) fail: Option<(u16, Body, When)>,
    pub(super) delay: Option<Duration>,
    pub(super) cut: Option<When>,
    pub(super) content: Option<Content>,
    pub(super) redirect: Option<String>,
}

enum Effect {
    Fail(u16, Body, When),
    Delay(Duration),
    Cut(When),
    Content(Content),
    Redirect(String),
}

#[derive(Default)]
struct Switches {
    rules: Vec<(Requests, Effect)>,
    limiter: Option<Limiter>,
    late: Option<(u32, u32)>,
}

/// The faults of one server that concern requests.
#[derive(Default)]
pub(super) struct Faults(Mutex<Switches>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Switches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clear(&self) {
        *self.lock() = Switches::default();
    }

    pub(super) fn set_limit(&self, per_second: u32, burst: u32) {
        self.lock().limiter = Some(Limiter::new(per_second, burst));
    }

    pub(super) fn set_late(&self, count: u32, newer: u32) {
        self.lock().late = Some((count, newer));
    }

    pub(super) fn fail(&self, requests: Requests, status: u16, body: Body, when: When) {
        self.add(requests, Effect::Fail(status, body, when));
    }

    pub(super) fn delay(&self, requests: Requests, delay: Duration) {
        self.add(requests, Effect::Delay(delay));
    }

    pub(super) fn cut(&self, requests: Requests, when: When) {
        self.add(requests, Effect::Cut(when));
    }

    pub(super) fn spoil(&self, requests: Requests, content: Content) {
        self.add(requests, Effect::Content(content));
    }

    pub(super) fn redirect(&self, requests: Requests, to: String) {
        self.add(requests, Effect::Redirect(to));
    }

    /// The oldest gives way if there are far too many.
    fn add(&self, requests: Requests, effect: Effect) {
        let rules = &mut self.lock().rules;
        if rules.len() >= MAX_RULES {
            rules.remove(0);
        }
        rules.push((requests, effect));
    }

    /// Asks the rate limiter, if there is one.
    pub(super) fn limit(&self) -> Option<super::rate_limit::Verdict> {
        self.lock().limiter.as_mut().map(Limiter::ask)
    }

    /// After how many newer posts the next post is to be seen.
    pub(super) fn take_late(&self) -> Option<u32> {
        let mut switches = self.lock();
        let (count, newer) = switches.late.as_mut()?;
        *count = count.checked_sub(1)?;
        Some(*newer)
    }

    /// What is to happen to a request; each fault found is used up by one.
    /// Of faults of one kind the oldest comes first.
    pub(super) fn plan(&self, method: &str, path: &str) -> Plan {
        let mut plan = Plan::default();
        let rules = &mut self.lock().rules;
        for (requests, effect) in rules.iter_mut() {
            if !requests.matches(method, path) {
                continue;
            }
            let taken = match effect {
                Effect::Fail(status, body, when) => take(&mut plan.fail, (*status, *body, *when)),
                Effect::Delay(delay) => take(&mut plan.delay, *delay),
                Effect::Cut(when) => take(&mut plan.cut, *when),
                Effect::Content(content) => take(&mut plan.content, *content),
                Effect::Redirect(to) => take(&mut plan.redirect, to.clone()),
            };
            requests.count = requests.count.saturating_sub(u32::from(taken));
        }
        rules.retain(|(requests, _)| requests.count > 0);
        plan
    }
}

fn take<T>(slot: &mut Option<T>, effect: T) -> bool {
    let free = slot.is_none();
    slot.get_or_insert(effect);
    free
}
