//! `/teams` and `/channels`.
//!
//! Trust: the caller sees and changes only what they are a member of, except
//! that the team may look at its public channels.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use serde_json::{Value, json};

use super::channels::NewChannel;
use super::error::ApiError;
use super::ids::Id;
use super::model::{Channel, ChannelKind};
use super::rest::{Answer, Caller, created, done, id_field, ok, parse_body, path_id, tagged, text};
use super::rest_lookup;
use super::server::App;
use super::state::State;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/teams", post(add_team))
        .route("/teams/{team}/members", post(join_team).get(rest_lookup::team_members))
        .route("/teams/{team}/members/{user}", get(team_member))
        .route("/users/{user}/teams", get(teams))
        .route("/users/{user}/teams/{team}/channels", get(team_channels))
        .route("/users/{user}/channels", get(all_channels))
        .route("/channels", post(add_channel))
        .route("/channels/direct", post(direct))
        .route("/channels/group", post(group))
        .route("/channels/{channel}", get(one).delete(archive))
        .route("/channels/{channel}/patch", put(patch))
        .route("/channels/{channel}/stats", get(stats))
}

async fn add_team(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let body = parse_body(&body, "team")?;
    app.change(|state| {
        let id = state.add_team(caller.user, text(&body, "name"), text(&body, "display_name"))?;
        created(&state.teams.get(&id).map(|team| state.team_json(team)).unwrap_or_default())
    })
}

async fn join_team(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(team): Path<String>,
    body: Bytes,
) -> Answer {
    let team = path_id(&team, "team_id")?;
    let body = parse_body(&body, "team_member")?;
    let user = id_field(&body, "user_id")?;
    app.change(|state| {
        if !caller.admin && !state.team_members.contains(&(team, caller.user)) {
            return Err(ApiError::permissions());
        }
        state.join_team(team, user, caller.user)?;
        created(&team_member_json(team, user))
    })
}

/// For those who are in the team themselves.
async fn team_member(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((team, user)): Path<(String, String)>,
) -> Answer {
    let team = path_id(&team, "team_id")?;
    let user = caller.user_in(&user)?;
    app.read(|state| {
        if !caller.admin && !state.team_members.contains(&(team, caller.user)) {
            return Err(ApiError::permissions());
        }
        if !state.team_members.contains(&(team, user)) {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "app.team.get_member.missing.app_error",
                "No team member found for that user ID and team ID.",
            ));
        }
        ok(&team_member_json(team, user))
    })
}

pub(super) fn team_member_json(team: Id, user: Id) -> Value {
    json!({
        "team_id": team, "user_id": user, "roles": "team_user", "delete_at": 0,
        "scheme_guest": false, "scheme_user": true, "scheme_admin": false,
        "explicit_roles": "",
    })
}

/// The list of a user's own things; those of others are an admin's to see.
pub(super) fn own(caller: Caller, user: &str) -> Result<Id, ApiError> {
    let id = caller.user_in(user)?;
    if id == caller.user || caller.admin { Ok(id) } else { Err(ApiError::permissions()) }
}

async fn teams(Shared(app): Shared<App>, caller: Caller, Path(user): Path<String>) -> Answer {
    let user = own(caller, &user)?;
    app.read(|state| {
        let teams =
            state.teams.values().filter(|team| state.team_members.contains(&(team.id, user)));
        ok(&teams.map(|team| state.team_json(team)).collect::<Value>())
    })
}

/// The user's channels of one team, or of all, with direct and group ones.
pub(super) fn channels_of(state: &State, user: Id, team: Option<Id>) -> Vec<&Channel> {
    let wanted = |channel: &&Channel| {
        let here = team.is_none() || channel.team.is_none() || channel.team == team;
        here && channel.delete_at == 0 && state.is_member(channel.id, user)
    };
    let mut channels: Vec<&Channel> = state.channels.values().filter(wanted).collect();
    channels.sort_by(|a, b| a.display_name.cmp(&b.display_name));
    channels
}

