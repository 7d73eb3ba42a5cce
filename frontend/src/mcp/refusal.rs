//! Why a call came to nothing, in words that an agent can act on.
//!
//! Trust: what the caller may not see is refused exactly as what does not exist, so
//! that nothing is learned from the difference. Nothing here quotes the server.

use crate::mattermost::Error;

/// A call that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The arguments are of no use.
    #[error("{0}")]
    Arguments(String),
    /// There is none, or none for this caller.
    #[error(
        "There is no such {0}, or it is not visible here: a {0} can be used only if both the bot and the person you work for may see it."
    )]
    Hidden(&'static str),
    /// Neither may write there.
    #[error(
        "You cannot write there: both the bot and the person you work for must be members of the channel, and it must not be archived. Ask them to invite the bot."
    )]
    ReadOnly,
    /// The tool is switched off.
    #[error(
        "The tool {0} is not allowed here. Do not try again; tell the person what you wanted to do."
    )]
    Denied(String),
    /// The person said no, or said nothing in time.
    #[error("{0}")]
    Declined(String),
    /// It was done too often.
    #[error("Too many calls of this kind: wait {0} seconds before the next one.")]
    TooMany(u64),
    /// Mattermost does not answer, or not now.
    #[error(
        "Mattermost is not available just now. Try again in a minute; if it goes on, tell the person."
    )]
    Unavailable,
    /// The post does not fit.
    #[error("The message is too long for Mattermost: send it in parts of at most {0} characters.")]
    TooLong(usize),
    /// Mattermost refuses it for a reason that is its own.
    #[error("Mattermost refuses this ({0}).")]
    Rejected(String),
}

/// Longest message in characters that every server takes.
pub(super) const MESSAGE: usize = 16_383;

impl Refusal {
    /// What `error` means where a `thing` was looked for.
    pub(super) fn of(thing: &'static str, error: &Error) -> Self {
        match error {
            Error::Forbidden { .. } | Error::NotFound { .. } => Self::Hidden(thing),
            Error::TooLong { .. } => Self::TooLong(MESSAGE),
            Error::RateLimited { retry_after } => Self::TooMany(retry_after.as_secs().max(1)),
            // An id such as `store.sql_channel.save_channel.exists.app_error`: no text.
            Error::Rejected { id, .. } if thing == "channel" || id.contains("exists") => {
                Self::Rejected(id.chars().take(100).collect())
            }
            Error::Rejected { .. } => Self::Hidden(thing),
            Error::Unauthorized
            | Error::Unavailable { .. }
            | Error::Tls { .. }
            | Error::AnswerTooLarge { .. }
            | Error::Malformed { .. }
            | Error::Setup { .. } => {
                tracing::warn!(%error, "a tool could not reach Mattermost");
                Self::Unavailable
            }
        }
    }
}
