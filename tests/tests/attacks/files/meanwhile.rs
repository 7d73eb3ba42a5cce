//! Doing one thing over and over while another is done.
//!
//! Trust: none; what it does is one side of a race.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

/// Repeats `act` from another thread until `body` has ended.
pub(super) fn meanwhile<T>(
    act: impl Fn(usize) -> Result<()> + Send,
    body: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let racer = scope.spawn(|| {
            let rounds = (0..).take_while(|_| !over.load(Ordering::Relaxed));
            rounds.into_iter().try_for_each(act)
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        over.store(true, Ordering::Relaxed);
        let raced = racer.join().unwrap();
        let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        raced.map(|()| done)
    })
}
