//! `/users`, `/bots` and tokens.
//!
//! Trust: only an admin makes, activates or gives tokens to others.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use serde_json::{Value, json};

use super::accounts::NewPerson;
use super::error::ApiError;
use super::ids::Id;
use super::model::User;
use super::rest::{Answer, Caller, created, done, id_field, ok, paging, parse_body, path_id, text};
use super::server::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/users", post(create).get(list))
        .route("/users/login", post(login))
        .route("/users/ids", post(by_ids))
        .route("/users/usernames", post(by_usernames))
        .route("/users/username/{name}", get(by_username))
        .route("/users/search", post(search))
        .route("/users/tokens/revoke", post(revoke_token))
        .route("/users/{user}", get(one))
        .route("/users/{user}/active", put(set_active))
        .route("/users/{user}/status", get(status))
        .route("/users/{user}/tokens", post(add_token))
        .route("/bots", post(add_bot))
        .route("/bots/{user}/disable", post(disable_bot))
        .route("/bots/{user}/enable", post(enable_bot))
}

/// The first person becomes the admin; then admins make the others.
async fn create(Shared(app): Shared<App>, caller: Option<Caller>, body: Bytes) -> Answer {
    let body = parse_body(&body, "user")?;
    app.change(|state| {
        let first = !state.has_people();
        if !first && !caller.is_some_and(|caller| caller.admin) {
            return Err(ApiError::permissions());
        }
        let id = state.add_person(&NewPerson {
            username: text(&body, "username"),
            email: text(&body, "email"),
            password: text(&body, "password"),
            admin: first,
        })?;
        created(&state.user_json(state.user(id)?, true))
    })
}

async fn login(Shared(app): Shared<App>, body: Bytes) -> Answer {
    let body = parse_body(&body, "user")?;
    app.change(|state| {
        let (user, token) = state.login(text(&body, "login_id"), text(&body, "password"))?;
        let mut answer = ok(&state.user_json(state.user(user)?, true))?;
        if let Ok(token) = HeaderValue::from_str(&token) {
            answer.headers_mut().insert("token", token);
        }
        Ok(answer)
    })
}

async fn one(Shared(app): Shared<App>, caller: Caller, Path(user): Path<String>) -> Answer {
    let id = caller.user_in(&user)?;
    app.read(|state| ok(&state.user_json(state.user(id)?, id == caller.user)))
}

async fn by_username(Shared(app): Shared<App>, _: Caller, Path(name): Path<String>) -> Answer {
    app.read(|state| {
        let user = state.user_named(&name).ok_or_else(ApiError::missing_user)?;
        ok(&state.user_json(user, false))
    })
}

fn texts(body: &Bytes, name: &str) -> Result<Vec<String>, ApiError> {
    let all: Vec<String> = serde_json::from_slice(body).unwrap_or_default();
    if all.is_empty() { Err(ApiError::body_param(name)) } else { Ok(all) }
}

/// Whom it does not know it leaves out.
async fn by_ids(Shared(app): Shared<App>, _: Caller, body: Bytes) -> Answer {
    let ids = texts(&body, "user_ids")?;
    app.read(|state| {
        let known = ids.iter().filter_map(|id| state.users.get(&Id::parse(id)?));
        ok(&known.map(|user| state.user_json(user, false)).collect::<Value>())
    })
}

async fn by_usernames(Shared(app): Shared<App>, _: Caller, body: Bytes) -> Answer {
    let names = texts(&body, "usernames")?;
    app.read(|state| {
        let known = names.iter().filter_map(|name| state.user_named(&name.to_lowercase()));
        ok(&known.map(|user| state.user_json(user, false)).collect::<Value>())
    })
}

