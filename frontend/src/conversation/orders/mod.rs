//! Does what commands say, a file for each or for what belongs together.
//!
//! Trust: the gate let the author in. A command reaches the author's own turns
//! and worker, and nothing of anybody else's.

mod answer;
mod stop;
mod whoami;

use std::sync::Arc;

use super::Inner;
use super::approvals::Decision;
use crate::commands::{self, Command};
use crate::mattermost::{ChannelKind, Post};

impl Inner {
    pub(super) async fn obey(self: &Arc<Self>, post: &Post, kind: ChannelKind, command: Command) {
        let text = match command {
            Command::Stop => self.stop(post, kind).await,
            Command::Approve(name) => self.decide(post, name.as_deref(), Decision::Once),
            Command::Deny(name) => self.decide(post, name.as_deref(), Decision::No),
            Command::Help(None) => Some(commands::help(&self.live().gate.name)),
            Command::Help(Some(word)) => Some(commands::of_one(&word)),
            Command::Whoami => Some(self.whoami(post).await),
            Command::Misused(name) => Some(commands::misused(name)),
            Command::Unknown(word) => Some(commands::unknown(&word)),
        };
        if let Some(text) = text {
            self.reply(post, &text).await;
        }
    }
}
