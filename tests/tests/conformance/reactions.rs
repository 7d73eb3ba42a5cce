//! Reactions and the "is typing" sign.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::socket::inner;
use super::world::{World, id};

const FORBIDDEN: &str = "api.context.permissions.app_error";

fn reaction(user: &str, post: &Value, emoji: &str) -> Value {
    json!({ "user_id": user, "post_id": post["id"], "emoji_name": emoji })
}

async fn a_reaction_is_told_each_time_it_is_made(world: World) -> Result<()> {
    let post = world.say(&world.bot, "approve?").await?;
    let mut socket = world.listen(&world.bot).await?;
    for _ in 0..2 {
        let body = reaction(&world.alice.id, &post, "+1");
        let row = world.post(&world.alice, "/reactions", body).await?.is(200)?;
        ensure!(row["emoji_name"] == "+1" && row["user_id"] == world.alice.id, "{row}");
        let event = socket.event("reaction_added").await?;
        let told = inner(&event, "reaction")?;
        ensure!(told["post_id"] == post["id"] && told["user_id"] == world.alice.id, "{told}");
        ensure!(event["broadcast"]["channel_id"] == world.channel, "{event}");
    }
    let path = format!("/posts/{}/reactions", id(&post));
    let rows = world.get(&world.bot, &path).await?.is(200)?;
    ensure!(rows.as_array().is_some_and(|rows| rows.len() == 1), "{rows}");
    let mine = format!("/users/me/posts/{}/reactions/+1", id(&post));
    world.delete(&world.alice, &mine).await?.is(200)?;
    let told = inner(&socket.event("reaction_removed").await?, "reaction")?;
    ensure!(told["user_id"] == world.alice.id && told["emoji_name"] == "+1", "{told}");
    let rows = world.get(&world.bot, &path).await?.is(200)?;
    ensure!(rows.as_array().is_none_or(Vec::is_empty), "{rows}");
    Ok(())
}

async fn one_reacts_for_oneself_only_and_by_name(world: World) -> Result<()> {
    let post = world.say(&world.bot, "approve?").await?;
    let body = reaction(&world.bob.id, &post, "+1");
    let reply = world.post(&world.alice, "/reactions", body).await?;
    reply.refused(403, "api.reaction.save_reaction.user_id.app_error")?;
    let body = reaction(&world.bob.id, &post, "+1");
    world.post(&world.bob, "/reactions", body).await?.refused(403, FORBIDDEN)?;
    let body = reaction(&world.alice.id, &post, "\u{1f44d}");
    let reply = world.post(&world.alice, "/reactions", body).await?;
    ensure!(reply.status == 400, "{}", reply.body);
    let body = reaction(&world.alice.id, &post, "no_such_emoji_at_all");
    world.post(&world.alice, "/reactions", body).await?.is(200).map(|_| ())
}

async fn typing_is_shown_to_the_others_only(world: World) -> Result<()> {
    let mut hers = world.listen(&world.alice).await?;
    let mut its = world.listen(&world.bot).await?;
    let body = json!({ "channel_id": world.channel, "parent_id": "" });
    world.post(&world.bot, "/users/me/typing", body.clone()).await?.is(200)?;
    let event = hers.event("typing").await?;
    ensure!(event["data"]["user_id"] == world.bot.id, "{event}");
    ensure!(event["broadcast"]["channel_id"] == world.channel, "{event}");
    its.send(1, "user_typing", body.clone()).await?;
    ensure!(its.reply(1).await?["status"] == "OK", "the socket's own action");
    ensure!(hers.event("typing").await?["data"]["user_id"] == world.bot.id, "second sign");
    world.say(&world.alice, "marker").await?;
    let next = its.find(|event| event["event"] == "typing" || event["event"] == "posted").await?;
    ensure!(next["event"] == "posted", "its own sign came back: {next}");
    world.post(&world.bob, "/users/me/typing", body).await?.refused(403, FORBIDDEN)
}

mod tests {
    crate::case::cases![
        a_reaction_is_told_each_time_it_is_made,
        one_reacts_for_oneself_only_and_by_name,
        typing_is_shown_to_the_others_only,
    ];
}
