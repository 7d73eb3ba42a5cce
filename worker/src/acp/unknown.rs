//! Kinds of updates that nobody here knows: counted, and named once in the log.
//!
//! Trust: the kind is an agent's word, already cut to plain characters.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Kinds that are told apart; a newer Goose has a few more, a hostile one any number.
const MOST_KINDS: usize = 32;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    counts: RefCell<BTreeMap<String, u64>>,
}

impl Unknown {
    /// Counts one; logs the first of a kind.
    pub(crate) fn note(&self, kind: &str) {
        let mut counts = self.counts.borrow_mut();
        if let Some(count) = counts.get_mut(kind) {
            *count += 1;
        } else if counts.len() < MOST_KINDS {
            tracing::info!("Goose sends updates of a kind unknown here, {kind:?}; passed over");
            counts.insert(kind.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_within_bounds() {
        let unknown = Unknown::default();
        for number in 0..1000 {
            unknown.note(&format!("kind{}", number % 100));
        }
        let counts = unknown.counts.borrow();
        assert_eq!(counts.len(), MOST_KINDS);
        assert!(counts.values().all(|count| *count == 10));
    }
}
