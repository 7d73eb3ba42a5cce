//! What a turn has taken so far, summed over the model's calls.
//!
//! Trust: numbers are Goose's; sums stop at their type's end.

use gaggle_ipc::session::{Cost, FromWorker};
use gaggle_ipc::{Text, ThreadId, TurnId};

/// The sum.
#[derive(Debug, Default)]
pub(crate) struct Spending {
    input: u64,
    output: u64,
    nanos: u64,
    priced: bool,
    currency: Option<String>,
}

impl Spending {
    /// What costs are counted in, which comes before them.
    pub(crate) fn count_in(&mut self, currency: Option<String>) {
        self.currency = currency.or(self.currency.take());
    }

    /// Adds one call. Returns whether anything is known of it: where tokens are
    /// not reported, a cost of nothing is no cost.
    pub(crate) fn add(
        &mut self,
        input: Option<u64>,
        output: Option<u64>,
        cost: Option<f64>,
    ) -> bool {
        if input.is_none() && output.is_none() {
            return false;
        }
        self.input = self.input.saturating_add(input.unwrap_or(0));
        self.output = self.output.saturating_add(output.unwrap_or(0));
        if let Some(cost) = cost.filter(|cost| cost.is_finite() && *cost >= 0.0) {
            self.priced = true;
            // A float beyond the type's end becomes that end.
            self.nanos = self.nanos.saturating_add((cost * 1e9).round() as u64);
        }
        true
    }

    /// As it stands.
    pub(crate) fn message(&self, thread: ThreadId, turn: TurnId) -> FromWorker {
        let cost = self
            .currency
            .as_deref()
            .filter(|_| self.priced)
            .map(|currency| Cost { nanos: self.nanos, currency: Text::lossy(currency) });
        FromWorker::Spent { thread, turn, input: self.input, output: self.output, cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(spending: &Spending) -> (u64, u64, Option<u64>) {
        let thread = ThreadId::new(&"a".repeat(26)).unwrap();
        match spending.message(thread, TurnId(1)) {
            FromWorker::Spent { input, output, cost, .. } => {
                (input, output, cost.map(|cost| cost.nanos))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_are_summed_and_what_is_not_reported_is_not_nothing() {
        let mut spending = Spending::default();
        assert!(!spending.add(None, None, Some(0.0)));
        spending.count_in(Some("USD".to_owned()));
        assert!(spending.add(Some(500), Some(7), Some(0.00132)));
        spending.count_in(None);
        assert!(spending.add(Some(1000), Some(20), Some(0.0027)));
        assert_eq!(sent(&spending), (1500, 27, Some(4_020_000)));
    }

    #[test]
    fn without_a_currency_there_is_no_cost_and_nothing_overflows() {
        let mut spending = Spending::default();
        spending.add(Some(u64::MAX), Some(1), Some(1.0));
        spending.add(Some(1), None, Some(f64::INFINITY));
        assert_eq!(sent(&spending), (u64::MAX, 1, None));
        spending.count_in(Some("USD".to_owned()));
        spending.add(Some(0), None, Some(1e300));
        assert_eq!(sent(&spending).2, Some(u64::MAX));
    }
}
