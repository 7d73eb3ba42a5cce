//! How a turn ended, from the signs that were seen of it.
//!
//! Trust: Goose's output was read in order and to its end; what it says of
//! itself decides between kinds of failure, never whether the agent may have
//! acted: in doubt it has.

use agent_client_protocol_schema::v1::{PromptResponse, StopReason};
use gaggle_ipc::session::{FailureKind, TurnEnd};
use serde_json::Value;

use crate::acp::error::{OwnWords, failure, kind_of_error, kind_of_own_words, kind_of_status};
use crate::acp::message::RpcError;
use crate::acp::update::Update;

/// What a turn leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) end: TurnEnd,
    /// The process may serve the next turn.
    pub(crate) keep_goose: bool,
    /// The prompt stands unanswered, or half answered, in Goose's memory.
    pub(crate) unfinished: bool,
}

/// Why a turn is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody wants it.
    Cancelled,
    /// Goose was silent too long.
    Inactive,
    /// Its output was too much to be delivered.
    Flood,
    /// It left the mode that it was put in.
    LeftMode,
}

/// What was seen of a turn.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Some text of an answer.
    answered: bool,
    /// Goose took the prompt up.
    begun: bool,
    /// Some work.
    acted: bool,
    /// The last words, if they were Goose's own and had a meaning.
    own_words: Option<OwnWords>,
    /// Those words, whole, for the journal.
    failure_text: String,
    status: Option<FailureKind>,
}

impl Signs {
    /// Takes in news of the turn.
    pub(crate) fn note(&mut self, update: &Update) {
        match update {
            Update::Begun => self.begun = true,
            Update::Usage { .. } | Update::Spent { .. } | Update::Passing | Update::Mode(_) => {}
            _ => self.acted = true,
        }
        match update {
            Update::Answer(chunk) => {
                self.answered |= !chunk.text.is_empty();
                let own = chunk.is_gooses_own.then(|| kind_of_own_words(&chunk.text));
                self.own_words = own.flatten();
                if self.ends_in_failure() {
                    self.failure_text = chunk.text.clone();
                }
            }
            Update::Status(sentence) => self.status = kind_of_status(sentence).or(self.status),
            _ => {}
        }
    }

    /// The last words were Goose's own about a failure.
    pub(crate) fn ends_in_failure(&self) -> bool {
        matches!(self.own_words, Some(OwnWords::Failed(_)))
    }

    /// Takes in that Goose asked for a permission.
    pub(crate) fn note_question(&mut self) {
        self.acted = true;
    }

    /// The turn's outcome once Goose answered its prompt. `stopping`: the turn
    /// was being stopped; `tools`: tools were called in it.
    pub(crate) fn answered(
        &self,
        result: Result<Value, RpcError>,
        stopping: Option<Why>,
        tools: bool,
    ) -> Outcome {
        let reason = match result {
            Ok(answer) => serde_json::from_value::<PromptResponse>(answer)
                .map_or(StopReason::EndTurn, |response| response.stop_reason),
            Err(error) => return self.refused(&error),
        };
        let end = match (reason, stopping) {
            (StopReason::Cancelled, Some(why))
            | (_, Some(why @ (Why::Inactive | Why::LeftMode))) => end_of(why),
            (StopReason::Cancelled, None) => TurnEnd::Cancelled,
            (StopReason::MaxTokens, _) => TurnEnd::MaxTokens,
            (StopReason::MaxTurnRequests, _) => TurnEnd::MaxActions,
            (StopReason::Refusal, _) => TurnEnd::Declined,
            _ => self.end_by_words(),
        };
        Outcome {
            // Goose's own words stand in its memory as an answer.
            unfinished: matches!(end, TurnEnd::Cancelled)
                || (matches!(end, TurnEnd::Failed(_)) && self.own_words.is_none()),
            // A stopped tool's children live on; only the leaf's end ends them.
            keep_goose: stopping.is_none_or(|why| why != Why::LeftMode && !tools),
            end,
        }
    }

    /// The outcome of a turn whose Goose has to be killed.
    pub(crate) fn killed(why: Why) -> Outcome {
        Outcome { end: end_of(why), keep_goose: false, unfinished: true }
    }

    /// The outcome of a turn whose Goose is gone.
    pub(crate) fn crashed(&self, last_words: &str) -> Outcome {
        // A tool may run a moment before its notice is written.
        let may_have_acted = self.acted || self.begun;
        lost(FailureKind::GooseCrashed, last_words, may_have_acted)
    }

    /// The outcome of a turn whose Goose broke the protocol.
    pub(crate) fn broken(&self) -> Outcome {
        let detail = "Goose wrote a line that is too long or no text";
        lost(FailureKind::Protocol, detail, self.acted || self.begun)
    }

