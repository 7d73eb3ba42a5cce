//! What others see of it: messages and channels.

use std::sync::Arc;

use gaggle_ipc::MattermostId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::super::caller::{Caller, Person};
use super::super::catalogue::{Class, Tool};
use super::super::refusal::{MESSAGE, Refusal};
use super::super::shapes::{self, ChannelShape, Written};
use super::super::words;
use crate::mattermost::{Channel, Handle, NewChannel, NewPost, PendingPostId};
use crate::render::defuse::defuse;

/// In the props of each post that a tool made: whose agent it was.
pub(crate) const PROP_AGENT_OF: &str = "gaggle_agent_of";
/// Most people of one direct message, besides the writer: what Mattermost takes.
const MOST_PEOPLE: usize = 6;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            ("send_message", "Write a message"),
            Class::Write,
            "Writes a message into a channel, or a reply into a thread. It says whose agent wrote it. Your answer to the person needs no tool.",
            send_message,
        ),
        Tool::new(
            ("send_direct_message", "Write to people"),
            Class::Write,
            "Writes a direct message to one person, or to a group of up to six. It says whose agent wrote it.",
            send_direct_message,
        ),
        Tool::new(
            ("create_channel", "Make a channel"),
            Class::Write,
            "Makes a channel, with the person you work for as a member.",
            create_channel,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Message {
    /// The channel's id, or its name in addresses.
    channel: String,
    /// Its team, by name or id, if the channel is given by name.
    #[serde(default)]
    team: Option<String>,
    /// What to write, in Markdown.
    message: String,
    /// The id of a message: the reply goes into its thread.
    #[serde(default)]
    thread: Option<String>,
}

async fn send_message(caller: Arc<Caller>, new: Message) -> Result<Written, Refusal> {
    let text = fitting(&new.message)?;
    let channel = caller.channel_called(&new.channel, new.team.as_deref()).await?.channel;
    caller.require_writable(&channel).await?;
    let root = match &new.thread {
        None => None,
        Some(thread) => {
            let post = caller.post(shapes::id(thread, "thread")?).await?;
            if post.channel != channel.id {
                return Err(Refusal::Hidden("post"));
            }
            Some(post.root.unwrap_or(post.id))
        }
    };
    caller.write(&channel, root, text).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Direct {
    /// Ids or usernames, one to six.
    users: Vec<String>,
    /// What to write, in Markdown.
    message: String,
}

async fn send_direct_message(caller: Arc<Caller>, new: Direct) -> Result<Written, Refusal> {
    let text = fitting(&new.message)?;
    if !(1..=MOST_PEOPLE).contains(&new.users.len()) {
        return Err(Refusal::Arguments(format!("users are one to {MOST_PEOPLE}")));
    }
    let mut people = Vec::new();
    for user in &new.users {
        let profile = caller.whoever(user).await?;
        if profile.delete_at != 0 {
            return Err(Refusal::Hidden("person"));
        }
        people.push(profile.id);
    }
    // The person is always one of those who read it: nothing is said behind their back.
    let (account, person) = (caller.account().await?, caller.person_id().await?);
    people.extend([account, person]);
    people.sort_unstable();
    people.dedup();
    let found = match people[..] {
        [only] => caller.client.direct_channel(only, only).await,
        [one, two] => caller.client.direct_channel(one, two).await,
        _ => caller.client.group_channel(&people).await,
    };
    let channel = found.map_err(|error| Refusal::of("person", &error))?;
    caller.require_writable(&channel).await?;
    caller.write(&channel, None, text).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct New {
    /// Its name in addresses: small letters, digits and dashes.
    name: String,
    /// Its name for people.
    display_name: String,
    /// Its team, by name or id; without it the default team.
    #[serde(default)]
    team: Option<String>,
    /// By invitation.
    #[serde(default)]
    private: bool,
    /// What it is for.
    #[serde(default)]
    purpose: String,
}

async fn create_channel(caller: Arc<Caller>, new: New) -> Result<ChannelShape, Refusal> {
    let name = Handle::parse(&new.name).filter(|name| !name.as_str().contains("__"));
    let fits = new.display_name.chars().count() <= 64 && new.purpose.chars().count() <= 250;
    let (Some(name), true) = (name, fits && !new.display_name.trim().is_empty()) else {
        return Err(Refusal::Arguments(
            "name has 1 to 64 small letters, digits and dashes, display_name 1 to 64 characters, purpose at most 250".to_owned(),
        ));
    };
    if caller.person != Person::Own && caller.person_profile().await?.is_guest() {
        return Err(Refusal::Denied("create_channel".to_owned()));
    }
    let team = caller.team_or_default(new.team.as_deref()).await?.id;
    let made = caller
        .client
        .create_channel(&NewChannel {
            team,
            name: &name,
            display_name: new.display_name.trim(),
            purpose: &new.purpose,
            private: new.private,
        })
        .await;
    let made = made.map_err(|error| Refusal::of("channel", &error))?;
    if let Person::Other(user) = caller.person {
        let added = caller.client.add_channel_member(made.id, user.into()).await;
        added.map_err(|error| Refusal::of("channel", &error))?;
    }
    Ok(ChannelShape::from(&made))
}

/// A message that fits, with the line that says whose it is.
fn fitting(text: &str) -> Result<&str, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Arguments("message is empty".to_owned()));
    }
    if text.chars().count() > MESSAGE - 1000 {
        return Err(Refusal::TooLong(MESSAGE - 1000));
    }
    Ok(text)
}

impl Caller {
    async fn write(
        &self,
        channel: &Channel,
        root: Option<MattermostId>,
        text: &str,
    ) -> Result<Written, Refusal> {
        let person = self.person_profile().await?;
        let by = words::line(&person.username);
        // Nobody is called by it, and no address hides behind other words.
        let message = format!("{}\n\n_— {by}'s agent_", defuse(text, &self.links));
        let mut props = Map::new();
        props.insert(PROP_AGENT_OF.to_owned(), person.id.as_str().into());
        let new = NewPost {
            channel: channel.id,
            root,
            message,
            props,
            files: Vec::new(),
            pending_post_id: PendingPostId::new(),
        };
        let made = self.client.create_post(&new).await;
        let made = made.map_err(|error| Refusal::of("channel", &error))?;
        Ok(Written {
            id: made.id.as_str().to_owned(),
            channel_id: made.channel.as_str().to_owned(),
            thread_id: made.root.unwrap_or(made.id).as_str().to_owned(),
            create_at: made.create_at,
        })
    }
}
