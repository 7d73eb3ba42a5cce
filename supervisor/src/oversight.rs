//! What changes while workers run: files, accounts, the admin's word, the end.
//!
//! Trust: root's files and the name services, as a forked child reports them.

use std::time::{Duration, Instant};

use gaggle_ipc::admin::AdminReply;
use gaggle_ipc::control::StopReason;
use gaggle_policy::review::{Review, review};

use crate::audit::{printable, record};
use crate::forked::{self, Question};
use crate::service::Service;
use crate::status;

/// On the way out, workers may end their turns in order for so long.
const GRACE_SHUTDOWN: Duration = Duration::from_secs(5);

impl Service {
    /// Has files and accounts looked at; everything is read again if `reload`,
    /// otherwise what has changed. One look at a time.
    pub(crate) fn look(&mut self, reload: bool) {
        if self.review.is_some() {
            self.reload_next |= reload;
            return;
        }
        let running = self.workers.values().map(|worker| worker.account.clone()).collect();
        let known = (!reload).then_some(&self.snapshot);
        let (folder, programs) = (&self.ground.config_dir, &self.ground.programs);
        match forked::ask(|| review(folder, programs, known, running)) {
            Ok(question) => self.review = Some(question),
            Err(errno) => self.take_review(Err(errno.desc().to_owned())),
        }
    }

    /// Reads on in the answer.
    pub(crate) fn read_review(&mut self) {
        if let Some(answer) = self.review.as_mut().and_then(Question::read) {
            self.take_review(answer);
        }
    }

    /// Gives up on a look that takes too long.
    pub(crate) fn enforce_review_deadline(&mut self, now: Instant) {
        if self.review.as_ref().is_some_and(|review| review.deadline <= now) {
            self.take_review(Err(forked::OVERDUE.to_owned()));
        }
    }

    fn take_review(&mut self, answer: Result<Review, String>) {
        self.review = None;
        match answer {
            Err(why) => {
                record!(self.audit, REVIEW_FAILED; REASON: why);
                self.stale = Some(why);
            }
            Ok(review) => self.apply(review),
        }
        // Who asked while an earlier look was under way waits for the next one.
        if std::mem::take(&mut self.reload_next) {
            self.look(true);
        } else {
            for number in std::mem::take(&mut self.reloaders) {
                self.tell_admin(number, vec![status::reloaded(self)]);
            }
        }
    }

    fn apply(&mut self, review: Review) {
        self.set_lockdown(review.lockdown);
        match review.snapshot {
            // Nothing has changed since what is in force, so nothing is wrong with it.
            None => self.stale = None,
            Some(Ok(snapshot)) => {
                self.snapshot = snapshot;
                self.stale = None;
                self.admission.forgive();
                self.audit_configuration();
                self.stop_where(
                    |service, worker| {
                        service.snapshot.person(worker.user).ok().is_none_or(|person| {
                            person.account.name != worker.account
                                || person.account.uid != worker.uid
                                || person.entry.profile != worker.profile
                        })
                    },
                    StopReason::MappingChanged,
                    Duration::ZERO,
                );
            }
            Some(Err(why)) => {
                record!(self.audit, CONFIGURATION_REFUSED; REASON: why);
                self.stale = Some(why);
            }
        }
        // A broken file does not hold up the admin's off-switch.
        let ended = review.ended;
        self.stop_where(
            |_, worker| ended.contains(&worker.account),
            StopReason::AccountExpired,
            Duration::ZERO,
        );
    }

    /// Records what is in force and each entry that is not.
    pub(crate) fn audit_configuration(&mut self) {
        record!(self.audit, CONFIGURATION_LOADED;
            USABLE: self.snapshot.people.len(), REFUSED: self.snapshot.bad.len(),
            LANDLOCK_FLOOR: self.snapshot.settings.landlock_floor);
        for bad in &self.snapshot.bad {
            record!(self.audit, ENTRY_REFUSED;
                KEY: printable(&bad.key), ACCOUNT: printable(&bad.account), REASON: bad.problem);
        }
        let missing = self.ground.tree.missing_controllers();
        if !missing.is_empty() {
            let refused = self.snapshot.settings.require_limits;
            record!(self.audit, LIMITS_MISSING;
                CONTROLLERS: missing, STARTS: if refused { "refused" } else { "go on" });
        }
    }

    /// Switches everything off, or on again; tells how many workers are stopped.
    pub(crate) fn set_lockdown(&mut self, on: bool) -> usize {
        if self.lockdown == on {
            return 0;
        }
        self.lockdown = on;
        record!(self.audit, LOCKDOWN; STATE: if on { "on" } else { "off" });
        if !on {
            return 0;
        }
        self.stop_where(|_, _| true, StopReason::Lockdown, Duration::ZERO)
    }

    /// Tells an admin that a lockdown is as asked for.
    pub(crate) fn answer_lockdown(&mut self, number: u64, on: bool) {
        let stopped = u32::try_from(self.set_lockdown(on)).unwrap_or(u32::MAX);
        // A look that began before this word must not undo it.
        if self.review.take().is_some() {
            self.look(true);
        }
        self.tell_admin(number, vec![AdminReply::LockedDown { on, stopped }]);
    }

    /// Once a minute: changed files, expired and vanished accounts.
    pub(crate) fn minute(&mut self) {
        self.admission.prune(Instant::now());
        self.look(false);
    }

    /// Begins to stop everything.
    pub(crate) fn shut_down(&mut self) {
        if !self.shutting_down {
            self.shutting_down = true;
            record!(self.audit, STOPPING;);
            self.stop_where(|_, _| true, StopReason::ShuttingDown, GRACE_SHUTDOWN);
        }
    }
}
