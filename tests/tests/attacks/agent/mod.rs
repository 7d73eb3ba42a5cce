//! Rows of `docs/attacks.md`: an agent told by a hostile text to do its worst.
