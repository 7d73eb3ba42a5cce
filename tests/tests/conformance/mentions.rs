//! Whom a text mentions, as the server says in the `posted` event.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::socket::mentions;
use super::until::until;
use super::world::{World, unique};

/// Texts that mention the bot; `@B` stands for it.
const MENTION: [&str; 26] = [
    "@B hello",
    "hello @B",
    "hello @B!",
    "@B.",
    "@B,",
    "@B:",
    "(@B)",
    "@B)",
    "@B_",
    "\"@B\"",
    "**@B**",
    "~~@B~~",
    "_@B_",
    "> @B",
    "# @B",
    "| @B | x |\n|---|---|\n| y | z |",
    "- @B",
    "[@B](http://example.com)",
    "![@B](http://example.com/x.png)",
    "\\@B",
    "<@B>",
    "hi.@B",
    "@here",
    "hello @channel",
    "@all",
    "@CHANNEL",
];

/// Texts that do not.
const NO_MENTION: [&str; 14] = [
    "B",
    "`@B`",
    "``@B``",
    "```\n@B\n```",
    "~~~\n@B\n~~~",
    "text\n\n    @B",
    "hi@B",
    "@BX",
    "@B-foo",
    "@B_x",
    "@B@x.y",
    "http://x/@B",
    "\u{4f60}@B\u{597d}",
    "@\u{200b}B",
];

async fn texts_mention_by_the_servers_rules(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    // `@here` means those who are online, which takes the server a moment.
    let path = format!("/users/{}/status", world.bot.id);
    until("the bot online", async || {
        let status = world.get(&world.alice, &path).await?.is(200)?;
        Ok((status["status"] == "online").then_some(()))
    })
    .await?;
    let all = MENTION.iter().map(|t| (t, true)).chain(NO_MENTION.iter().map(|t| (t, false)));
    let mut wrong = Vec::new();
    for (template, expected) in all {
        let text = template.replace("B", &world.bot.name);
        world.say(&world.alice, &text).await?;
        let (event, _) = socket.posted(&text).await?;
        if mentions(&event).contains(&world.bot.id) != expected {
            wrong.push(text);
        }
    }
    ensure!(wrong.is_empty(), "decided otherwise than recorded: {wrong:#?}");
    Ok(())
}

async fn nobody_mentions_themselves_and_bots_notify_like_people(world: World) -> Result<()> {
    let mut socket = world.listen(&world.alice).await?;
    let text = format!("@{} and @{}", world.bot.name, world.alice.name);
    world.say(&world.bot, &text).await?;
    let (event, _) = socket.posted(&text).await?;
    ensure!(mentions(&event) == [world.alice.id.as_str()], "{event}");
    let text = unique("quiet ");
    let attachments = json!([{ "pretext": format!("@{}", world.alice.name), "text": "x" }]);
    let body = json!({ "channel_id": world.channel, "message": text,
        "props": { "attachments": attachments } });
    world.post(&world.bot, "/posts", body).await?.is(201)?;
    let (event, _) = socket.posted(&text).await?;
    ensure!(mentions(&event) == [world.alice.id.as_str()], "attachments mention too: {event}");
    Ok(())
}

async fn a_direct_message_mentions_the_other_and_is_announced(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let dm = world.direct(&world.alice, &world.bot).await?;
    let body = json!({ "channel_id": dm, "message": "just hello" });
    world.post(&world.alice, "/posts", body).await?.is(201)?;
    let added = socket.event("direct_added").await?;
    ensure!(added["broadcast"]["channel_id"] == dm, "{added}");
    let (event, _) = socket.posted("just hello").await?;
    ensure!(mentions(&event) == [world.bot.id.as_str()], "{event}");
    ensure!(event["data"]["channel_type"] == "D" && event["data"]["team_id"] == "", "{event}");
    Ok(())
}

async fn a_group_message_mentions_only_by_name(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let members = json!([world.bob.id, world.bot.id]);
    let group = world.post(&world.alice, "/channels/group", members).await?.is(201)?;
    let named = format!("hi @{}", world.bot.name);
    for (text, expected) in [("plain", false), (named.as_str(), true)] {
        let body = json!({ "channel_id": group["id"], "message": text });
        world.post(&world.alice, "/posts", body).await?.is(201)?;
        let (event, _) = socket.posted(text).await?;
        ensure!(mentions(&event).contains(&world.bot.id) == expected, "{text}: {event}");
        ensure!(event["data"]["channel_type"] == "G", "{event}");
    }
    Ok(())
}

async fn an_edit_mentions_nobody_and_a_reply_not_the_roots_author(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let root = world.say(&world.bot, "root").await?;
    let answer = world.reply(&world.alice, &root, "no name here").await?;
    let (event, _) = socket.posted("no name here").await?;
    ensure!(mentions(&event).is_empty(), "{event}");
    let path = format!("/posts/{}/patch", super::world::id(&answer));
    let patch = json!({ "message": format!("@{} now", world.bot.name) });
    world.put(&world.alice, &path, patch).await?.is(200)?;
    let event = socket.event("post_edited").await?;
    ensure!(event["data"].get("mentions").is_none(), "{event}");
    Ok(())
}

async fn mentioning_someone_outside_is_answered_on_the_socket_only(world: World) -> Result<()> {
    let mut socket = world.listen(&world.alice).await?;
    world.say(&world.alice, &format!("@{} look", world.bob.name)).await?;
    let event = socket.event("ephemeral_message").await?;
    ensure!(event["broadcast"]["user_id"] == world.alice.id, "{event}");
    let post = super::socket::inner(&event, "post")?;
    ensure!(post["type"] == "system_ephemeral", "{post}");
    let list = world.posts("").await?;
    let stored = list["posts"].as_object().context("no posts")?;
    ensure!(stored.values().all(|post| post["type"] != "system_ephemeral"), "{list}");
    Ok(())
}

mod tests {
    crate::case::cases![
        texts_mention_by_the_servers_rules,
        nobody_mentions_themselves_and_bots_notify_like_people,
        a_direct_message_mentions_the_other_and_is_announced,
        a_group_message_mentions_only_by_name,
        an_edit_mentions_nobody_and_a_reply_not_the_roots_author,
        mentioning_someone_outside_is_answered_on_the_socket_only,
    ];
}
