//! Why a turn failed, as a worker tells it.
//!
//! Trust: a worker's word. What it says of the cause is for the journal; people
//! are told by the kind.

use crate::codec::{Decode, Encode};
use crate::text::Text;

/// Why a turn failed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Failure {
    /// What it was.
    pub kind: FailureKind,
    /// For the journal: what Goose or the system said. Never the person's text.
    pub detail: Text<1024>,
    /// Goose gave any sign of work on this prompt before it failed, or may
    /// have: it must not be run again by itself.
    pub may_have_acted: bool,
}

/// Failures that people are told about in different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub enum FailureKind {
    /// Goose ended in the middle of the turn.
    GooseCrashed,
    /// Goose did not start or did not answer its first request.
    GooseUnavailable,
    /// Goose said nothing for the inactivity limit.
    Inactive,
    /// No provider or model is configured.
    NoProvider,
    /// The provider's key is missing; a desktop keyring, if it is there, is not reachable.
    ProviderKeyMissing,
    /// The provider does not accept the key.
    ProviderAuth,
    /// The provider failed; Goose's words are in the answer.
    ProviderError,
    /// The conversation does not fit the model's context.
    ContextOverflow,
    /// The turn ended without a word.
    EmptyAnswer,
    /// The agent's sandbox could not be built.
    SandboxRefused,
    /// Goose could not be put in the turn's mode, or left it.
    ModeRefused,
    /// The prompt is over [`MAX_PROMPT`].
    PromptTooLong,
    /// All Goose processes this person may have are busy.
    TooManyThreads,
    /// Goose broke its protocol.
    Protocol,
    /// The worker is draining.
    Draining,
    /// Goose did not take the turn's model.
    ModelRefused,
}
