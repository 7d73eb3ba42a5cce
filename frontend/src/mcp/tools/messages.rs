//! What people wrote, in its place.

use std::collections::HashMap;
use std::sync::Arc;

use gaggle_ipc::MattermostId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::caller::Caller;
use super::super::catalogue::{Class, Tool};
use super::super::refusal::Refusal;
use super::super::shapes::{self, MOST, MessageShape, Messages};
use super::super::words;
use crate::mattermost::{PageQuery, Post, PostRef};

/// About how much text of a thread is looked for, in bytes.
const ENOUGH: usize = 200 * 1024;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            ("read_channel", "Read a channel"),
            Class::Read,
            "Reads the newest messages of a channel, or those before a given one; oldest first.",
            read_channel,
        ),
        Tool::new(
            ("read_post", "Read a message"),
            Class::Read,
            "Reads one message in full.",
            read_post,
        ),
        Tool::new(
            ("get_thread_context", "Read a thread"),
            Class::Read,
            "Reads a thread with who wrote what, oldest first; the newest part of it if it is long.",
            get_thread_context,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InChannel {
    /// Its id, or its name in addresses.
    channel: String,
    /// Its team, by name or id, if the channel is given by name.
    #[serde(default)]
    team: Option<String>,
    /// Most messages, 1 to 100.
    #[serde(default = "shapes::usual")]
    limit: u16,
    /// Those before this message alone.
    #[serde(default)]
    before: Option<String>,
}

fn limited(limit: u16) -> Result<u16, Refusal> {
    match limit {
        1..=MOST => Ok(limit),
        _ => Err(Refusal::Arguments(format!("limit is 1 to {MOST}"))),
    }
}

async fn read_channel(caller: Arc<Caller>, of: InChannel) -> Result<Messages, Refusal> {
    let limit = limited(of.limit)?;
    let before = of.before.as_deref().map(|text| shapes::id(text, "before")).transpose()?;
    let channel = caller.channel_called(&of.channel, of.team.as_deref()).await?.channel;
    if let Some(before) = before
        && caller.post(before).await?.channel != channel.id
    {
        return Err(Refusal::Hidden("post"));
    }
    let query = PageQuery { before, per_page: limit, ..PageQuery::default() };
    let page = caller.client.posts_page(channel.id, query).await;
    let page = page.map_err(|error| Refusal::of("channel", &error))?;
    let posts: Vec<_> = page.posts.into_iter().filter(|post| post.channel == channel.id).collect();
    Ok(Messages { messages: caller.shown(&posts, words::IN_A_LIST).await?, more: page.more })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// The message's id.
    post_id: String,
}

async fn read_post(caller: Arc<Caller>, one: One) -> Result<MessageShape, Refusal> {
    let post = caller.post(shapes::id(&one.post_id, "post_id")?).await?;
    let mut shown = caller.shown(&[post], words::ALONE).await?;
    shown.pop().ok_or(Refusal::Hidden("post"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Thread {
    /// The id of any message of it.
    post_id: String,
    /// Most messages, 1 to 100. The first is always among them.
    #[serde(default = "most")]
    limit: u16,
}

fn most() -> u16 {
    MOST
}

async fn get_thread_context(caller: Arc<Caller>, of: Thread) -> Result<Messages, Refusal> {
    let limit = usize::from(limited(of.limit)?);
    let post = caller.post(shapes::id(&of.post_id, "post_id")?).await?;
    let root = post.root.unwrap_or(post.id);
    // Everything there is until now.
    let asked = PostRef { post: post.id, channel: post.channel, create_at: i64::MAX - 1 };
    let part = caller.client.thread_before(root, asked, ENOUGH).await;
    let part = part.map_err(|error| Refusal::of("post", &error))?;
    let mut posts = part.posts;
    if !posts.iter().any(|other| other.id == post.id) {
        posts.push(post.clone());
        posts.sort_by_key(|post| (post.create_at, post.root.is_some(), post.id));
    }
    posts.retain(|other| other.channel == post.channel);
    let left_out = posts.len().saturating_sub(limit);
    if left_out > 0 {
        // The first says what it is about.
        posts.drain(1..=left_out);
    }
    let more = part.more || left_out > 0;
    Ok(Messages { messages: caller.shown(&posts, words::IN_A_LIST).await?, more })
}

impl Caller {
    /// Posts whose channels are judged already, as a caller gets to see them.
    pub(super) async fn shown(
        &self,
        posts: &[Post],
        limit: usize,
    ) -> Result<Vec<MessageShape>, Refusal> {
        let mut authors: Vec<MattermostId> = posts.iter().map(|post| post.user).collect();
        authors.sort_unstable();
        authors.dedup();
        let names: HashMap<_, _> = self
            .profiles(&authors)
            .await?
            .into_iter()
            .map(|profile| (profile.id, words::line(&profile.username)))
            .collect();
        let shown = posts.iter().filter(|post| post.delete_at == 0).map(|post| {
            let id = |id: MattermostId| id.as_str().to_owned();
            MessageShape {
                id: id(post.id),
                channel_id: id(post.channel),
                thread_id: id(post.root.unwrap_or(post.id)),
                author: names.get(&post.user).map_or("unknown".to_owned(), |n| format!("@{n}")),
                author_id: id(post.user),
                at: words::time(post.create_at),
                text: words::quote(&post.message, limit),
                files: post.files.len(),
            }
        });
        Ok(shown.collect())
    }
}