    fn refused(&self, error: &RpcError) -> Outcome {
        let kind = kind_of_error(error, FailureKind::Protocol);
        let outcome = lost(kind, &error.text, self.acted);
        // Goose notes a refused key as its answer.
        Outcome { unfinished: kind != FailureKind::ProviderAuth, ..outcome }
    }

    fn end_by_words(&self) -> TurnEnd {
        let failed = |kind, detail: &str| TurnEnd::Failed(failure(kind, detail, self.acted));
        match (self.own_words, self.status) {
            (Some(OwnWords::MaxActions), _) => TurnEnd::MaxActions,
            (Some(OwnWords::Failed(kind)), _) => failed(kind, &self.failure_text),
            (None, Some(kind)) => failed(kind, "Goose's words are in a notice"),
            (None, None) if !self.answered => {
                failed(FailureKind::EmptyAnswer, "the turn ended without a word")
            }
            (None, None) => TurnEnd::Complete,
        }
    }
}

fn end_of(why: Why) -> TurnEnd {
    match why {
        Why::Cancelled | Why::Flood => TurnEnd::Cancelled,
        Why::Inactive => {
            let detail = "no word from Goose for the inactivity limit";
            TurnEnd::Failed(failure(FailureKind::Inactive, detail, true))
        }
        Why::LeftMode => {
            let detail = "Goose left its mode while the turn ran";
            TurnEnd::Failed(failure(FailureKind::ModeRefused, detail, true))
        }
    }
}

fn lost(kind: FailureKind, detail: &str, may_have_acted: bool) -> Outcome {
    let end = TurnEnd::Failed(failure(kind, detail, may_have_acted));
    Outcome { end, keep_goose: false, unfinished: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::update::Chunk;
    use serde_json::json;

    fn said(text: &str, is_gooses_own: bool) -> Update {
        Update::Answer(Chunk { text: text.into(), is_gooses_own, created: None })
    }

    fn after(updates: &[Update]) -> Signs {
        let mut signs = Signs::default();
        updates.iter().for_each(|update| signs.note(update));
        signs
    }

    fn stopped(reason: &str) -> Result<Value, RpcError> {
        Ok(json!({"stopReason": reason}))
    }

    fn failure_of(outcome: &Outcome) -> (FailureKind, bool) {
        match &outcome.end {
            TurnEnd::Failed(failure) => (failure.kind, failure.may_have_acted),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_stop_reason_has_its_end() {
        let signs = after(&[said("text", false)]);
        for (reason, end) in [
            ("end_turn", TurnEnd::Complete),
            ("max_tokens", TurnEnd::MaxTokens),
            ("max_turn_requests", TurnEnd::MaxActions),
            ("refusal", TurnEnd::Declined),
            ("cancelled", TurnEnd::Cancelled),
            ("a_reason_to_come", TurnEnd::Complete),
        ] {
            assert_eq!(signs.answered(stopped(reason), None, false).end, end, "{reason}");
        }
    }

    #[test]
    fn a_crash_counts_as_acted_from_the_moment_goose_took_the_prompt_up() {
        let neutral = [Update::Passing, Update::Usage { used: 1, size: 2, currency: None }];
        assert!(!failure_of(&after(&neutral).crashed("")).1);
        assert!(failure_of(&after(&[Update::Begun]).crashed("")).1);
        // A turn that ended by itself told of every tool before its end.
        let refused = RpcError { code: -32000, text: "Authentication required".into() };
        let outcome = after(&[Update::Begun]).answered(Err(refused), None, false);
        assert_eq!(failure_of(&outcome), (FailureKind::ProviderAuth, false));
    }

    #[test]
    fn a_stopped_turn_keeps_its_goose_only_if_no_tool_can_live_on() {
        let signs = after(&[]);
        let stop = Some(Why::Cancelled);
        assert!(signs.answered(stopped("cancelled"), stop, false).keep_goose);
        assert!(!signs.answered(stopped("cancelled"), stop, true).keep_goose);
        assert!(!signs.answered(stopped("end_turn"), stop, true).keep_goose);
        assert!(signs.answered(stopped("end_turn"), None, true).keep_goose);
    }

    #[test]
    fn an_answer_that_was_whole_before_the_cancel_stays_whole() {
        let outcome =
            after(&[said("x", false)]).answered(stopped("end_turn"), Some(Why::Cancelled), false);
        assert_eq!((outcome.end, outcome.unfinished), (TurnEnd::Complete, false));
    }

    #[test]
    fn errors_in_words_count_only_as_gooses_own_and_last() {
        let error = "Network error: Could not connect";
        let outcome = after(&[said(error, true)]).answered(stopped("end_turn"), None, false);
        assert_eq!(failure_of(&outcome).0, FailureKind::ProviderError);
        assert!(!outcome.unfinished);
        for signs in [after(&[said(error, false)]), after(&[said(error, true), said("x", false)])] {
            assert_eq!(signs.answered(stopped("end_turn"), None, false).end, TurnEnd::Complete);
        }
    }
}
