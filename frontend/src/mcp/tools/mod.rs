//! The tools themselves, each a function of a caller and its arguments.
//!
//! Trust: as the module above. No tool asks Mattermost for anything but through what
//! the guard has found.

mod channels;
mod messages;
mod people;
mod search;
mod teams;
mod writing;

use super::catalogue::Tool;

/// All of them.
pub(super) fn all() -> Vec<Tool> {
    [
        people::tools(),
        teams::tools(),
        channels::tools(),
        messages::tools(),
        search::tools(),
        writing::tools(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
