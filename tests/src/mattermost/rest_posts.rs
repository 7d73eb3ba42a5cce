//! `/posts`, reactions, typing and incoming webhooks.
//!
//! Trust: the author of a new post is the caller, whatever the body says.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query as UrlQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};
use serde_json::{Value, json};

use super::error::ApiError;
use super::events::Event;
use super::ids::Id;
use super::late;
use super::model::{Broadcast, Hook};
use super::posting::{Drafted, Wish};
use super::posts::Patch;
use super::query::{Part, Query, ThreadPage};
use super::rest::{
    Answer, Caller, created, done, id_field, ok, paging, parse_body, path_id, tagged, text,
};
use super::server::App;
use super::state::State;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/channels/{channel}/posts", get(list))
        .route("/posts", post(create))
        .route("/posts/{post}", get(one).put(put_post).delete(remove))
        .route("/posts/{post}/patch", put(patch))
        .route("/posts/{post}/thread", get(thread))
        .route("/posts/{post}/pin", post(pin))
        .route("/posts/{post}/unpin", post(unpin))
        .route("/posts/{post}/reactions", get(reactions))
        .route("/reactions", post(react))
        .route("/users/{user}/posts/{post}/reactions/{emoji}", delete(unreact))
        .route("/users/{user}/typing", post(typing))
        .route("/hooks/incoming", post(add_hook))
}

/// Incoming webhooks live outside of the API and need no token.
pub(super) fn hook_route() -> Router<App> {
    Router::new().route("/hooks/{hook}", post(call_hook))
}

fn query_of(url: &HashMap<String, String>) -> Result<Query, ApiError> {
    let (page, per_page) = paging(url);
    let given = |name: &str| url.get(name).filter(|value| !value.is_empty());
    let flag = |name: &str| url.get(name).is_some_and(|value| value == "true");
    let since = match given("since") {
        Some(since) => since.parse().map_err(|_| ApiError::body_param("since"))?,
        None => 0,
    };
    let anchor = |name: &str| given(name).map(|id| Id::parse(id));
    let part = match (since, anchor("after"), anchor("before")) {
        (1.., _, _) => Part::Since(since),
        (_, Some(after), _) => Part::After(after),
        (_, None, Some(before)) => Part::Before(before),
        (_, None, None) => Part::Newest,
    };
    let (skip_threads, roots_only) = (flag("skipFetchThreads"), flag("collapsedThreads"));
    Ok(Query { part, page, per_page, skip_threads, roots_only })
}

async fn list(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(channel): Path<String>,
    UrlQuery(url): UrlQuery<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let id = path_id(&channel, "channel_id")?;
    let query = query_of(&url)?;
    app.read(|state| {
        if state.version.public_posts_readable() {
            state.check_visible(id, caller.user)?;
        } else {
            state.check_member(id, caller.user)?;
        }
        if matches!(query.part, Part::Since(_)) {
            return ok(&state.list_posts(id, &query));
        }
        tagged(&headers, &state.posts_etag(id), || state.list_posts(id, &query))
    })
}

fn wish_of(body: &Value) -> Result<Wish, ApiError> {
    let file_ids = body.get("file_ids").and_then(Value::as_array);
    let root = match body.get("root_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(root)) => Some(root.clone()),
        Some(_) => return Err(ApiError::body_param("post")),
    };
    Ok(Wish {
        channel: Id::parse(text(body, "channel_id")),
        root,
        message: text(body, "message").to_owned(),
        kind: text(body, "type").to_owned(),
        props: body.get("props").and_then(Value::as_object).cloned().unwrap_or_default(),
        file_ids: file_ids.into_iter().flatten().filter_map(|id| Id::parse(id.as_str()?)).collect(),
        pending: text(body, "pending_post_id").to_owned(),
        create_at: body.get("create_at").and_then(Value::as_i64).unwrap_or_default(),
    })
}

async fn create(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let wish = wish_of(&parse_body(&body, "post")?)?;
    let drafted = app.change(|state| state.draft(caller.user, wish))?;
    let shown = |state: &State, id, pending: &str| {
        created(&state.post_json(state.post(id)?, true, pending))
    };
    match drafted {
        Drafted::Again(id) => app.read(|state| shown(state, id, "")),
        Drafted::New(draft) => {
            let pending = draft.pending.clone();
            let id = late::commit(&app, *draft).await?;
            app.read(|state| shown(state, id, &pending))
        }
    }
}

async fn one(Shared(app): Shared<App>, caller: Caller, Path(post): Path<String>) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.read(|state| {
        let post = state.post(id)?;
        state.check_visible(post.channel_id, caller.user)?;
        ok(&state.post_json(post, false, ""))
    })
}

async fn thread(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(post): Path<String>,
    UrlQuery(url): UrlQuery<HashMap<String, String>>,
) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.read(|state| {
        state.check_visible(state.post(id)?.channel_id, caller.user)?;
        let page =
            if state.version.pages_threads() { thread_page(&url)? } else { ThreadPage::default() };
        ok(&state.thread(id, &page)?)
    })
}

