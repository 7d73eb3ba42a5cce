//! What a turn took, on its way to the ledger.
//!
//! Trust: numbers are the worker's word; the ledger bounds them.

use gaggle_ipc::session::Cost;

use super::Turn;
use crate::state::{Context, Spent, StateError};

/// As far as it was told.
#[derive(Debug, Default)]
pub(super) struct Spending {
    /// Goose took the prompt.
    started: bool,
    /// Of earlier tries.
    before: Spent,
    spent: Option<Spent>,
    context: Option<Context>,
}

impl Spending {
    /// Goose takes the prompt, once for each try.
    pub(super) fn start(&mut self) {
        self.started = true;
        if let Some(spent) = self.spent.take() {
            self.before = sum(&self.before, spent);
        }
    }

    /// So much was taken in this try so far.
    pub(super) fn note(&mut self, input: u64, output: u64, cost: Option<Cost>) {
        let cost = cost.map(|cost| (cost.currency.into_string(), cost.nanos));
        self.spent = Some(Spent { input, output, cost });
    }

    /// The context is so full; nothing in it means that nobody counts.
    pub(super) fn context(&mut self, used: u64, size: u64) {
        self.context = Some(Context { used, size }).filter(|_| used > 0 && size > 0);
    }
}

fn sum(before: &Spent, spent: Spent) -> Spent {
    Spent {
        input: before.input.saturating_add(spent.input),
        output: before.output.saturating_add(spent.output),
        cost: match (&before.cost, spent.cost) {
            (Some((known, a)), Some((currency, b))) if *known == currency => {
                Some((currency, a.saturating_add(b)))
            }
            (before, spent) => spent.or(before.clone()),
        },
    }
}

impl Turn<'_> {
    /// Writes it down.
    pub(super) async fn record_spending(&mut self) -> Result<(), StateError> {
        let Spending { started, before, spent, context } = std::mem::take(&mut self.spending);
        if !started {
            return Ok(());
        }
        let known = before != Spent::default();
        let spent = match spent {
            Some(spent) => Some(sum(&before, spent)),
            None => known.then_some(before),
        };
        self.inner.state.record_usage(self.job.turn, spent, context).await
    }
}
