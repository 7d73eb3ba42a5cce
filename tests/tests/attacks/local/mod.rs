//! Rows of `docs/attacks.md`: other users of the machine.
