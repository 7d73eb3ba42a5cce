//! Rows of `docs/attacks.md`: mapping, configuration and homes: slips and races.

mod account_files;
mod accounts;
mod bench;
mod breaks;
mod broken_files;
mod command;
mod entries;
mod frontend;
mod hanging;
mod homes;
mod kernel;
mod meanwhile;
mod programs;
mod races;
mod reloads;
mod scarce;
mod surroundings;
mod swaps;
mod token;
mod writing;
