//! Looking for messages.

use std::collections::HashMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::caller::Caller;
use super::super::catalogue::{Class, Tool};
use super::super::refusal::Refusal;
use super::super::shapes::{self, Found, Page};
use super::super::words;
use crate::mattermost::Search;

pub(super) fn tools() -> Vec<Tool> {
    vec![Tool::new(
        ("search_messages", "Look for messages"),
        Class::Read,
        "Finds messages by their words, newest first, in every team or in one. Understands from:, in:, before:, after: and \"quoted phrases\" as Mattermost does. It sees the channels that the bot has joined, and of these only what the person you work for may see: what is not found may exist elsewhere.",
        search_messages,
    )]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Terms {
    /// What to look for.
    query: String,
    /// In this team alone, by name or id.
    #[serde(default)]
    team: Option<String>,
    /// Messages with any of the words, in place of all.
    #[serde(default)]
    any: bool,
    /// Which page, from 0.
    #[serde(default)]
    page: u32,
    /// Entries of a page, 1 to 100.
    #[serde(default = "shapes::usual")]
    per_page: u16,
}

async fn search_messages(caller: Arc<Caller>, terms: Terms) -> Result<Found, Refusal> {
    let query = terms.query.trim();
    if query.is_empty() || query.len() > 512 {
        return Err(Refusal::Arguments("query has 1 to 512 bytes".to_owned()));
    }
    let (page, per_page) = Page { page: terms.page, per_page: terms.per_page }.bounds()?;
    let teams = match &terms.team {
        Some(team) => vec![caller.team_called(team).await?],
        None => caller.teams().await?,
    };
    let (mut posts, mut more) = (HashMap::new(), false);
    for team in teams {
        let search = Search { terms: query, any: terms.any, page, per_page };
        let found = caller.client.search_posts(team.id, &search).await;
        let (found, further) = found.map_err(|error| Refusal::of("team", &error))?;
        more |= further;
        // Direct messages come with each team.
        posts.extend(found.into_iter().map(|post| (post.id, post)));
    }
    let mut seen = HashMap::new();
    let mut visible = Vec::new();
    for post in posts.into_values() {
        let sees = match seen.get(&post.channel) {
            Some(sees) => *sees,
            None => {
                let sees = caller.sees_channel(post.channel).await?;
                seen.insert(post.channel, sees);
                sees
            }
        };
        if sees && post.delete_at == 0 {
            visible.push(post);
        }
    }
    visible.sort_by_key(|post| (std::cmp::Reverse(post.create_at), post.id));
    let messages = caller.shown(&visible, words::IN_A_LIST).await?;
    // The server's word, not a count of what was left out: that would tell of it.
    Ok(Found { messages, next_page: more.then_some(page + 1) })
}
