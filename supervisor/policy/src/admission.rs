//! Who has to wait before a worker of theirs is started again.
//!
//! Trust: counts of root's own. People without an entry count as one: a
//! taken-over frontend can make up as many of them as it likes.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use gaggle_ipc::MattermostUserId;
use gaggle_ipc::control::{Refusal, RefusalCode, WorkerExit};

/// Starts of one person in a row, and how long one of them takes to be forgotten.
const BURST: usize = 10;
/// The same for all people together who have no entry.
const FALLBACK_BURST: usize = 30;
const FORGOTTEN: Duration = Duration::from_secs(60);
/// A worker that fails sooner than this after its start failed at starting.
const SHORT_LIFE: Duration = Duration::from_secs(60);
/// So many failures in a row are borne; then the next start has to wait, twice
/// as long each time.
const BORNE: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
struct Record {
    starts: VecDeque<Instant>,
    failures: u32,
    not_before: Option<Instant>,
}

/// What was started lately, and how it went.
#[derive(Debug, Default)]
pub struct Admission(BTreeMap<Option<MattermostUserId>, Record>);

impl Admission {
    /// Counts a start.
    ///
    /// # Errors
    /// Why it has to wait.
    pub fn admit(
        &mut self,
        user: Option<MattermostUserId>,
        now: Instant,
    ) -> Result<(), RefusalCode> {
        let burst = if user.is_some() { BURST } else { FALLBACK_BURST };
        let record = self.0.entry(user).or_default();
        if record.not_before.is_some_and(|at| now < at) {
            return Err(RefusalCode::CrashLoop);
        }
        while record.starts.front().is_some_and(|at| now.duration_since(*at) >= FORGOTTEN) {
            record.starts.pop_front();
        }
        if record.starts.len() >= burst {
            return Err(RefusalCode::StartRate);
        }
        record.starts.push_back(now);
        Ok(())
    }

    /// Notes how a worker ended that lived for `lived`. Who was stopped, switched
    /// off or could not be looked up says nothing of how it goes.
    pub fn ended(
        &mut self,
        user: Option<MattermostUserId>,
        outcome: &Result<WorkerExit, Refusal>,
        lived: Duration,
    ) {
        let failed = match outcome {
            Ok(WorkerExit::Stopped(_)) => return,
            Ok(exit) => *exit != WorkerExit::Status(0),
            Err(refusal) if refusal.code == RefusalCode::LaunchFailed => true,
            Err(_) => return,
        };
        self.ended_at(user, failed, lived, Instant::now());
    }

    fn ended_at(
        &mut self,
        user: Option<MattermostUserId>,
        failed: bool,
        lived: Duration,
        now: Instant,
    ) {
        let record = self.0.entry(user).or_default();
        if !failed || lived >= SHORT_LIFE {
            record.failures = 0;
            record.not_before = None;
            return;
        }
        record.failures = record.failures.saturating_add(1);
        if let Some(doublings) = record.failures.checked_sub(BORNE) {
            let wait = FIRST_WAIT.saturating_mul(1 << doublings.min(8));
            record.not_before = Some(now + wait.min(LONGEST_WAIT));
        }
    }

    /// Forgets failures, not starts: what they came from may be mended.
    pub fn forgive(&mut self) {
        for record in self.0.values_mut() {
            (record.failures, record.not_before) = (0, None);
        }
    }

    /// Forgets people of whom there is nothing to remember, so that the table
    /// stays small.
    pub fn prune(&mut self, now: Instant) {
        self.0.retain(|_, record| {
            record.starts.back().is_some_and(|at| now.duration_since(*at) < FORGOTTEN)
                || record.not_before.is_some_and(|at| now < at + LONGEST_WAIT)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(letter: &str) -> Option<MattermostUserId> {
        Some(MattermostUserId::new(&letter.repeat(26)).unwrap())
    }

    #[test]
    fn too_many_starts_are_held_back_and_then_forgiven() {
        let mut admission = Admission::default();
        let now = Instant::now();
        assert!((0..BURST).all(|_| admission.admit(user("a"), now).is_ok()));
        assert_eq!(admission.admit(user("a"), now), Err(RefusalCode::StartRate));
        assert!(admission.admit(user("b"), now).is_ok(), "another person is not concerned");
        assert!((0..FALLBACK_BURST).all(|_| admission.admit(None, now).is_ok()));
        assert!(admission.admit(None, now).is_err(), "made-up people share one measure");
        assert!(admission.admit(user("a"), now + FORGOTTEN).is_ok());
        admission.prune(now + FORGOTTEN * 3);
        assert!(admission.0.is_empty());
    }

    #[test]
    fn who_fails_at_starting_waits_longer_each_time() {
        let mut admission = Admission::default();
        let mut now = Instant::now();
        let fail = |admission: &mut Admission, now| {
            admission.ended_at(user("a"), true, Duration::from_secs(1), now);
        };
        for _ in 0..BORNE {
            assert!(admission.admit(user("a"), now).is_ok());
            fail(&mut admission, now);
        }
        assert_eq!(admission.admit(user("a"), now), Err(RefusalCode::CrashLoop));
        assert!(admission.admit(user("b"), now).is_ok(), "another person is not concerned");
        now += FIRST_WAIT;
        assert!(admission.admit(user("a"), now).is_ok());
        fail(&mut admission, now);
        assert!(admission.admit(user("a"), now + FIRST_WAIT).is_err(), "twice as long now");
        assert!(admission.admit(user("a"), now + FIRST_WAIT * 2).is_ok());
        for _ in 0..40 {
            fail(&mut admission, now);
        }
        assert!(admission.admit(user("a"), now + LONGEST_WAIT).is_ok(), "and never for ever");
        admission.forgive();
        assert!(admission.admit(user("a"), now).is_ok(), "an admin has mended something");
        fail(&mut admission, now);
        admission.ended_at(user("a"), true, SHORT_LIFE, now);
        fail(&mut admission, now);
        assert!(admission.admit(user("a"), now).is_ok(), "a long life clears it");
    }
}
