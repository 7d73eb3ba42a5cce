//! Changing and deleting posts.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::socket::inner;
use super::world::{World, id};

const FORBIDDEN: &str = "api.context.permissions.app_error";

impl World {
    async fn decorated(&self) -> Result<Value> {
        let body = json!({ "channel_id": self.channel, "message": "first", "props": { "k": "v" } });
        let post = self.post(&self.bot, "/posts", body).await?.is(201)?;
        self.post(&self.bot, &format!("/posts/{}/pin", id(&post)), json!({})).await?.is(200)?;
        let react = json!({ "user_id": self.bot.id, "post_id": id(&post), "emoji_name": "eyes" });
        self.post(&self.bot, "/reactions", react).await?.is(200)?;
        self.get(&self.bot, &format!("/posts/{}", id(&post))).await?.is(200)
    }
}

async fn a_patch_keeps_what_it_does_not_name(world: World) -> Result<()> {
    let post = world.decorated().await?;
    let path = format!("/posts/{}/patch", id(&post));
    let mut socket = world.listen(&world.alice).await?;
    let patch = json!({ "message": "second" });
    let changed = world.put(&world.bot, &path, patch).await?.is(200)?;
    ensure!(changed["message"] == "second" && changed["is_pinned"] == true, "{changed}");
    ensure!(changed["props"] == post["props"] && changed["has_reactions"] == true, "{changed}");
    ensure!(changed["create_at"] == post["create_at"], "{changed}");
    ensure!(changed["edit_at"].as_i64() > Some(0), "{changed}");
    let event = socket.event("post_edited").await?;
    ensure!(inner(&event, "post")?["message"] == "second", "{event}");
    ensure!(event["broadcast"]["channel_id"] == world.channel, "{event}");
    let patch = json!({ "props": { "other": 1 } });
    let changed = world.put(&world.bot, &path, patch).await?.is(200)?;
    ensure!(changed["props"] == json!({ "other": 1 }), "props are replaced whole: {changed}");
    ensure!(changed["message"] == "second", "{changed}");
    Ok(())
}

async fn a_put_wipes_what_it_does_not_name(world: World) -> Result<()> {
    let post = world.decorated().await?;
    let path = format!("/posts/{}", id(&post));
    let put = json!({ "id": id(&post), "message": "second" });
    let changed = world.put(&world.bot, &path, put).await?.is(200)?;
    ensure!(changed["message"] == "second" && changed["is_pinned"] == false, "{changed}");
    ensure!(changed.get("has_reactions").is_none_or(|flag| flag == false), "{changed}");
    ensure!(changed["props"].get("k").is_none(), "{changed}");
    if world.since(11, 0) {
        ensure!(changed["props"]["from_bot"] == "true", "{changed}");
    } else if !world.since(10, 0) {
        ensure!(changed["props"].get("from_bot").is_none(), "{changed}");
    }
    let rows = world.get(&world.bot, &format!("{path}/reactions")).await?.is(200)?;
    ensure!(rows[0]["emoji_name"] == "eyes", "the reactions themselves stay: {rows}");
    let put = json!({ "message": "third" });
    let reply = world.put(&world.bot, &path, put).await?;
    reply.refused(400, "api.context.invalid_body_param.app_error")
}

async fn an_edit_that_changes_nothing_is_told_all_the_same(world: World) -> Result<()> {
    let post = world.say(&world.bot, "same").await?;
    let mut socket = world.listen(&world.alice).await?;
    let path = format!("/posts/{}/patch", id(&post));
    let patch = json!({ "message": "same" });
    let changed = world.put(&world.bot, &path, patch).await?.is(200)?;
    ensure!(changed["edit_at"] == 0, "{changed}");
    ensure!(changed["update_at"].as_i64() > post["update_at"].as_i64(), "{changed}");
    socket.event("post_edited").await.map(|_| ())
}

async fn the_posts_of_others_cannot_be_changed(world: World) -> Result<()> {
    let post = world.say(&world.alice, "hers").await?;
    let path = format!("/posts/{}", id(&post));
    let patch = json!({ "message": "mine" });
    let reply = world.put(&world.bot, &format!("{path}/patch"), patch).await?;
    reply.refused(403, FORBIDDEN)?;
    world.delete(&world.bot, &path).await?.refused(403, FORBIDDEN)?;
    let seen = world.get(&world.alice, &path).await?.is(200)?;
    ensure!(seen["message"] == "hers", "{seen}");
    Ok(())
}

async fn deleting_a_root_deletes_its_thread_with_one_event(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let reply = world.reply(&world.bot, &root, "reply").await?;
    let mut socket = world.listen(&world.bot).await?;
    world.delete(&world.alice, &format!("/posts/{}", id(&root))).await?.is(200)?;
    let event = socket.event("post_deleted").await?;
    let gone = inner(&event, "post")?;
    ensure!(gone["id"] == root["id"] && gone["delete_at"] == 0, "{gone}");
    world.say(&world.alice, "marker").await?;
    let next =
        socket.find(|event| event["event"] == "post_deleted" || event["event"] == "posted").await?;
    ensure!(next["event"] == "posted", "a second deletion: {next}");
    let path = format!("/posts/{}", id(&reply));
    world.get(&world.bot, &path).await?.refused(404, "app.post.get.app_error")?;
    let patch = json!({ "message": "changed" });
    world.put(&world.bot, &format!("{path}/patch"), patch).await?.refused(403, FORBIDDEN)
}

async fn system_posts_name_the_one_who_acted(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    world.join(&world.channel, &world.bob.id).await?;
    let text = format!("{} added to the channel by {}.", world.bob.name, world.admin.name);
    let (event, post) = socket.posted(&text).await?;
    ensure!(post["type"] == "system_add_to_channel", "{post}");
    ensure!(post["user_id"] == world.admin.id, "{post}");
    ensure!(post["props"]["addedUserId"] == world.bob.id, "{post}");
    ensure!(event["data"]["sender_name"] == "System", "{event}");
    let path = format!("/channels/{}/members/{}", world.channel, world.bob.id);
    world.delete(&world.admin, &path).await?.is(200)?;
    let text = format!("@{} removed from the channel.", world.bob.name);
    let (_, post) = socket.posted(&text).await?;
    ensure!(post["type"] == "system_remove_from_channel", "{post}");
    Ok(())
}

async fn pinning_is_an_edit_without_an_edit_time(world: World) -> Result<()> {
    let post = world.say(&world.alice, "to pin").await?;
    let mut socket = world.listen(&world.bot).await?;
    let path = format!("/posts/{}", id(&post));
    for (word, pinned) in [("pin", true), ("unpin", false)] {
        world.post(&world.bot, &format!("{path}/{word}"), json!({})).await?.is(200)?;
        let edited = inner(&socket.event("post_edited").await?, "post")?;
        ensure!(edited["is_pinned"] == pinned && edited["edit_at"] == 0, "{edited}");
    }
    Ok(())
}

mod tests {
    crate::case::cases![
        a_patch_keeps_what_it_does_not_name,
        a_put_wipes_what_it_does_not_name,
        an_edit_that_changes_nothing_is_told_all_the_same,
        the_posts_of_others_cannot_be_changed,
        deleting_a_root_deletes_its_thread_with_one_event,
        system_posts_name_the_one_who_acted,
        pinning_is_an_edit_without_an_edit_time,
    ];
}
