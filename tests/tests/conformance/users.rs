//! Accounts: what is shown of them, and what is refused.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;

use super::world::{World, text};

async fn a_bot_is_marked_as_one_to_itself_and_to_others(world: World) -> Result<()> {
    let me = world.get(&world.bot, "/users/me").await?.is(200)?;
    ensure!(me["id"] == world.bot.id && me["is_bot"] == true, "{me}");
    ensure!(me["notify_props"].is_object(), "own record lacks notify_props: {me}");
    let path = format!("/users/{}", world.bot.id);
    let seen = world.get(&world.alice, &path).await?.is(200)?;
    ensure!(seen["is_bot"] == true && seen.get("notify_props").is_none(), "{seen}");
    let person = world.get(&world.bot, &format!("/users/{}", world.alice.id)).await?.is(200)?;
    ensure!(person["is_bot"] != true && person["delete_at"] == 0, "{person}");
    Ok(())
}

async fn unknown_users_are_refused_singly_and_left_out_of_lists(world: World) -> Result<()> {
    let nobody = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
    let reply = world.get(&world.bot, &format!("/users/{nobody}")).await?;
    reply.refused(404, "app.user.missing_account.const")?;
    let ids = json!([world.alice.id, nobody]);
    let known = world.post(&world.bot, "/users/ids", ids).await?.is(200)?;
    ensure!(known.as_array().is_some_and(|all| all.len() == 1), "{known}");
    let names = json!([world.alice.name, "nosuchuser"]);
    let known = world.post(&world.bot, "/users/usernames", names).await?.is(200)?;
    ensure!(known[0]["id"] == world.alice.id && known[1].is_null(), "{known}");
    let none = world.post(&world.bot, "/users/ids", json!([])).await?;
    none.refused(400, "api.context.invalid_body_param.app_error")
}

async fn a_deactivated_user_is_shown_with_the_time_and_can_be_written_to(
    world: World,
) -> Result<()> {
    let path = format!("/users/{}/active", world.alice.id);
    world.put(&world.admin, &path, json!({ "active": false })).await?.is(200)?;
    let seen = world.get(&world.bot, &format!("/users/{}", world.alice.id)).await?.is(200)?;
    ensure!(seen["delete_at"].as_i64() > Some(0), "{seen}");
    let mine = world.get(&world.alice, "/users/me").await?;
    mine.refused(401, "api.context.session_expired.app_error")?;
    let dm = world.direct(&world.bot, &world.alice).await?;
    let body = json!({ "channel_id": dm, "message": "are you there?" });
    world.post(&world.bot, "/posts", body).await?.is(201).map(|_| ())
}

async fn refusals_have_an_id_and_a_request_id(world: World) -> Result<()> {
    let reply = world.get(&world.bot, "/users/tooshort").await?;
    ensure!(reply.header("content-type").starts_with("application/json"), "content type");
    let header = reply.header("x-request-id");
    let body = reply.is(400)?;
    ensure!(body["id"] == "api.context.invalid_url_param.app_error", "{body}");
    ensure!(body["status_code"] == 400 && !header.is_empty(), "{body}");
    ensure!(text(&body, "request_id") == header, "{body} differs from the header {header}");
    Ok(())
}

async fn an_unknown_route_is_plain_text_without_request_id(world: World) -> Result<()> {
    for path in ["/no/such/route", "/users/not-an-id"] {
        let reply = world.get(&world.bot, path).await?;
        ensure!(reply.header("content-type").starts_with("text/plain"), "content type");
        let body = reply.is(404)?;
        ensure!(body["id"] == "api.context.404.app_error", "{body}");
        ensure!(body.get("request_id").is_none(), "{body}");
    }
    Ok(())
}

async fn a_body_that_is_not_json_is_refused(world: World) -> Result<()> {
    let bad = Some("{not json".to_owned());
    let reply = world.rest.raw(&world.bot.token, Method::POST, "/posts", bad).await?;
    reply.refused(400, "api.context.invalid_body_param.app_error")
}

async fn a_wrong_password_is_refused(world: World) -> Result<()> {
    let body = json!({ "login_id": world.alice.name, "password": "wrong" });
    let reply = world.rest.call("", Method::POST, "/users/login", Some(body)).await?;
    ensure!(reply.status == 401, "{}", reply.status);
    Ok(())
}

async fn a_bot_may_not_manage_tokens_or_bots(world: World) -> Result<()> {
    let path = format!("/users/{}/tokens", world.bot.id);
    let reply = world.post(&world.bot, &path, json!({ "description": "x" })).await?;
    reply.refused(403, "api.context.permissions.app_error")?;
    let body = json!({ "username": super::world::unique("bot"), "display_name": "x" });
    let reply = world.post(&world.bot, "/bots", body).await?;
    reply.refused(403, "api.context.permissions.app_error")
}

mod tests {
    crate::case::cases![
        a_bot_is_marked_as_one_to_itself_and_to_others,
        unknown_users_are_refused_singly_and_left_out_of_lists,
        a_deactivated_user_is_shown_with_the_time_and_can_be_written_to,
        refusals_have_an_id_and_a_request_id,
        an_unknown_route_is_plain_text_without_request_id,
        a_body_that_is_not_json_is_refused,
        a_wrong_password_is_refused,
        a_bot_may_not_manage_tokens_or_bots,
    ];
}
