//! Waiting for a condition with a deadline, never for a time.

use std::time::{Duration, Instant};

/// Pause between two looks.
pub(super) const STEP: Duration = Duration::from_millis(20);

/// Looks until `look` finds something, at most for `limit`.
pub fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(STEP);
    }
}
