//! What was measured, each with its target where there is one.
//!
//! Trust: none is needed.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::comparison::{Comparison, heading};

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// At most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<f64>,
}

impl Figure {
    fn is_met(&self) -> bool {
        self.target.is_none_or(|target| self.value <= target)
    }

    /// The target, and whether it is met.
    pub(super) fn verdict(&self) -> String {
        match self.target {
            Some(target) if self.is_met() => format!("within {target}"),
            Some(target) => format!("OVER {target}"),
            None => String::new(),
        }
    }
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    remarks: Vec<String>,
    comparisons: Vec<Comparison>,
    figures: Vec<Figure>,
}

impl Figures {
    /// Something that is to be known beside the figures; said once.
    pub(crate) fn remark(&mut self, remark: &str) {
        if !self.remarks.iter().any(|known| known == remark) {
            self.remarks.push(remark.to_owned());
        }
    }

    /// What was measured beside a floor.
    pub(crate) fn compare(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    /// A figure without a target.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, target: None });
    }

    /// A figure that is to be at most `target`.
    pub(crate) fn limit(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: f64,
    ) {
        self.figures.push(Figure { name: name.into(), value, unit, target: Some(target) });
    }

    /// Every target is met.
    pub(crate) fn within_targets(&self) -> bool {
        let compared = self.comparisons.iter().flat_map(|comparison| &comparison.limits);
        self.figures.iter().chain(compared).all(Figure::is_met)
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for remark in &self.remarks {
            let _ = writeln!(text, "{remark}");
        }
        if !self.comparisons.is_empty() {
            let _ = writeln!(text, "{}", heading());
        }
        for comparison in &self.comparisons {
            let _ = writeln!(text, "{}", comparison.line());
        }
        for figure in &self.figures {
            let Figure { name, value, unit, .. } = figure;
            let line = format!("{name:<56} {value:>9.2} {unit:<4}  {}", figure.verdict());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut all = json!(self);
        all["within_targets"] = json!(self.within_targets());
        all
    }
}

/// The value that `share` (of 1) of `values` do not exceed; 0 if there are none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred values")]
    let rank = (share * sorted.len() as f64).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
    let at = (rank as usize).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// In milliseconds.
pub(crate) fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1000.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.5, 0.95, 0.0].map(|share| quantile(&values, share)), [3.0, 5.0, 1.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_figure_over_its_target_shows() {
        let mut figures = Figures::default();
        figures.limit("a", 5.0, "x", 5.0);
        assert!(figures.within_targets());
        figures.limit("b", 5.1, "x", 5.0);
        assert!(!figures.within_targets() && figures.table().contains("OVER 5"));
    }
}
