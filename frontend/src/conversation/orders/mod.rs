//! Does what commands say, a file for each or for what belongs together.
//!
//! Trust: the gate let the author in. A command reaches the author's own turns,
//! conversations and worker, and nothing of anybody else's. Its row comes before
//! anything is done about it, and what it changes is changed before the next post
//! of its channel is taken.

mod again;
mod answer;
mod choices;
mod sessions;
mod spending;
mod status;
mod stop;
mod summarize;
mod tools;
mod whoami;

use std::sync::Arc;

use super::approvals::Decision;
use super::{Inner, Key, root_of};
use crate::commands::{self, Command, Since};
use crate::gate::Request;
use crate::mattermost::{ChannelKind, NewPost, PendingPostId, Post};
use crate::state::{NewCommand, SeenPost, StateError};

/// What is asked of the agent.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) text: String,
    /// It begins the conversation anew.
    pub(super) anew: bool,
    /// It is about the thread, or what was said there of late.
    pub(super) summary: Option<Option<Since>>,
}

impl Wish {
    pub(super) fn prompt(text: String) -> Self {
        Self { text, anew: false, summary: None }
    }
}

/// What a request asks of the agent; the request itself, if it is for the bot.
pub(super) fn wish(request: Request) -> Result<Wish, Request> {
    match request {
        Request::Prompt(text) => Ok(Wish::prompt(text)),
        Request::Command(Command::New(Some(text))) => Ok(Wish { anew: true, ..Wish::prompt(text) }),
        Request::Command(Command::Summarize(since)) => {
            let prompt = Wish::prompt(summarize::prompt(since));
            Ok(Wish { summary: Some(since), ..prompt })
        }
        other => Err(other),
    }
}

/// A command that is to be obeyed.
#[derive(Debug)]
struct Typed {
    post: Post,
    kind: ChannelKind,
    key: Key,
}

impl Typed {
    /// It stands where each message begins a conversation of its own.
    fn begins_thread(&self) -> bool {
        self.key.thread == gaggle_ipc::ThreadId::from(self.post.id)
    }
}

/// What is said to a command.
enum Answer {
    /// Where it was typed.
    Here(String),
    /// To its author alone.
    Private(String),
    /// Somebody else says it.
    Nothing,
}

impl Inner {
    /// Takes a command in.
    pub(super) async fn commanded(
        self: &Arc<Self>,
        post: Post,
        kind: ChannelKind,
        command: Command,
    ) -> Result<(), StateError> {
        let key = self.key(&post, kind);
        let seen = SeenPost { post: post.id, channel: post.channel, create_at: post.create_at };
        let new = NewCommand { user: key.user, thread: key.thread, post: seen };
        if !self.state.open_command(new).await? {
            return Ok(());
        }
        if let Some(refusal) = self.lateness(&post).refusal() {
            let typed = Typed { post, kind, key };
            self.spawn(move |inner| async move {
                if let Err(error) = inner.tell(&typed, Answer::Here(refusal)).await {
                    inner.fail(error);
                }
            });
            return Ok(());
        }
        self.carry_out(Typed { post, kind, key }, command).await
    }

    async fn carry_out(self: &Arc<Self>, typed: Typed, command: Command) -> Result<(), StateError> {
        // Now, so that it holds for whatever is written next.
        let effected = self.take_effect(&typed, &command).await?;
        self.spawn(move |inner| async move {
            let answer = match effected {
                Some(text) => Ok(Answer::Here(text)),
                None => inner.obey(&typed, command).await,
            };
            let told = match answer {
                Ok(answer) => inner.tell(&typed, answer).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                inner.fail(error);
            }
        });
        Ok(())
    }

    /// Changes what the command changes; what to say to it then. `None` for one
    /// that changes nothing.
    async fn take_effect(
        self: &Arc<Self>,
        typed: &Typed,
        command: &Command,
    ) -> Result<Option<String>, StateError> {
        Ok(Some(match command {
            Command::Mode(Some(mode)) => self.choose_mode(typed, *mode).await?,
            Command::Model(Some(wish)) => self.choose_model(typed, wish).await?,
            Command::Quiet(Some(quiet)) => self.choose_quiet(typed, *quiet).await?,
            Command::New(None) => self.begin_anew(typed).await?,
            Command::Resume(number) => self.resume(typed, *number).await?,
            _ => return Ok(None),
        }))
    }

