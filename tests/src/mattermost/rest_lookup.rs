//! Looking things up: channels by name, members of a team, posts by their words.
//!
//! Trust: the caller finds what they may see; a search finds what is in channels they
//! are a member of.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query as UrlQuery, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::error::ApiError;
use super::model::Post;
use super::rest::{Answer, Caller, ok, paging, parse_body, path_id, text};
use super::rest_channels::team_member_json;
use super::server::App;
use super::state::State;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/teams/{team}/channels/name/{name}", get(channel_named))
        .route("/teams/{team}/posts/search", post(search))
}

/// As for one that does not exist if it is not the caller's to see.
async fn channel_named(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((team, name)): Path<(String, String)>,
) -> Answer {
    let team = path_id(&team, "team_id")?;
    app.read(|state| {
        let named = state.channels.values().find(|channel| {
            channel.team == Some(team) && channel.name == name && channel.delete_at == 0
        });
        match named.filter(|channel| state.check_visible(channel.id, caller.user).is_ok()) {
            Some(channel) => ok(&state.channel_json(channel)),
            None => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "app.channel.get_by_name.missing.app_error",
                "Channel does not exist.",
            )),
        }
    })
}

pub(super) async fn team_members(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(team): Path<String>,
    UrlQuery(url): UrlQuery<HashMap<String, String>>,
) -> Answer {
    let team = path_id(&team, "team_id")?;
    let (page, per_page) = paging(&url);
    app.read(|state| {
        if !caller.admin && !state.team_members.contains(&(team, caller.user)) {
            return Err(ApiError::permissions());
        }
        let mut all: Vec<_> = state
            .team_members
            .iter()
            .filter(|(of, _)| *of == team)
            .map(|(_, user)| *user)
            .collect();
        all.sort_unstable();
        let part = all.into_iter().skip(page * per_page).take(per_page);
        ok(&part.map(|user| team_member_json(team, user)).collect::<Value>())
    })
}

async fn search(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(team): Path<String>,
    body: Bytes,
) -> Answer {
    let team = path_id(&team, "team_id")?;
    let body = parse_body(&body, "search")?;
    let words: Vec<String> =
        text(&body, "terms").split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return Err(ApiError::body_param("terms"));
    }
    let any = body.get("is_or_search").and_then(Value::as_bool).unwrap_or_default();
    let number = |name: &str, usual: u64| {
        let number = body.get(name).and_then(Value::as_u64).unwrap_or(usual);
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let (page, per_page) = (number("page", 0), number("per_page", 60));
    app.read(|state| {
        if !state.team_members.contains(&(team, caller.user)) {
            return Err(ApiError::permissions());
        }
        let here = |post: &&Post| {
            let of_team = |team_of: Option<_>| team_of.is_none_or(|of| of == team);
            post.delete_at == 0
                && post.kind.is_empty()
                && state.is_member(post.channel_id, caller.user)
                && state.channel(post.channel_id).is_ok_and(|channel| of_team(channel.team))
        };
        let mut found: Vec<_> = state
            .posts
            .values()
            .filter(here)
            .filter(|post| fits(state, post, &words, any))
            .collect();
        found.sort_by_key(|post| std::cmp::Reverse((post.create_at, post.id)));
        let part: Vec<_> = found.into_iter().skip(page * per_page).take(per_page).collect();
        let posts: serde_json::Map<_, _> = part
            .iter()
            .map(|post| (post.id.to_string(), state.post_json(post, false, "")))
            .collect();
        ok(&json!({ "order": part.iter().map(|post| post.id).collect::<Vec<_>>(), "posts": posts,
            "matches": null }))
    })
}

/// The words of a post, and `from:name`; other words with a colon find nothing.
fn fits(state: &State, post: &Post, words: &[String], any: bool) -> bool {
    let message = post.message.to_lowercase();
    let in_post: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).collect();
    let mut fit = words.iter().map(|word| match word.split_once(':') {
        Some(("from", name)) => {
            state.user(post.user_id).is_ok_and(|user| user.username == name.trim_start_matches('@'))
        }
        Some(_) => false,
        None => in_post.contains(&word.as_str()),
    });
    if any { fit.any(|fit| fit) } else { fit.all(|fit| fit) }
}
