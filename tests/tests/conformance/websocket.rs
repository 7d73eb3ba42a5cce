//! The WebSocket: who is let in, what comes and in which order.

use anyhow::{Result, ensure};
use serde_json::json;

use super::socket::{Heard, Socket};
use super::world::World;

async fn a_hello_comes_first_and_events_are_counted(world: World) -> Result<()> {
    let (mut socket, hello) = Socket::open(&world.rest.base, &world.bot.token).await?;
    ensure!(hello["seq"] == 0 && hello["data"]["connection_id"].is_string(), "{hello}");
    ensure!(hello["broadcast"]["user_id"] == world.bot.id, "{hello}");
    world.say(&world.alice, "one").await?;
    world.say(&world.alice, "two").await?;
    let (mut last, mut seen) = (0, 0);
    while seen < 2 {
        let Heard::Message(event) = socket.next().await? else { anyhow::bail!("closed") };
        let seq = event["seq"].as_i64().unwrap_or(-1);
        ensure!(seq == last + 1, "a gap after {last}: {event}");
        last = seq;
        seen += i32::from(event["event"] == "posted");
    }
    Ok(())
}

async fn a_posted_event_says_where_and_by_whom(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let body = json!({ "channel_id": world.channel, "message": "look", "pending_post_id": "pp" });
    let post = world.post(&world.alice, "/posts", body).await?.is(201)?;
    let (event, told) = socket.posted("look").await?;
    let data = &event["data"];
    ensure!(data["channel_type"] == "O" && data["team_id"] == world.team, "{event}");
    ensure!(data["sender_name"] == format!("@{}", world.alice.name), "{event}");
    ensure!(event["broadcast"]["channel_id"] == world.channel, "{event}");
    ensure!(told["id"] == post["id"] && told["pending_post_id"] == "pp", "{told}");
    Ok(())
}

async fn a_token_can_be_sent_after_connecting(world: World) -> Result<()> {
    let mut socket = Socket::connect(&world.rest.base, None, "").await?;
    socket.send(1, "authentication_challenge", json!({ "token": world.bot.token })).await?;
    let Heard::Message(hello) = socket.next().await? else { anyhow::bail!("closed") };
    ensure!(hello["event"] == "hello", "{hello}");
    ensure!(socket.reply(1).await?["status"] == "OK", "no OK");
    world.say(&world.alice, "for the challenger").await?;
    socket.posted("for the challenger").await.map(|_| ())
}

async fn a_bad_token_is_let_in_and_dropped_without_a_word(world: World) -> Result<()> {
    let bad = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
    let mut in_header = Socket::connect(&world.rest.base, Some(bad), "").await?;
    let mut challenger = Socket::connect(&world.rest.base, None, "").await?;
    challenger.send(1, "authentication_challenge", json!({ "token": bad })).await?;
    let (first, second) = tokio::join!(in_header.next(), challenger.next());
    ensure!(matches!(first?, Heard::Closed), "it said something to the header's");
    ensure!(matches!(second?, Heard::Closed), "it said something to the challenger");
    Ok(())
}

async fn a_page_of_another_origin_is_refused(world: World) -> Result<()> {
    let base = &world.rest.base;
    let foreign = Some("http://attacker.example");
    let refused = Socket::connect_from(base, Some(&world.bot.token), "", foreign).await;
    ensure!(refused.is_err(), "a foreign origin was let in");
    Ok(())
}

async fn actions_are_answered_by_number(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    socket.send(2, "ping", json!({})).await?;
    let pong = socket.reply(2).await?;
    ensure!(pong["status"] == "OK" && pong["data"]["text"] == "pong", "{pong}");
    ensure!(pong.get("seq").is_none(), "{pong}");
    socket.send(3, "no_such_action", json!({})).await?;
    let answer = socket.reply(3).await?;
    ensure!(answer["status"] == "FAIL", "{answer}");
    ensure!(answer["error"]["id"] == "api.web_socket_router.bad_action.app_error", "{answer}");
    Ok(())
}

async fn what_is_not_json_or_too_long_ends_the_socket(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    socket.send_text("{not json").await?;
    socket.closed().await?;
    let mut socket = world.listen(&world.bot).await?;
    socket.send(1, "ping", json!({ "padding": "x".repeat(9_000) })).await?;
    socket.closed().await
}

async fn all_sockets_of_a_user_hear_what_their_channels_say(world: World) -> Result<()> {
    let mut sockets = [world.listen(&world.bot).await?, world.listen(&world.bot).await?];
    let mut outside = world.listen(&world.bob).await?;
    world.say(&world.bot, "my own words").await?;
    for socket in &mut sockets {
        socket.posted("my own words").await?;
    }
    let dm = world.direct(&world.alice, &world.bob).await?;
    let body = json!({ "channel_id": dm, "message": "to bob" });
    world.post(&world.alice, "/posts", body).await?.is(201)?;
    let event = outside.event("posted").await?;
    ensure!(super::socket::inner(&event, "post")?["message"] == "to bob", "{event}");
    Ok(())
}

async fn a_new_member_hears_at_once(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bob).await?;
    world.join(&world.channel, &world.bob.id).await?;
    let added = socket.event("user_added").await?;
    ensure!(added["data"]["user_id"] == world.bob.id, "{added}");
    world.say(&world.alice, "welcome").await?;
    socket.posted("welcome").await.map(|_| ())
}

mod tests {
    crate::case::cases![
        a_hello_comes_first_and_events_are_counted,
        a_posted_event_says_where_and_by_whom,
        a_token_can_be_sent_after_connecting,
        a_bad_token_is_let_in_and_dropped_without_a_word,
        a_page_of_another_origin_is_refused,
        actions_are_answered_by_number,
        what_is_not_json_or_too_long_ends_the_socket,
        all_sockets_of_a_user_hear_what_their_channels_say,
        a_new_member_hears_at_once,
    ];
}
