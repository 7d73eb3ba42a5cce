//! Rows of `docs/attacks.md`: a worker taken over: arbitrary code as its account.
