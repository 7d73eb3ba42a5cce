//! Rows of `docs/attacks.md`: mapping, configuration and homes: slips and races.

mod bench;
mod breaks;
mod broken_files;
mod frontend;
