//! Names of files that people send and agents make.
//!
//! Trust: none; whoever uploads a file names it.

use gaggle_ipc::files::{plain_name, stem_and_ending};

/// A name that leads nowhere, hides nothing, and stays as it is.
pub(crate) fn check(given: &str) {
    let name = plain_name(given);
    assert!(!name.is_empty() && name.len() <= 200, "no name, or a long one");
    assert!(!name.contains(['/', '\\', '\0', '\n']), "a path");
    assert!(!name.starts_with(['.', '-', '~']), "hidden, an option or a home");
    assert!(!name.chars().any(char::is_control), "control characters");
    assert_eq!(plain_name(&name), name, "another name the second time");
    let (stem, ending) = stem_and_ending(&name);
    assert_eq!(format!("{stem}{ending}"), name);
    assert!(!stem.is_empty(), "a number would make it hidden");
}
