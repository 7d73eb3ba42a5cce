//! What people are told when something does not work: one sentence each that
//! says what to do, and an error id under which the journal has the rest.
//!
//! Trust: nothing here quotes a worker, Goose or an account's files.

pub mod files;
mod start;
mod turn;

use gaggle_ipc::MattermostId;

use crate::gate::Denied;

pub use start::{exit, not_started, refusal};
pub use turn::{failure, shortened};

/// A short name for one failure, in the sentence and in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorId([u8; 6]);

/// Digits and letters that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl ErrorId {
    /// A new one.
    #[must_use]
    #[allow(clippy::new_without_default)] // two of them are never equal
    pub fn new() -> Self {
        let mut bits: u32 = rand::random();
        Self(std::array::from_fn(|_| {
            let digit = ALPHABET.get((bits & 31) as usize).copied();
            bits >>= 5;
            digit.unwrap_or(b'0')
        }))
    }
}

impl std::fmt::Display for ErrorId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "E-{}", String::from_utf8_lossy(&self.0))
    }
}

/// `sentence` with the error id behind it.
#[must_use]
pub fn with_id(sentence: &str, id: ErrorId) -> String {
    format!("{sentence} ({id})")
}

/// What a person who may not use the bot is told, and for whom to hand it on.
#[must_use]
pub fn not_set_up(name: &str, user: gaggle_ipc::MattermostUserId) -> String {
    format!(
        "Hello {name}, I cannot work for you yet: nobody has connected you with an account on this machine. \
         Please pass this on to your admin:\n\n\
         - your Mattermost id is `{user}`\n\
         - the command is `sudo gaggle user add ACCOUNT --mattermost {user}`\n\n\
         I will not answer before that, and I say this at most once a day."
    )
}

/// What a person is told who is not on the list of approved people.
#[must_use]
pub fn not_approved(name: &str, user: gaggle_ipc::MattermostUserId) -> String {
    format!(
        "Hello {name}, I may not work for you: you are not among the approved people (`APPROVED_USERS`, or `users` in `[access]`). \
         If you should be, please pass this on to your admin:\n\n\
         - your Mattermost id is `{user}`\n\
         - if you have no account with me yet: `sudo gaggle user add ACCOUNT --mattermost {user}`\n\n\
         I will not answer before that, and I say this at most once a day."
    )
}

/// What a person is told who asked where the bot does not work.
#[must_use]
pub fn not_there(name: &str, denied: Denied, channel: MattermostId) -> String {
    let (what, setting) = match denied {
        Denied::Channel => ("that channel", "channels"),
        Denied::Team => ("that team, or for people of your teams", "teams"),
    };
    format!(
        "Hello {name}, I saw that you wrote to me, and I may not work in {what}. \
         If I should, please pass this on to your admin: the channel's id is `{channel}`, the setting is `{setting}` in `[access]`. \
         I say this at most once a day."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_differ() {
        let one = ErrorId::new().to_string();
        assert_eq!(one.len(), 8);
        assert!(one.starts_with("E-"));
        assert!((0..8).any(|_| ErrorId::new().to_string() != one));
    }

    #[test]
    fn the_admin_gets_the_whole_command() {
        let user = gaggle_ipc::MattermostUserId::new("zo3yx6gsxbf8ppuaojzhiaj1yw").unwrap();
        for text in [not_set_up("alice", user), not_approved("alice", user)] {
            assert!(text.contains(
                "`sudo gaggle user add ACCOUNT --mattermost zo3yx6gsxbf8ppuaojzhiaj1yw`"
            ));
        }
    }
}
