//! Why a call to Mattermost failed, one variant per thing to do about it.
//!
//! Trust: decided by status and error `id`. The server's message is neither
//! read nor kept: it is translated, and may quote what people wrote.

use std::time::Duration;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token is bad, revoked, or its bot is disabled.
    #[error(
        "Mattermost does not accept the bot's token (401): check that the bot is enabled, or make a new token"
    )]
    Unauthorized,
    /// The bot may not: it is no member, or lacks a permission.
    #[error("Mattermost does not let the bot do this (403, {id}, request {request_id})")]
    Forbidden {
        /// The server's error id.
        id: String,
        /// The server's name for the request, for its logs.
        request_id: String,
    },
    /// There is no such thing, or it was deleted.
    #[error("Mattermost has no such thing, or it was deleted (404, {id})")]
    NotFound {
        /// The server's error id.
        id: String,
    },
    /// The limit of requests is used up and would not be free again in time.
    /// Nothing was done.
    #[error("Mattermost's limit of requests is used up: try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The request is refused and would be again.
    #[error("Mattermost refuses the request ({status}, {id}, request {request_id})")]
    Rejected {
        /// The server's error id.
        id: String,
        /// HTTP status.
        status: u16,
        /// The server's name for the request, for its logs.
        request_id: String,
    },
    /// The server failed or could not be reached, again and again.
    #[error("Mattermost is not available: {cause}")]
    Unavailable {
        /// What happened last; without addresses or secrets.
        cause: String,
        /// The request may have been carried out nevertheless.
        maybe_done: bool,
    },
    /// The certificate is not to be trusted, or TLS fails otherwise.
    #[error(
        "no secure connection to Mattermost ({cause}): if its certificate is from a private CA, name the CA's file as ca_file in [mattermost]"
    )]
    Tls {
        /// What TLS said.
        cause: String,
    },
    /// The text or the props of a post are over the server's limit: split it.
    /// Nothing was stored.
    #[error("the post is too long for Mattermost ({id})")]
    TooLong {
        /// The server's error id, which says of what there is too much.
        id: String,
    },
    /// The answer is larger than the client takes: ask for less.
    #[error("Mattermost's answer is over {limit} bytes")]
    AnswerTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what the API promises.
    #[error("Mattermost's answer is not understood ({what}): is the address right?")]
    Malformed {
        /// Where it went wrong; nothing of the content.
        what: String,
    },
    /// The client could not be set up.
    #[error("the Mattermost client cannot be set up: {cause}")]
    Setup {
        /// Why.
        cause: String,
    },
}

impl Error {
    /// The token is of no use: only an admin can mend that.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Unauthorized)
    }
}
