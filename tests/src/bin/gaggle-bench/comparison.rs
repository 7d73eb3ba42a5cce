//! Times beside the floor's of the same run.
//!
//! Trust: none is needed.

use serde::Serialize;

use super::figures::{Figure, quantile};

/// Over the lines of comparisons.
pub(super) fn heading() -> String {
    let spread = format!("{:>6} {:>6} {:>6}", "p50", "p95", "p99");
    format!("{:<46} {spread}  floor {spread}  by the floor's: p50, p95", "milliseconds")
}

/// What one thing took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Spread {
    fn of(times: &[f64]) -> Self {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| quantile(times, share));
        Self { p50, p95, p99 }
    }
}

/// A quantile that has a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Half of all.
    P50,
    /// Nearly all.
    P95,
}

/// What was measured, and the floor.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    name: String,
    own: Spread,
    floor: Spread,
    pub(super) limits: Vec<Figure>,
}

impl Comparison {
    /// Of times in milliseconds.
    pub(crate) fn new(name: String, own: &[f64], floor: &[f64]) -> Self {
        Self { name, own: Spread::of(own), floor: Spread::of(floor), limits: Vec::new() }
    }

    fn at(&self, at: At) -> (&'static str, f64, f64) {
        match at {
            At::P50 => ("p50", self.own.p50, self.floor.p50),
            At::P95 => ("p95", self.own.p95, self.floor.p95),
        }
    }

    /// It is to be at most so many times the floor's.
    pub(crate) fn at_most_times(mut self, at: At, target: f64) -> Self {
        let (name, own, floor) = self.at(at);
        let name = format!("{name} by the floor's");
        self.limits.push(Figure { name, value: own / floor, unit: "x", target: Some(target) });
        self
    }

    /// It is to be at most so many milliseconds more.
    pub(crate) fn at_most_more(mut self, at: At, target: f64) -> Self {
        let (name, own, floor) = self.at(at);
        let name = format!("{name} above the floor's");
        self.limits.push(Figure { name, value: own - floor, unit: "ms", target: Some(target) });
        self
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let spread = |of: &Spread| format!("{:>6.1} {:>6.1} {:>6.1}", of.p50, of.p95, of.p99);
        let (own, floor) = (spread(&self.own), spread(&self.floor));
        let [half, most] = [At::P50, At::P95].map(|at| {
            let (_, own, floor) = self.at(at);
            own / floor
        });
        let mut line = format!("{:<46} {own}        {floor}  x{half:<5.2} x{most:<5.2}", self.name);
        for limit in &self.limits {
            let Figure { name, value, unit, .. } = limit;
            line += &match *unit {
                "x" => format!("  {} {}", name.get(..3).unwrap_or_default(), limit.verdict()),
                _ => format!("  +{value:.0} {unit} {}", limit.verdict()),
            };
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;

    #[test]
    fn what_is_over_its_target_by_ratio_or_by_difference_shows() {
        let comparison = || Comparison::new("a".to_owned(), &[30.0], &[20.0]);
        for (comparison, met) in [
            (comparison().at_most_times(At::P50, 1.5), true),
            (comparison().at_most_times(At::P95, 1.4), false),
            (comparison().at_most_more(At::P50, 10.0), true),
            (comparison().at_most_more(At::P50, 9.0), false),
        ] {
            let over = comparison.line().contains("OVER");
            let mut figures = Figures::default();
            figures.compare(comparison);
            assert_eq!((figures.within_targets(), over), (met, !met));
        }
    }
}
