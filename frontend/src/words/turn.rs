//! Why a turn gave no answer, or not a whole one.
//!
//! Trust: the kinds come from the worker; Goose's own words are never part of it.

use gaggle_ipc::session::{FailureKind, TurnEnd};

/// Why a turn failed.
#[must_use]
pub fn failure(kind: FailureKind) -> &'static str {
    use FailureKind as K;
    match kind {
        K::GooseCrashed => {
            "Goose ended unexpectedly in the middle of the work. What it did before that is done; please look at it before you ask again."
        }
        K::GooseUnavailable => {
            "Goose did not start. Please try again; if it goes on, tell your admin."
        }
        K::Inactive => "Goose gave no sign of life for too long and was stopped. Please ask again.",
        K::NoProvider => {
            "Your admin has not set a model for Goose yet (`GOOSE_PROVIDER` and `GOOSE_MODEL`)."
        }
        K::ProviderKeyMissing => {
            "The key of the model's provider is missing. A key in a desktop keyring cannot be reached from here: your admin has to put it in Gaggle's provider settings."
        }
        K::ProviderAuth => {
            "The model's provider does not accept the key. Your admin has to renew it."
        }
        K::ProviderError => "The model's provider failed. Please try again in a while.",
        K::ContextOverflow => {
            "This conversation has become too long for the model. Please begin a new thread."
        }
        K::EmptyAnswer => "Goose ended without a word. Please ask again, perhaps in other words.",
        K::SandboxRefused => {
            "The sandbox for Goose could not be built, so it was not started. Your admin finds the cause in the journal."
        }
        K::ModeRefused => {
            "Goose could not be kept in the mode that holds here, so it did not go on with this."
        }
        K::PromptTooLong => "Your message is too long for me. Please send it in parts.",
        K::TooManyThreads => {
            "All your agents are busy in other threads. Please wait until one is done, or stop one with `!stop`."
        }
        K::Protocol => {
            "Goose answered in a way that I do not understand. Your admin finds the details in the journal."
        }
        K::ModelRefused => {
            "Goose did not take the model that was chosen, so it did not work on this."
        }
        K::Draining => "I am about to be restarted. Please ask again in a minute.",
    }
}

/// What is added to an answer that ended before its end; `None` for a whole one.
#[must_use]
pub fn shortened(end: &TurnEnd) -> Option<&'static str> {
    match end {
        TurnEnd::Complete | TurnEnd::Failed(_) => None,
        TurnEnd::Cancelled => Some("Stopped."),
        TurnEnd::MaxTokens => {
            Some("The model's limit for one answer was reached here. Reply to go on.")
        }
        TurnEnd::MaxActions => {
            Some("Goose's limit of actions in one turn was reached here. Reply to go on.")
        }
        TurnEnd::Declined => Some("The model declined to go on."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_and_a_keyring_are_the_admins_affair() {
        assert!(failure(FailureKind::NoProvider).starts_with("Your admin has not set a model"));
        assert!(failure(FailureKind::ProviderKeyMissing).contains("keyring"));
    }

    #[test]
    fn a_whole_answer_needs_no_word() {
        assert_eq!(shortened(&TurnEnd::Complete), None);
        assert!(shortened(&TurnEnd::MaxTokens).is_some());
    }
}
