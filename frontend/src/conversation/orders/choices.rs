//! `!mode`, `!model`, `!quiet`: how the agent works in one conversation.
//!
//! Trust: the admin's lists are the limit, here and at each turn.

use gaggle_ipc::session::GooseMode;

use super::{Inner, Typed};
use crate::commands::ModelWish;
use crate::markdown::code_span;
use crate::state::{Change, StateError};

impl Inner {
    pub(super) async fn choose_mode(
        &self,
        typed: &Typed,
        mode: GooseMode,
    ) -> Result<String, StateError> {
        let live = self.live();
        if !live.choices.modes.contains(&mode) {
            return Ok(format!(
                "Your admin does not allow `{}` here. You may choose {}.",
                mode.as_str(),
                listed(live.choices.modes.iter().map(|mode| mode.as_str()))
            ));
        }
        let answer = format!(
            "From your next message in this conversation on the mode is `{}`: {}.{}",
            mode.as_str(),
            meaning(mode),
            go_on(typed)
        );
        self.change(typed, Change::Mode(mode), answer).await
    }

    pub(super) async fn show_mode(&self, typed: &Typed) -> Result<String, StateError> {
        let live = self.live();
        let mode = live.mode_of(self.choice(typed).await?.mode);
        let mut text = format!("The mode here is `{}`: {}.", mode.as_str(), meaning(mode));
        if live.choices.modes.len() < 2 {
            text.push_str(" Your admin allows no other one.");
            return Ok(text);
        }
        text.push_str(" You may choose, for one conversation, with `!mode NAME`:\n");
        for mode in &live.choices.modes {
            text.push_str(&format!("\n- `{}`: {}", mode.as_str(), meaning(*mode)));
        }
        Ok(text)
    }

    pub(super) async fn choose_model(
        &self,
        typed: &Typed,
        wish: &ModelWish,
    ) -> Result<String, StateError> {
        let live = self.live();
        if live.choices.models.is_empty() {
            return Ok(NO_MODELS.to_owned());
        }
        let (model, name) = match wish {
            ModelWish::Usual => (None, "the usual one".to_owned()),
            ModelWish::Named(model) if live.choices.models.contains(model) => {
                (Some(model.clone()), code_span(model.as_str()))
            }
            ModelWish::Named(model) => {
                return Ok(format!(
                    "{} is not among the models that your admin allows. You may choose {}, or `default`.",
                    code_span(model.as_str()),
                    listed(live.choices.models.iter().map(|model| model.as_str()))
                ));
            }
        };
        let answer = format!(
            "From your next message in this conversation on the model is {name}.{}",
            go_on(typed)
        );
        self.change(typed, Change::Model(model), answer).await
    }

    pub(super) async fn show_model(&self, typed: &Typed) -> Result<String, StateError> {
        let live = self.live();
        let key = typed.key;
        let choice = self.choice(typed).await?;
        let usual = self.state.usual_model(key.user, key.thread).await?;
        let mut text = match (live.model_of(choice.model.as_ref()), usual) {
            (Some(model), _) => format!("The model here is {}.", code_span(model.as_str())),
            (None, Some(usual)) => {
                format!("The model here is the usual one, {}.", code_span(usual.as_str()))
            }
            (None, None) => "The model here is the usual one.".to_owned(),
        };
        if live.choices.models.is_empty() {
            text.push(' ');
            text.push_str(NO_MODELS);
            return Ok(text);
        }
        text.push_str(" You may choose, for one conversation, with `!model NAME`:\n");
        for model in &live.choices.models {
            text.push_str(&format!("\n- {}", code_span(model.as_str())));
        }
        text.push_str("\n- `default`: the usual one");
        Ok(text)
    }

    pub(super) async fn choose_quiet(
        &self,
        typed: &Typed,
        quiet: bool,
    ) -> Result<String, StateError> {
        let what = if quiet {
            "From your next message in this conversation on I show a first sign and the answer, and nothing in between."
        } else {
            "From your next message in this conversation on I show what I do again."
        };
        let answer = format!("{what}{}", go_on(typed));
        self.change(typed, Change::Quiet(quiet), answer).await
    }

    pub(super) async fn show_quiet(&self, typed: &Typed) -> Result<String, StateError> {
        Ok(if self.choice(typed).await?.quiet {
            "This conversation is quiet. `!quiet off` shows what I do again."
        } else {
            "I show what I do in this conversation. `!quiet on` shows the answer alone."
        }
        .to_owned())
    }

    pub(super) async fn choice(&self, typed: &Typed) -> Result<crate::state::Choice, StateError> {
        self.state.choice(typed.key.user, typed.key.thread).await
    }

    pub(super) async fn change(
        &self,
        typed: &Typed,
        change: Change,
        answer: String,
    ) -> Result<String, StateError> {
        let key = (typed.key.user, typed.key.thread);
        self.state.change(typed.post.id, key, change, answer.clone()).await?;
        Ok(answer)
    }
}

const NO_MODELS: &str = "Your admin allows no choice of models.";

/// Where the conversation is, if the command begins one.
pub(super) fn go_on(typed: &Typed) -> &'static str {
    if typed.begins_thread() {
        " Reply here, in this thread, to use it: elsewhere nothing changes."
    } else {
        ""
    }
}

/// What a mode is for people.
pub(super) fn meaning(mode: GooseMode) -> &'static str {
    match mode {
        GooseMode::Auto => "tools run unasked, unless a rule of your admin's says otherwise",
        GooseMode::SmartApprove => {
            "Goose asks you before it runs what it does not take for reading"
        }
        GooseMode::Approve => {
            "Goose asks you before each tool, unless a rule of your admin's lets it run"
        }
        GooseMode::Chat => "Goose runs no tools and only talks",
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(code_span).collect::<Vec<_>>().join(", ")
}
