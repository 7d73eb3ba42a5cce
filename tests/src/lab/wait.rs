//! Waiting for a condition with a deadline, never for a time.

use std::time::{Duration, Instant};

/// Pause between two looks.
pub(super) const STEP: Duration = Duration::from_millis(20);

/// How many times as long as elsewhere everything may take, on a machine that
/// is emulated.
const ENV_PATIENCE: &str = "GAGGLE_TEST_PATIENCE";

fn patience() -> u32 {
    std::env::var(ENV_PATIENCE).ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Looks until `look` finds something, at most for `limit`; longer where more
/// patience is asked for.
pub fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit * patience();
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
