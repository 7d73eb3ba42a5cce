//! Tokens that stop being good, and what the open socket does then.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;

use super::socket::{Heard, inner};
use super::world::{World, text};

const EXPIRED: &str = "api.context.session_expired.app_error";

async fn no_token_and_a_bad_token_are_refused_alike(world: World) -> Result<()> {
    for token in ["", "zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let reply = world.rest.call(token, Method::GET, "/users/me", None).await?;
        reply.refused(401, EXPIRED)?;
    }
    Ok(())
}

async fn a_revoked_token_is_refused_but_its_socket_goes_on(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let body = json!({ "token_id": world.bot.token_id });
    world.post(&world.admin, "/users/tokens/revoke", body).await?.is(200)?;
    world.get(&world.bot, "/users/me").await?.refused(401, EXPIRED)?;
    world.say(&world.alice, "still there?").await?;
    socket.posted("still there?").await?;
    socket.send(9, "ping", json!({})).await?;
    let answer = socket.reply(9).await?;
    ensure!(answer["status"] == "FAIL", "only its actions tell: {answer}");
    Ok(())
}

async fn a_disabled_bots_socket_stays_open_but_silent(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let path = format!("/bots/{}/disable", world.bot.id);
    world.post(&world.admin, &path, json!({})).await?.is(200)?;
    world.get(&world.bot, "/users/me").await?.refused(401, EXPIRED)?;
    world.say(&world.alice, "while disabled").await?;
    let path = format!("/bots/{}/enable", world.bot.id);
    world.post(&world.admin, &path, json!({})).await?.is(200)?;
    world.get(&world.bot, "/users/me").await?.is(200)?;
    world.say(&world.alice, "after that").await?;
    let mut fresh = world.listen(&world.bot).await?;
    world.say(&world.alice, "after that").await?;
    fresh.posted("after that").await?;
    // The old socket never speaks again. In its first seconds the server even
    // closes it.
    if socket.send(9, "ping", json!({})).await.is_err() {
        return Ok(());
    }
    while let Heard::Message(message) = socket.next().await? {
        if message["seq_reply"] == 9 {
            ensure!(message["status"] == "FAIL", "{message}");
            return Ok(());
        }
        if let Ok(post) = inner(&message, "post") {
            let silent =
                !["while disabled", "after that"].contains(&text(&post, "message").as_str());
            ensure!(silent, "the socket was not silent: {post}");
        }
    }
    Ok(())
}

async fn the_scheme_word_of_the_header_may_be_in_any_case(world: World) -> Result<()> {
    for scheme in ["bearer", "BEARER", "token"] {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/api/v4/users/me", world.rest.base);
        let header = format!("{scheme} {}", world.bot.token);
        let reply = client.get(url).header("Authorization", header).send().await?;
        ensure!(reply.status() == 200, "{scheme}: {}", reply.status());
    }
    Ok(())
}

mod tests {
    crate::case::cases![
        no_token_and_a_bad_token_are_refused_alike,
        a_revoked_token_is_refused_but_its_socket_goes_on,
        a_disabled_bots_socket_stays_open_but_silent,
        the_scheme_word_of_the_header_may_be_in_any_case,
    ];
}