    async fn obey(self: &Arc<Self>, typed: &Typed, command: Command) -> Result<Answer, StateError> {
        let Typed { post, kind, .. } = typed;
        let said = |text: Option<String>| text.map_or(Answer::Nothing, Answer::Here);
        Ok(match command {
            Command::Stop => said(self.stop(typed).await),
            Command::Approve(name) => said(self.decide(typed, name.as_deref(), Decision::Once)),
            Command::Deny(name) => said(self.decide(typed, name.as_deref(), Decision::No)),
            Command::Get(path) => {
                self.get(post, typed.key, &path).await;
                Answer::Nothing
            }
            Command::Sessions => Answer::Private(self.list_sessions(post.author()).await?),
            Command::Status => self.status(typed).await?,
            Command::Mode(_) => Answer::Here(self.show_mode(typed).await?),
            Command::Model(_) => Answer::Here(self.show_model(typed).await?),
            Command::Quiet(_) => Answer::Here(self.show_quiet(typed).await?),
            Command::Tools => Answer::Here(self.tools(typed).await?),
            Command::Usage => Answer::Here(self.usage(typed, *kind).await?),
            Command::Help(None) => Answer::Here(commands::help(&self.live().gate.name)),
            Command::Help(Some(word)) => Answer::Here(commands::of_one(&word)),
            Command::Whoami => Answer::Here(self.whoami(post).await),
            Command::Misused(name) => Answer::Here(commands::misused(name)),
            Command::Unknown(word) => Answer::Here(commands::unknown(&word)),
            // A turn or an effect, and so taken before.
            Command::New(_) | Command::Resume(_) | Command::Summarize(_) => Answer::Nothing,
        })
    }

    /// Says what there is to say, and that the command is done with.
    async fn tell(&self, typed: &Typed, answer: Answer) -> Result<(), StateError> {
        let text = match answer {
            Answer::Nothing => None,
            Answer::Private(text) if typed.kind != ChannelKind::Direct => {
                Some(self.tell_alone(typed, text).await)
            }
            Answer::Here(text) | Answer::Private(text) => Some(text),
        };
        let post = &typed.post;
        if let Some(text) = text {
            let root = root_of(typed.key.thread, post.channel);
            self.answer_command(post.channel, root, post.id, &text).await;
        }
        self.state.command_answered(post.id).await
    }

    /// Says it to the author alone; what is to be read where others read along.
    async fn tell_alone(&self, typed: &Typed, message: String) -> String {
        let me = self.live().gate.me;
        let told = async {
            let channel = self.client.direct_channel(me, typed.post.user).await?.id;
            let new = NewPost {
                channel,
                root: None,
                message,
                props: serde_json::Map::new(),
                files: Vec::new(),
                pending_post_id: PendingPostId::new(),
            };
            self.client.create_post(&new).await
        };
        match told.await {
            Ok(_) => "I sent it to you in a direct message.".to_owned(),
            Err(error) => {
                tracing::warn!(user = %typed.post.user, %error, "a private answer was not posted");
                "I could not write to you. Please ask me this in a direct message.".to_owned()
            }
        }
    }
}

/// What was written in `message`, as one short line in a code span.
fn title(message: &str, bot: &str) -> String {
    let text = crate::mentions::strip(message, bot);
    let text = match commands::parse(&text) {
        Some(Command::New(Some(text))) => text,
        _ => text,
    };
    let line: Vec<_> = text.split_whitespace().collect();
    let line = line.join(" ");
    let mut shown: String = line.chars().take(TITLE).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    if shown.is_empty() { "(no words)".to_owned() } else { crate::markdown::code_span(&shown) }
}

/// Longest title, in characters.
const TITLE: usize = 60;