/// Those whose name begins with the term; deactivated ones only if asked for.
async fn search(Shared(app): Shared<App>, _: Caller, body: Bytes) -> Answer {
    let body = parse_body(&body, "search")?;
    let term = text(&body, "term").to_lowercase();
    if term.is_empty() {
        return Err(ApiError::body_param("term"));
    }
    let inactive = body.get("allow_inactive").and_then(Value::as_bool).unwrap_or_default();
    let most = body.get("limit").and_then(Value::as_u64).unwrap_or(100);
    app.read(|state| {
        let begins = |user: &&User| user.username.starts_with(&term);
        let mut users: Vec<&User> = state.users.values().filter(begins).collect();
        users.retain(|user| inactive || user.delete_at == 0);
        users.sort_by(|a, b| a.username.cmp(&b.username));
        users.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        ok(&users.iter().map(|user| state.user_json(user, false)).collect::<Value>())
    })
}

async fn list(
    Shared(app): Shared<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let (page, per_page) = paging(&query);
    let within = |name: &str| query.get(name).map(|id| path_id(id, name)).transpose();
    let (channel, team) = (within("in_channel")?, within("in_team")?);
    app.read(|state| {
        if let Some(channel) = channel {
            state.check_member(channel, caller.user)?;
        }
        let wanted = |user: &&User| {
            channel.is_none_or(|channel| state.is_member(channel, user.id))
                && team.is_none_or(|team| state.team_members.contains(&(team, user.id)))
        };
        let mut users: Vec<&User> = state.users.values().filter(wanted).collect();
        users.sort_by(|a, b| a.username.cmp(&b.username));
        let page = users.into_iter().skip(page.saturating_mul(per_page)).take(per_page);
        ok(&page.map(|user| state.user_json(user, false)).collect::<Value>())
    })
}

async fn set_active(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Answer {
    let id = caller.user_in(&user)?;
    caller.require_admin()?;
    let body = parse_body(&body, "active")?;
    let active = body.get("active").and_then(Value::as_bool);
    let active = active.ok_or_else(|| ApiError::body_param("active"))?;
    app.change(|state| state.set_active(id, active))?;
    done()
}

async fn status(Shared(app): Shared<App>, caller: Caller, Path(user): Path<String>) -> Answer {
    let id = caller.user_in(&user)?;
    app.read(|state| {
        let user = state.user(id)?;
        let online = state.hub.is_online(id);
        ok(&json!({
            "user_id": id, "status": if online { "online" } else { "offline" },
            "manual": false, "last_activity_at": user.update_at, "dnd_end_time": 0,
        }))
    })
}

async fn add_token(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Answer {
    let user = caller.user_in(&user)?;
    caller.require_admin()?;
    let body = parse_body(&body, "user_access_token")?;
    let (id, token) = app.change(|state| state.add_token(user))?;
    ok(&json!({
        "id": id, "token": token, "user_id": user,
        "description": text(&body, "description"), "is_active": true,
    }))
}

async fn revoke_token(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    caller.require_admin()?;
    let body = parse_body(&body, "token_id")?;
    let id = id_field(&body, "token_id")?;
    app.change(|state| state.revoke_token(id));
    done()
}

async fn add_bot(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    caller.require_admin()?;
    let body = parse_body(&body, "bot")?;
    app.change(|state| {
        let bot = state.add_bot(
            caller.user,
            text(&body, "username"),
            text(&body, "display_name"),
            text(&body, "description"),
        )?;
        created(&state.bot_json(state.user(bot)?))
    })
}

async fn disable_bot(app: Shared<App>, caller: Caller, user: Path<String>) -> Answer {
    switch_bot(&app, caller, &user, false)
}

async fn enable_bot(app: Shared<App>, caller: Caller, user: Path<String>) -> Answer {
    switch_bot(&app, caller, &user, true)
}

fn switch_bot(app: &App, caller: Caller, user: &str, active: bool) -> Answer {
    let id = path_id(user, "bot_user_id")?;
    let missing = || {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "store.sql_bot.get.missing.app_error",
            "Bot does not exist.",
        )
    };
    app.change(|state| {
        if !caller.admin || !state.user(id).is_ok_and(User::is_bot) {
            return Err(missing());
        }
        state.set_active(id, active)?;
        ok(&state.bot_json(state.user(id)?))
    })
    .map(IntoResponse::into_response)
}
