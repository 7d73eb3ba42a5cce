//! The commands that an earlier process left without an answer.
//!
//! Trust: the ledger. What was obeyed is only answered; what was not is obeyed
//! now, as it stands in Mattermost now.

use std::sync::Arc;

use super::{Answer, Typed, wish};
use crate::commands::Command;
use crate::conversation::recovery::RecoveryError;
use crate::conversation::reply::PROP_COMMAND;
use crate::conversation::{Inner, Key, root_of};
use crate::gate::{Admission, Place, Request, Site};
use crate::mattermost::{Channel, Post};
use crate::state::UnfinishedCommand;

impl Inner {
    /// Takes care of them, after the turns that came before them.
    pub(in crate::conversation) async fn obey_again(self: &Arc<Self>) -> Result<(), RecoveryError> {
        for command in self.state.unfinished_commands().await? {
            let post = command.post;
            if !self.obey_one_again(command).await? {
                self.state.command_answered(post).await?;
            }
        }
        Ok(())
    }

    /// Returns whether something is still to be said.
    async fn obey_one_again(
        self: &Arc<Self>,
        unfinished: UnfinishedCommand,
    ) -> Result<bool, RecoveryError> {
        let UnfinishedCommand { user, thread, channel, post, answer } = unfinished;
        let root = root_of(thread, channel);
        let there = self.patiently(|| self.client.thread_after((channel, root), post)).await?;
        if there.unwrap_or_default().iter().any(|there| self.answers_to(there, post)) {
            return Ok(false);
        }
        let Some(post) = self.patiently(|| self.client.post(post)).await? else {
            return Ok(false);
        };
        let Some(channel) = self.patiently(|| self.client.channel(channel)).await? else {
            return Ok(false);
        };
        let kind = channel.kind;
        let typed = Typed { post, kind, key: Key { user, thread } };
        if let Some(answer) = answer {
            self.spawn(move |inner| async move {
                if let Err(error) = inner.tell(&typed, Answer::Here(answer)).await {
                    inner.fail(error);
                }
            });
            return Ok(true);
        }
        let Some(command) = self.command_again(&typed, &channel).await? else {
            return Ok(false);
        };
        self.carry_out(typed, command).await?;
        Ok(true)
    }

    /// The command as it stands now; `None` if nothing is to be done about it.
    async fn command_again(
        &self,
        typed: &Typed,
        channel: &Channel,
    ) -> Result<Option<Command>, RecoveryError> {
        let Some(author) = self.patiently(|| self.people.get(typed.post.user)).await? else {
            return Ok(None);
        };
        if self.live().gate.admit(&author) != Admission::Admitted {
            return Ok(None);
        }
        let site = Site::from(channel);
        let denied = self.patiently(|| self.denied(author.id, &site, true)).await?;
        if denied.is_none_or(|denied| denied.is_some()) {
            return Ok(None);
        }
        // It was let in before.
        let place = Place { kind: typed.kind, conversing: true, busy: true, running: true };
        let request = self.live().gate.screen(&typed.post, place).ok().map(wish);
        Ok(match request {
            // Whatever it was to stop has ended with the process.
            Some(Err(Request::Command(Command::Stop))) => None,
            Some(Err(Request::Command(command))) => Some(command),
            _ => None,
        })
    }

    fn answers_to(&self, post: &Post, asked: gaggle_ipc::MattermostId) -> bool {
        let to = post.props.get(PROP_COMMAND).and_then(serde_json::Value::as_str);
        post.user == self.live().gate.me && to == Some(asked.as_str())
    }
}
