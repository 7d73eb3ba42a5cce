//! Goose's side of the conversation: lines, messages, updates, errors.
//!
//! Trust: nothing that comes from Goose. Lines are bounded, everything is parsed
//! into types of this program, and what does not parse changes nothing.

pub(crate) mod error;
pub(crate) mod message;
pub(crate) mod unknown;
pub(crate) mod update;

#[cfg(test)]
mod tests;