fn thread_page(url: &HashMap<String, String>) -> Result<ThreadPage, ApiError> {
    let number = |name: &str| match url.get(name).filter(|text| !text.is_empty()) {
        None => Ok(0),
        Some(text) => text.parse::<i64>().map_err(|_| ApiError::body_param(name)),
    };
    let per_page = usize::try_from(number("perPage")?).unwrap_or(0);
    let from = number("fromCreateAt")?;
    let from_post = url.get("fromPost").filter(|post| !post.is_empty());
    if per_page > 200 {
        return Err(ApiError::body_param("perPage"));
    }
    if from_post.is_some() && from == 0 {
        return Err(ApiError::body_param("fromPost"));
    }
    let upward = match url.get("direction").map_or("", String::as_str) {
        "" | "down" => false,
        "up" => true,
        _ => return Err(ApiError::body_param("direction")),
    };
    Ok(ThreadPage { per_page, from, from_post: from_post.cloned(), upward })
}

async fn patch(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(post): Path<String>,
    body: Bytes,
) -> Answer {
    let id = path_id(&post, "post_id")?;
    let body = parse_body(&body, "post")?;
    let patch = Patch {
        message: body.get("message").and_then(Value::as_str).map(str::to_owned),
        props: body.get("props").and_then(Value::as_object).cloned(),
        is_pinned: body.get("is_pinned").and_then(Value::as_bool),
    };
    app.change(|state| {
        state.patch_post(id, caller.user, patch)?;
        ok(&state.post_json(state.post(id)?, true, ""))
    })
}

async fn put_post(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(post): Path<String>,
    body: Bytes,
) -> Answer {
    let id = path_id(&post, "post_id")?;
    let body = parse_body(&body, "post")?;
    if text(&body, "id") != id.as_str() {
        return Err(ApiError::body_param("id"));
    }
    app.change(|state| {
        state.put_post(id, caller.user, &body)?;
        ok(&state.post_json(state.post(id)?, true, ""))
    })
}

async fn remove(Shared(app): Shared<App>, caller: Caller, Path(post): Path<String>) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.change(|state| state.delete_post(id, caller.user))?;
    done()
}

async fn pin(Shared(app): Shared<App>, caller: Caller, Path(post): Path<String>) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.change(|state| state.pin_post(id, caller.user, true))?;
    done()
}

async fn unpin(Shared(app): Shared<App>, caller: Caller, Path(post): Path<String>) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.change(|state| state.pin_post(id, caller.user, false))?;
    done()
}

async fn reactions(Shared(app): Shared<App>, caller: Caller, Path(post): Path<String>) -> Answer {
    let id = path_id(&post, "post_id")?;
    app.read(|state| {
        let post = state.post(id).map_err(|_| ApiError::permissions())?;
        state.check_visible(post.channel_id, caller.user)?;
        ok(&state.reactions_json(id))
    })
}

async fn react(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    let body = parse_body(&body, "reaction")?;
    let (user, post) = (id_field(&body, "user_id")?, id_field(&body, "post_id")?);
    if user != caller.user {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "api.reaction.save_reaction.user_id.app_error",
            "You cannot save reaction for the other user.",
        ));
    }
    ok(&app.change(|state| state.react(post, user, text(&body, "emoji_name")))?)
}

async fn unreact(
    Shared(app): Shared<App>,
    caller: Caller,
    Path((user, post, emoji)): Path<(String, String, String)>,
) -> Answer {
    let user = caller.user_in(&user)?;
    let post = path_id(&post, "post_id")?;
    if user != caller.user && !caller.admin {
        return Err(ApiError::permissions());
    }
    app.change(|state| state.unreact(post, user, &emoji))?;
    done()
}

async fn typing(
    Shared(app): Shared<App>,
    caller: Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Answer {
    let user = caller.user_in(&user)?;
    let body = parse_body(&body, "typing_request")?;
    let channel = id_field(&body, "channel_id")?;
    if user != caller.user {
        return Err(ApiError::permissions());
    }
    app.change(|state| publish_typing(state, user, channel, text(&body, "parent_id")))?;
    done()
}

/// Tells the others in the channel that `user` is writing.
pub(super) fn publish_typing(
    state: &mut State,
    user: Id,
    channel: Id,
    parent: &str,
) -> Result<(), ApiError> {
    state.check_member(channel, user)?;
    let to =
        Broadcast { omit_users: [user].into(), channel: Some(channel), ..Broadcast::default() };
    state.publish(&Event::new("typing", json!({ "parent_id": parent, "user_id": user }), to));
    Ok(())
}

async fn add_hook(Shared(app): Shared<App>, caller: Caller, body: Bytes) -> Answer {
    caller.require_admin()?;
    let body = parse_body(&body, "incoming_webhook")?;
    let channel = id_field(&body, "channel_id")?;
    app.change(|state| {
        state.check_room()?;
        state.channel(channel)?;
        let hook = Hook {
            id: Id::random(),
            user: caller.user,
            channel,
            display_name: text(&body, "display_name").to_owned(),
            create_at: state.now(),
        };
        let json = state.hook_json(&hook);
        state.hooks.insert(hook.id, hook);
        created(&json)
    })
}

async fn call_hook(Shared(app): Shared<App>, Path(hook): Path<String>, body: Bytes) -> Answer {
    let id = path_id(&hook, "hook_id")?;
    let body = parse_body(&body, "payload")?;
    let username = body.get("username").and_then(Value::as_str);
    app.change(|state| state.post_hook(id, text(&body, "text"), username))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/plain")], "ok").into_response())
}
