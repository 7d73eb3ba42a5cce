//! How a session answers: the mode and the model of a turn, set and confirmed.
//!
//! Trust: none in what Goose says; a mode or model that it does not confirm is
//! not in force, and the turn is not begun.

use gaggle_ipc::session::{Failure, FailureKind, GooseMode};
use gaggle_ipc::{GooseSession, ModelName};
use serde_json::{Value, json};

use crate::acp::error::failure;
use crate::acp::update::Update;
use crate::goose::Goose;
use crate::opening::{CallError, call, unavailable};

/// What a turn is to be answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How Goose decides on tool calls.
    pub(crate) mode: GooseMode,
    /// The model; `None` leaves what the session has.
    pub(crate) model: Option<ModelName>,
}

/// What a session has, as far as Goose confirmed it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InForce {
    mode: Option<GooseMode>,
    model: Option<ModelName>,
}

impl InForce {
    /// What the answer to `session/new` or `session/load` says. Its mode is set
    /// in any case: a stored session brings its own.
    pub(crate) fn of_opened(answer: &Value) -> Self {
        Self { mode: None, model: model_of(answer) }
    }

    /// The session's model.
    pub(crate) fn model(&self) -> Option<&ModelName> {
        self.model.as_ref()
    }

    /// Brings the session to what is wanted, where it is not there yet.
    ///
    /// # Errors
    /// The turn's failure; then neither may be in force.
    pub(crate) async fn bring_to(
        &mut self,
        goose: &mut Goose,
        session: &GooseSession,
        wanted: &Wanted,
    ) -> Result<(), Failure> {
        if self.mode != Some(wanted.mode) {
            self.mode = None;
            set_mode(goose, wanted.mode, session).await?;
            self.mode = Some(wanted.mode);
        }
        if let Some(model) = &wanted.model
            && self.model.as_ref() != Some(model)
        {
            self.model = None;
            set_model(goose, model, session).await?;
            self.model = Some(model.clone());
        }
        Ok(())
    }
}

/// Goose confirms the mode with a notice of its own before it answers.
async fn set_mode(
    goose: &mut Goose,
    mode: GooseMode,
    session: &GooseSession,
) -> Result<(), Failure> {
    let mut confirmed = None;
    let params = json!({"sessionId": session.as_str(), "modeId": mode.as_str()});
    let answer = call(goose, "session/set_mode", &params, |update| {
        if let Update::Mode(now) = update {
            confirmed = Some(now);
        }
    });
    let refused = |why: &str| failure(FailureKind::ModeRefused, why, false);
    match answer.await {
        Ok(_) if confirmed.as_deref() == Some(mode.as_str()) => Ok(()),
        Ok(_) => Err(refused("Goose did not confirm the mode")),
        Err(CallError::Rpc(error)) => Err(refused(&error.text)),
        Err(error) => Err(unavailable(goose, error)),
    }
}

/// Goose takes any name, and answers with all options as they are now.
async fn set_model(
    goose: &mut Goose,
    model: &ModelName,
    session: &GooseSession,
) -> Result<(), Failure> {
    let params = json!({
        "sessionId": session.as_str(),
        "configId": "model",
        "value": model.as_str(),
    });
    let refused = |why: &str| failure(FailureKind::ModelRefused, why, false);
    match call(goose, "session/set_config_option", &params, |_| ()).await {
        Ok(answer) if model_of(&answer).as_ref() == Some(model) => Ok(()),
        Ok(_) => Err(refused("Goose did not confirm the model")),
        Err(CallError::Rpc(error)) => Err(refused(&error.text)),
        Err(error) => Err(unavailable(goose, error)),
    }
}

fn model_of(answer: &Value) -> Option<ModelName> {
    let options = answer.get("configOptions")?.as_array()?;
    let is_model = |option: &&Value| option.get("id").and_then(Value::as_str) == Some("model");
    let model = options.iter().find(is_model)?.get("currentValue")?.as_str()?;
    ModelName::new(model).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_from_among_the_options_and_only_if_it_is_a_name() {
        let answer = |model: &str| {
            json!({"configOptions": [{"id": "mode", "currentValue": "auto"},
                {"id": "model", "currentValue": model}]})
        };
        let model = ModelName::new("gpt-4o").unwrap();
        assert_eq!(InForce::of_opened(&answer("gpt-4o")).model(), Some(&model));
        for other in [answer(""), answer("a b"), json!({}), json!({"configOptions": {"id": 1}})] {
            assert_eq!(InForce::of_opened(&other), InForce::default(), "{other}");
        }
    }
}
