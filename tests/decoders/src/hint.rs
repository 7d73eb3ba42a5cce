//! Output of an agent's tools, from which the worker guesses what was refused.
//!
//! Trust: none; it is the agent's, or of whoever wrote what it read.

#[path = "../../../worker/src/hint/refusals.rs"]
mod refusals;

use std::path::Path;

use refusals::Refusals;

const HOME: &str = "/home/alice";
/// Most guesses of a kind, and the longest path, in bytes: one below the home is
/// written without it.
const MOST: usize = 8;
const LONGEST: usize = 120 + HOME.len();

/// Guesses are few, short and absolute.
pub(crate) fn check(output: &str) {
    let guesses = Refusals::read(output, Path::new(HOME));
    assert!(guesses.paths.len() <= MOST && guesses.ports.len() <= MOST, "guesses without end");
    for path in guesses.paths {
        assert!(path.is_absolute() && path.as_os_str().len() <= LONGEST, "no path to look at");
    }
}
