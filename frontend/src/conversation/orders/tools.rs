//! `!tools`: what the agent may use here.
//!
//! Trust: the rules are the admin's; names of tools are Goose's.

use super::choices::meaning;
use super::{Inner, Typed};
use crate::markdown::code_span;
use crate::mattermost::ChannelKind;
use crate::policy::Audience;
use crate::state::StateError;

impl Inner {
    pub(super) async fn tools(&self, typed: &Typed) -> Result<String, StateError> {
        let live = self.live();
        let mode = live.mode_of(self.choice(typed).await?.mode);
        let audience = match typed.kind {
            ChannelKind::Direct => Audience::Person,
            _ => Audience::Channel,
        };
        let mut text = format!("Mode `{}`: {}.\n", mode.as_str(), meaning(mode));
        for line in live.tools.lines(mode, audience) {
            text.push_str(&format!("\n- {line}"));
        }
        let seen = self.tools_seen.of(typed.key.user);
        if !seen.is_empty() {
            let seen: Vec<_> = seen.iter().map(|name| code_span(name)).collect();
            text.push_str(&format!("\n\nUsed for you since I was started: {}.", seen.join(", ")));
        }
        Ok(text)
    }
}
