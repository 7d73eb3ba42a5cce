//! Rows of `docs/attacks.md`: mapping, configuration and homes: slips and races.
