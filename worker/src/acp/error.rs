//! What Goose's errors mean to a person.
//!
//! Trust: Goose's wording, measured with version 1.52, chooses the words people
//! see and nothing else. Wording nobody knows falls back to the plain kind.

use gaggle_ipc::session::{Failure, FailureKind};
use gaggle_ipc::text::Text;

use super::message::RpcError;

/// ACP's code for a provider that does not accept the key.
const AUTHENTICATION_REQUIRED: i64 = -32000;
/// ACP's code for a session that is not there.
const NOT_FOUND: i64 = -32002;

/// A failure before or after any sign of work.
pub(crate) fn failure(kind: FailureKind, detail: &str, may_have_acted: bool) -> Failure {
    Failure { kind, detail: Text::lossy(detail), may_have_acted }
}

/// Whether Goose says that it has no such session.
pub(crate) fn is_unknown_session(error: &RpcError) -> bool {
    error.code == NOT_FOUND
}

/// What an error in answer to a request means; `otherwise` where nothing fits.
pub(crate) fn kind_of_error(error: &RpcError, otherwise: FailureKind) -> FailureKind {
    let text = error.text.as_str();
    if error.code == AUTHENTICATION_REQUIRED {
        return FailureKind::ProviderAuth;
    }
    if text.contains("not found: GOOSE_PROVIDER") || text.contains("not found: GOOSE_MODEL") {
        return FailureKind::NoProvider;
    }
    // A provider that is named but could not be made lacks its key.
    let key_missing = text.contains("Configuration value not found")
        || text.contains("Provider not set")
        || text.to_ascii_lowercase().contains("keyring");
    if key_missing { FailureKind::ProviderKeyMissing } else { otherwise }
}

/// What a message of Goose's own says, if it ends the turn in another way than
/// with an answer.
pub(crate) fn kind_of_own_words(text: &str) -> Option<OwnWords> {
    let text = text.trim_start();
    if text.starts_with("I've reached the maximum number of actions") {
        return Some(OwnWords::MaxActions);
    }
    if text.starts_with("The model returned an empty response") {
        return Some(OwnWords::Failed(FailureKind::EmptyAnswer));
    }
    let is_error = text.starts_with("Ran into this error")
        || text.starts_with("Network error")
        || text.starts_with("Rate limit");
    is_error.then_some(OwnWords::Failed(if text.contains("Authentication error") {
        FailureKind::ProviderAuth
    } else {
        FailureKind::ProviderError
    }))
}

/// A message of Goose's own as people in a channel may read it: where the
/// provider stands inside the network is not theirs to know.
pub(crate) fn without_addresses(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_port = |port: &str| port.len() > 1 && port.bytes().all(|b| b.is_ascii_digit());
        let is_host = |host: &str| host.contains('.') || host == "localhost";
        let has_port =
            bare.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port));
        if bare.contains("://") || has_port {
            word.replace(bare, "the provider's address")
        } else {
            word.to_owned()
        }
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

/// What a status message says, if it ends the turn.
pub(crate) fn kind_of_status(text: &str) -> Option<FailureKind> {
    text.contains("Context limit still exceeded").then_some(FailureKind::ContextOverflow)
}

/// Meaning of a message that Goose wrote itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnWords {
    /// The limit of actions was reached.
    MaxActions,
    /// The turn failed.
    Failed(FailureKind),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i64, text: &str) -> RpcError {
        RpcError { code, text: text.into() }
    }

    #[test]
    fn each_measured_error_has_its_kind() {
        for (code, text, kind) in [
            (-32000, "Authentication required", FailureKind::ProviderAuth),
            (
                -32603,
                "Internal error: Failed to resolve provider: Configuration value not found: GOOSE_PROVIDER",
                FailureKind::NoProvider,
            ),
            (
                -32603,
                "Internal error: Configuration value not found: ANTHROPIC_API_KEY",
                FailureKind::ProviderKeyMissing,
            ),
            (
                -32603,
                "Internal error: Error getting agent reply: Provider not set",
                FailureKind::ProviderKeyMissing,
            ),
            (-32603, "Internal error: something new", FailureKind::Protocol),
        ] {
            assert_eq!(kind_of_error(&error(code, text), FailureKind::Protocol), kind, "{text}");
        }
    }

    #[test]
    fn each_measured_message_of_gooses_own_has_its_meaning() {
        let failed = |kind| Some(OwnWords::Failed(kind));
        for (text, meaning) in [
            ("Ran into this error: Server error: x", failed(FailureKind::ProviderError)),
            (
                "Ran into this error: Authentication error: Authentication failed for x",
                failed(FailureKind::ProviderAuth),
            ),
            ("Network error: Could not connect to x", failed(FailureKind::ProviderError)),
            (
                "The model returned an empty response. Please resend",
                failed(FailureKind::EmptyAnswer),
            ),
            (
                "I've reached the maximum number of actions I can do without user input.",
                Some(OwnWords::MaxActions),
            ),
            ("Compaction complete", None),
        ] {
            assert_eq!(kind_of_own_words(text), meaning, "{text}");
        }
    }

    #[test]
    fn people_do_not_read_where_the_provider_stands() {
        for (text, shown) in [
            (
                "Ran into this error: Server error (500) at http://10.0.0.7:8080/v1/chat.\n\nPlease retry",
                "Ran into this error: Server error (500) at the provider's address.\n\nPlease retry",
            ),
            (
                "Network error: Could not connect to llm.internal:8080, resend",
                "Network error: Could not connect to the provider's address, resend",
            ),
            ("Rate limit exceeded: try at 12 o'clock", "Rate limit exceeded: try at 12 o'clock"),
        ] {
            assert_eq!(without_addresses(text), shown);
        }
    }
}