async fn team_channels(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((user, team)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let user = own(caller, &user)?;
    let team = path_id(&team, "team_id")?;
    app.read(|state| {
        if !state.team_members.contains(&(team, user)) {
            return Err(ApiError::permissions());
        }
        list_channels(state, &channels_of(state, user, Some(team)), &headers)
    })
}

/// Since 6.1; before that the route is one nobody knows.
async fn all_channels(
    Shared(app): Shared<App>,
    caller: Option<Caller>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Answer {
    if !app.read(|state| state.version.lists_all_channels()) {
        return Err(ApiError::no_route());
    }
    let caller = caller.ok_or_else(ApiError::session_expired)?;
    let user = own(caller, &user)?;
    app.read(|state| list_channels(state, &channels_of(state, user, None), &headers))
}

/// The tag is the newest time of all of them, so a post that is stored late
/// with an older time does not change it.
fn list_channels(state: &State, channels: &[&Channel], headers: &HeaderMap) -> Answer {
    let newest = channels.iter().map(|c| (c.last_post_at.max(c.update_at), c.id)).max();
    let (time, id) = newest.map_or((0, "0".to_owned()), |(time, id)| (time, id.to_string()));
    let etag = format!("{}.{id}.{time}.0.{}", state.version.number(), channels.len());
    tagged(headers, &etag, || channels.iter().map(|c| state.channel_json(c)).collect())
}

async fn add_channel(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let body = parse_body(&body, "channel")?;
    let kind = match text(&body, "type") {
        "O" => ChannelKind::Open,
        "P" => ChannelKind::Private,
        _ => return Err(ApiError::body_param("type")),
    };
    let team = id_field(&body, "team_id")?;
    app.change(|state| {
        let id = state.add_channel(
            caller.user,
            &NewChannel {
                team,
                kind,
                name: text(&body, "name"),
                display_name: text(&body, "display_name"),
            },
        )?;
        created(&state.channel_json(state.channel(id)?))
    })
}

fn ids(body: &Bytes) -> Result<Vec<Id>, ApiError> {
    let texts: Vec<String> = serde_json::from_slice(body).unwrap_or_default();
    texts.iter().map(|id| Id::parse(id).ok_or_else(|| ApiError::body_param("user_ids"))).collect()
}

async fn direct(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let users = ids(&body)?;
    let [first, second] = users[..] else { return Err(ApiError::body_param("user_ids")) };
    if !users.contains(&caller.user) && !caller.admin {
        return Err(ApiError::permissions());
    }
    app.change(|state| {
        let (creator, other) =
            if second == caller.user { (second, first) } else { (first, second) };
        let id = state.direct_channel(creator, other)?;
        created(&state.channel_json(state.channel(id)?))
    })
}

async fn group(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let users = ids(&body)?;
    app.change(|state| {
        let id = state.group_channel(caller.user, &users)?;
        created(&state.channel_json(state.channel(id)?))
    })
}

async fn one(Shared(app): Shared<App>, caller: Caller, Path(channel): Path<String>) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    app.read(|state| {
        state.check_visible(id, caller.user)?;
        let mut channel = state.channel(id)?.clone();
        if state.version.caches_channels() {
            channel.last_post_at = channel.cached_last_post_at;
        }
        ok(&state.channel_json(&channel))
    })
}

async fn archive(Shared(app): Shared<App>, caller: Caller, Path(channel): Path<String>) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    app.change(|state| state.archive_channel(id, caller.user))?;
    done()
}

async fn patch(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(channel): Path<String>,
    body: Bytes,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let body = parse_body(&body, "channel")?;
    let fields = body.as_object().ok_or_else(|| ApiError::body_param("channel"))?;
    app.change(|state| {
        state.patch_channel(id, caller.user, fields)?;
        ok(&state.channel_json(state.channel(id)?))
    })
}

async fn stats(Shared(app): Shared<App>, caller: Caller, Path(channel): Path<String>) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    app.read(|state| {
        state.check_visible(id, caller.user)?;
        let pinned = state
            .posts
            .values()
            .filter(|post| post.channel_id == id && post.is_pinned && post.delete_at == 0);
        ok(&json!({ "channel_id": id, "member_count": state.members_of(id).count(),
            "guest_count": 0, "pinnedpost_count": pinned.count() }))
    })
}
