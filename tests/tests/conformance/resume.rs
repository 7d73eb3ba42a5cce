//! Reliable WebSockets: coming back for what was missed.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::socket::{Heard, Socket, inner};
use super::until::until;
use super::world::{World, text};

/// Opens a socket, sees one post there, and lets the line drop.
async fn seen_one(world: &World) -> Result<(String, i64)> {
    let (mut socket, hello) = Socket::open(&world.rest.base, &world.bot.token).await?;
    world.say(&world.alice, "seen").await?;
    let (event, _) = socket.posted("seen").await?;
    let seq = event["seq"].as_i64().unwrap_or_default();
    drop(socket);
    // Until the server knows that the line is gone there is nothing to resume.
    let path = format!("/users/{}/status", world.bot.id);
    until("the bot offline", async || {
        let status = world.get(&world.alice, &path).await?.is(200)?;
        Ok((status["status"] == "offline").then_some(()))
    })
    .await?;
    Ok((text(&hello["data"], "connection_id"), seq))
}

async fn back(world: &World, connection: &str, sequence: i64) -> Result<Socket> {
    let query = format!("?connection_id={connection}&sequence_number={sequence}");
    Socket::connect(&world.rest.base, Some(&world.bot.token), &query).await
}

async fn next(socket: &mut Socket) -> Result<Value> {
    match socket.next().await? {
        Heard::Message(message) => Ok(message),
        Heard::Closed => bail!("closed"),
    }
}

async fn missed_events_come_again_with_their_numbers(world: World) -> Result<()> {
    let (connection, seq) = seen_one(&world).await?;
    world.say(&world.alice, "missed").await?;
    let mut socket = back(&world, &connection, seq + 1).await?;
    let mut expected = seq + 1;
    loop {
        let event = next(&mut socket).await?;
        ensure!(event["event"] != "hello", "a hello instead of what was missed");
        ensure!(event["seq"] == expected, "{event} is not number {expected}");
        expected += 1;
        if event["event"] == "posted" {
            ensure!(inner(&event, "post")?["message"] == "missed", "{event}");
            return Ok(());
        }
    }
}

async fn a_lower_number_replays_what_was_seen(world: World) -> Result<()> {
    let (connection, seq) = seen_one(&world).await?;
    let mut socket = back(&world, &connection, seq).await?;
    let event = next(&mut socket).await?;
    ensure!(event["seq"] == seq && event["event"] == "posted", "{event}");
    ensure!(inner(&event, "post")?["message"] == "seen", "{event}");
    Ok(())
}

async fn an_unknown_connection_begins_anew(world: World) -> Result<()> {
    let unknown = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
    let mut socket = back(&world, unknown, 5).await?;
    let hello = next(&mut socket).await?;
    ensure!(hello["event"] == "hello" && hello["seq"] == 0, "{hello}");
    ensure!(hello["data"]["connection_id"] != unknown, "{hello}");
    Ok(())
}

async fn a_connection_whose_socket_is_open_is_not_taken_over(world: World) -> Result<()> {
    let (mut first, hello) = Socket::open(&world.rest.base, &world.bot.token).await?;
    let mut second = back(&world, &text(&hello["data"], "connection_id"), 1).await?;
    let other = next(&mut second).await?;
    ensure!(other["event"] == "hello" && other["seq"] == 0, "{other}");
    world.say(&world.alice, "to both").await?;
    first.posted("to both").await?;
    second.posted("to both").await.map(|_| ())
}

async fn somebody_elses_connection_begins_anew(world: World) -> Result<()> {
    let (connection, seq) = seen_one(&world).await?;
    let query = format!("?connection_id={connection}&sequence_number={seq}");
    let mut socket = Socket::connect(&world.rest.base, Some(&world.alice.token), &query).await?;
    let hello = next(&mut socket).await?;
    ensure!(hello["event"] == "hello" && hello["seq"] == 0, "{hello}");
    Ok(())
}

async fn a_malformed_connection_is_dropped_without_a_word(world: World) -> Result<()> {
    let mut socket = back(&world, "not-an-id", 1).await?;
    ensure!(matches!(socket.next().await?, Heard::Closed), "it said something");
    let (connection, _) = seen_one(&world).await?;
    let query = format!("?connection_id={connection}");
    let mut socket = Socket::connect(&world.rest.base, Some(&world.bot.token), &query).await?;
    ensure!(matches!(socket.next().await?, Heard::Closed), "it said something");
    Ok(())
}

async fn too_much_missed_begins_anew(world: World) -> Result<()> {
    let (connection, seq) = seen_one(&world).await?;
    for number in 0..300 {
        world.say(&world.alice, &format!("flood {number}")).await?;
    }
    let mut socket = back(&world, &connection, seq + 1).await?;
    let hello = next(&mut socket).await?;
    ensure!(hello["event"] == "hello" && hello["seq"] == 0, "{hello}");
    ensure!(hello["data"]["connection_id"] != connection, "{hello}");
    Ok(())
}

mod tests {
    crate::case::cases![
        missed_events_come_again_with_their_numbers,
        a_lower_number_replays_what_was_seen,
        an_unknown_connection_begins_anew,
        a_connection_whose_socket_is_open_is_not_taken_over,
        somebody_elses_connection_begins_anew,
        a_malformed_connection_is_dropped_without_a_word,
        too_much_missed_begins_anew,
    ];
}
