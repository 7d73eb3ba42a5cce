//! What holds for conversations now and may hold no more after a reload.
//!
//! Trust: the admin's settings, and the gate as it was resolved from them.

use std::time::Duration;

use gaggle_ipc::ModelName;
use gaggle_ipc::session::GooseMode;

use crate::config::{Choices, Config, Context, DmConversation, FileRules, Instructions};
use crate::gate::Gate;
use crate::policy::Policy;
use crate::render::Style;

/// What may change while conversations go on.
#[derive(Debug, Clone)]
pub struct Live {
    /// Who may ask, and where.
    pub gate: Gate,
    /// How turns are shown.
    pub style: Style,
    /// Whether a tool that no rule names runs.
    pub mode: GooseMode,
    /// Which tools run.
    pub tools: Policy,
    /// Which files pass.
    pub files: FileRules,
    /// What of a thread goes along with a prompt.
    pub context: Context,
    /// What the admin tells agents.
    pub instructions: Instructions,
    /// What is older is not answered any more.
    pub answer_within: Duration,
    /// A post that is for the bot only since it was edited is answered.
    pub answer_edited: bool,
    /// What people may choose.
    pub choices: Choices,
    /// What is one conversation in a direct message.
    pub dm_conversation: DmConversation,
}

impl Live {
    /// As `config` says.
    #[must_use]
    pub fn new(gate: Gate, config: &Config) -> Self {
        Self {
            gate,
            style: Style { trace: config.trace, links: config.links.clone() },
            mode: config.mode,
            tools: config.tools.clone(),
            files: config.files,
            context: config.context,
            instructions: config.instructions.clone(),
            answer_within: config.answer_within,
            answer_edited: config.answer_edited,
            choices: config.choices.clone(),
            dm_conversation: config.dm_conversation,
        }
    }

    /// The mode of a conversation for which a person chose `chosen`: what the
    /// admin does not allow any more does not hold.
    pub(super) fn mode_of(&self, chosen: Option<GooseMode>) -> GooseMode {
        chosen.filter(|mode| self.choices.modes.contains(mode)).unwrap_or(self.mode)
    }

    /// The model, in the same way; `None` is the usual one.
    pub(super) fn model_of<'a>(&self, chosen: Option<&'a ModelName>) -> Option<&'a ModelName> {
        chosen.filter(|model| self.choices.models.contains(model))
    }
}
