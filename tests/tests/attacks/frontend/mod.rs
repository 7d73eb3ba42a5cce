//! Rows of `docs/attacks.md`: a frontend taken over: the control socket and the token in hand.
