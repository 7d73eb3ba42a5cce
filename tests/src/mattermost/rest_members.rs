//! Who is in a channel, and what they have read there.
//!
//! Trust: a member adds and removes others; anybody in the team joins a public
//! channel themselves.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::members::missing_member;
use super::model::ChannelKind;
use super::rest::{Answer, Caller, created, done, id_field, ok, paging, parse_body, path_id};
use super::rest_channels::{channels_of, own};
use super::server::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/users/{user}/teams/{team}/channels/members", get(memberships))
        .route("/channels/members/{user}/view", post(view))
        .route("/channels/{channel}/members", get(members).post(join))
        .route("/channels/{channel}/members/{user}", get(member).delete(leave))
}

async fn memberships(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((user, team)): Path<(String, String)>,
) -> Answer {
    let user = own(caller, &user)?;
    let team = path_id(&team, "team_id")?;
    app.read(|state| {
        let channels = channels_of(state, user, Some(team)).into_iter();
        let rows = channels.filter_map(|channel| {
            let member = state.members.get(&(channel.id, user))?;
            Some(state.member_json(channel.id, user, member))
        });
        ok(&rows.collect::<Value>())
    })
}

async fn view(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Answer {
    let user = own(caller, &user)?;
    let body = parse_body(&body, "channel_view")?;
    let channel = id_field(&body, "channel_id")?;
    app.change(|state| {
        state.check_member(channel, user)?;
        state.mark_viewed(channel, user);
        let last = state.channel(channel)?.last_post_at;
        ok(&json!({ "status": "OK", "last_viewed_at_times": { channel.as_str(): last } }))
    })
}

async fn members(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(channel): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let (page, per_page) = paging(&query);
    app.read(|state| {
        state.check_visible(id, caller.user)?;
        let rows = state.members_of(id).skip(page.saturating_mul(per_page)).take(per_page);
        ok(&rows.map(|(user, member)| state.member_json(id, user, member)).collect::<Value>())
    })
}

async fn member(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((channel, user)): Path<(String, String)>,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let user = caller.user_in(&user)?;
    app.read(|state| {
        state.check_visible(id, caller.user)?;
        let member = state.members.get(&(id, user)).ok_or_else(missing_member)?;
        ok(&state.member_json(id, user, member))
    })
}

/// Anybody may join a public channel; otherwise a member adds others.
async fn join(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(channel): Path<String>,
    body: Bytes,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let user = id_field(&parse_body(&body, "channel_member")?, "user_id")?;
    app.change(|state| {
        let open = state.channel(id)?.kind == ChannelKind::Open;
        if !(open && user == caller.user) {
            state.check_member(id, caller.user)?;
        }
        state.join_channel(id, user, caller.user)?;
        let member = state.members.get(&(id, user)).ok_or_else(missing_member)?;
        created(&state.member_json(id, user, member))
    })
}

async fn leave(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((channel, user)): Path<(String, String)>,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let user = caller.user_in(&user)?;
    app.change(|state| {
        state.check_member(id, caller.user)?;
        state.leave_channel(id, user, caller.user)
    })?;
    done()
}
