//! One number of conversations in figures, beside the smallest.
//!
//! Trust: none is needed.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::super::comparison::Comparison;
use super::super::figures::{Figures, milliseconds, quantile};
use super::crowd::{Exchange, own_time};
use super::outcome::Outcome;
use super::weight::{Spent, Weight};

/// All that was measured with one number of conversations.
pub(super) struct Measured {
    pub(super) threads: usize,
    pub(super) floor: Side,
    pub(super) first: Side,
    pub(super) again: Side,
    /// Before the first word.
    pub(super) idle: Weight,
    /// At most, while all streamed in conversations whose agents ran already.
    pub(super) weight: Weight,
    pub(super) spent: Spent,
}

/// How it went for those who asked; times in milliseconds.
pub(super) struct Side {
    feedback: Vec<f64>,
    /// The whole answer, without the agent's own time.
    beyond: Vec<f64>,
    at_once: usize,
    outcome: Outcome,
}

impl Side {
    pub(super) fn of(round: &[Exchange], outcome: Outcome) -> Result<Self> {
        let took = |until: fn(&Exchange) -> Option<Instant>| -> Vec<_> {
            let all = round.iter().filter_map(|one| Some((one, until(one)?)));
            all.map(|(one, until)| until.saturating_duration_since(one.at)).collect()
        };
        let (feedback, whole) = (took(|one| one.heard.begun), took(|one| one.heard.whole));
        let unheard = round.len() - whole.len();
        // Times of some are not those of all.
        ensure!(outcome.lost > 0 || unheard == 0, "the end of {unheard} answers was not heard");
        let own = own_time();
        let beyond: Vec<_> = whole.iter().map(|whole| whole.saturating_sub(own)).collect();
        Ok(Self {
            feedback: milliseconds(&feedback),
            beyond: milliseconds(&beyond),
            at_once: at_once(round),
            outcome,
        })
    }
}

/// How many answers streamed at the same moment, at most.
fn at_once(round: &[Exchange]) -> usize {
    let ends = round.iter().filter_map(|one| Some((one.heard.streams?, one.heard.whole?)));
    let ends: Vec<_> = ends.collect();
    let streaming =
        |now: &Instant| ends.iter().filter(|(from, to)| from <= now && now < to).count();
    ends.iter().map(|(from, _)| streaming(from)).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn number(count: usize) -> f64 {
    count as f64
}

impl Measured {
    /// Beside those of the smallest number, if this is another.
    pub(super) fn tell(&self, smallest: Option<&Self>, figures: &mut Figures) {
        let named = |what: &str| format!("{} threads, {what}", self.threads);
        for (what, side) in [("new", &self.first), ("warm", &self.again)] {
            let row = |part: &str, own, floor| {
                Comparison::new(named(&format!("{what}: {part}")), own, floor)
            };
            figures.compare(row("first sign", &side.feedback, &self.floor.feedback));
            figures.compare(row("whole, beyond the agent's", &side.beyond, &self.floor.beyond));
            let name = |part: &str| named(&format!("{what}: {part}"));
            figures.limit(name("lost"), f64::from(side.outcome.lost), "", 0.0);
            figures.limit(name("answered twice"), f64::from(side.outcome.doubled), "", 0.0);
            let apart = self.threads.saturating_sub(side.at_once);
            figures.limit(name("did not stream at once"), number(apart), "", 0.0);
        }
        self.tell_memory(figures, &named);
        if let Some(smallest) = smallest {
            self.tell_growth(smallest, figures, &named);
        }
    }

    fn tell_memory(&self, figures: &mut Figures, named: &dyn Fn(&str) -> String) {
        let (weight, threads) = (self.weight, number(self.threads));
        figures.note(named("frontend"), weight.frontend, "MiB");
        figures.note(named("frontend, before"), self.idle.frontend, "MiB");
        figures.note(named("supervisor"), weight.supervisor, "MiB");
        figures.note(named("all workers"), weight.workers, "MiB");
        figures.note(named("memory per thread"), weight.all() * 1024.0 / threads, "KiB");
        let each = |spent: std::time::Duration| spent.as_secs_f64() * 1000.0 / threads;
        figures.note(named("frontend, processor per thread"), each(self.spent.frontend), "ms");
        figures.note(named("workers, processor per thread"), each(self.spent.workers), "ms");
    }

    fn tell_growth(&self, smallest: &Self, figures: &mut Figures, named: &dyn Fn(&str) -> String) {
        let threads = number(self.threads) / number(smallest.threads);
        let by = |what: &str| named(&format!("{what}, by {}", smallest.threads));
        let p99 = |side: &Side| quantile(&side.feedback, 0.99);
        for (what, own, small) in [
            ("new: first sign, p99", &self.first, &smallest.first),
            ("warm: first sign, p99", &self.again, &smallest.again),
        ] {
            figures.limit(by(what), p99(own) / p99(small), "x", threads);
        }
        figures.note(by("floor: first sign, p99"), p99(&self.floor) / p99(&smallest.floor), "x");
        let memory = self.weight.all() / smallest.weight.all();
        figures.limit(by("memory"), memory, "x", threads);
        let more = (self.weight.all() - smallest.weight.all()) * 1024.0;
        let each = more / number(self.threads.abs_diff(smallest.threads));
        figures.note(by("memory of each thread more"), each, "KiB");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::crowd::Progress;
    use super::*;

    fn exchange(began: Instant, from: u64, to: u64) -> Exchange {
        let at = |seconds| Some(began + Duration::from_secs(seconds));
        Exchange {
            person: 0,
            root: String::new(),
            asked: String::new(),
            word: String::new(),
            at: began,
            heard: Progress { begun: at(from), streams: at(from), whole: at(to) },
        }
    }

    #[test]
    fn only_answers_that_overlap_stream_at_once() {
        let began = Instant::now();
        let round = [exchange(began, 1, 5), exchange(began, 4, 9), exchange(began, 5, 6)];
        assert_eq!(at_once(&round), 2);
        assert_eq!(at_once(&[]), 0);
    }

    #[test]
    fn an_end_that_was_not_heard_is_no_time() {
        let began = Instant::now();
        let mut round = [exchange(began, 1, 600)];
        let side = Side::of(&round, Outcome::default()).unwrap();
        let beyond = 600_000.0 - own_time().as_secs_f64() * 1000.0;
        assert_eq!((side.feedback, side.beyond), (vec![1000.0], vec![beyond]));
        round[0].heard.whole = None;
        assert!(Side::of(&round, Outcome::default()).is_err());
    }
}
