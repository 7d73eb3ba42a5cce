//! Making posts: what is added, what is refused, and the idempotency key.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{World, id, unique};

const BAD_ROOT: &str = "api.post.create_post.root_id.app_error";

impl World {
    fn body(&self, message: &str) -> Value {
        json!({ "channel_id": self.channel, "message": message })
    }

    fn with(&self, field: &str, value: Value) -> Value {
        let mut body = self.body("x");
        body[field] = value;
        body
    }
}

async fn author_and_time_are_the_servers_and_bots_are_marked(world: World) -> Result<()> {
    let mut body = world.body("  spaces kept  ");
    body["user_id"] = json!(world.alice.id);
    body["create_at"] = json!(1000);
    body["props"] = json!({ "x": 1 });
    let post = world.post(&world.bot, "/posts", body).await?.is(201)?;
    ensure!(post["user_id"] == world.bot.id && post["create_at"] != 1000, "{post}");
    ensure!(post["props"] == json!({ "from_bot": "true", "x": 1 }), "{post}");
    ensure!(post["message"] == "  spaces kept  " && post["type"] == "", "{post}");
    ensure!(post["update_at"] == post["create_at"] && post["edit_at"] == 0, "{post}");
    Ok(())
}

async fn anybody_may_claim_to_be_a_bot_or_a_webhook(world: World) -> Result<()> {
    let claims = json!({ "from_bot": "true", "from_webhook": "true", "override_username": "CI" });
    let body = world.with("props", claims.clone());
    let post = world.post(&world.alice, "/posts", body).await?.is(201)?;
    ensure!(post["props"] == claims, "{post}");
    Ok(())
}

async fn the_shape_of_a_post_depends_on_the_version(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let reply = world.reply(&world.bot, &root, "reply").await?;
    ensure!(reply["root_id"] == root["id"] && reply["reply_count"] == 1, "{reply}");
    if world.since(6, 0) {
        ensure!(reply.get("parent_id").is_none(), "{reply}");
        ensure!(reply.get("file_ids").is_some(), "{reply}");
    } else {
        ensure!(reply["parent_id"] == root["id"], "{reply}");
        ensure!(reply.get("file_ids").is_none(), "{reply}");
    }
    Ok(())
}

async fn a_root_must_be_a_root_that_is_there_and_of_the_channel(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let reply = world.reply(&world.bot, &root, "reply").await?;
    let gone = world.say(&world.alice, "gone").await?;
    world.delete(&world.alice, &format!("/posts/{}", id(&gone))).await?.is(200)?;
    let unknown = json!("zzzzzzzzzzzzzzzzzzzzzzzzzz");
    for bad in [&reply["id"], &gone["id"], &unknown] {
        let body = world.with("root_id", bad.clone());
        world.post(&world.bot, "/posts", body).await?.refused(400, BAD_ROOT)?;
    }
    let dm = world.direct(&world.bot, &world.alice).await?;
    let elsewhere = json!({ "channel_id": dm, "message": "x", "root_id": root["id"] });
    let reply = world.post(&world.bot, "/posts", elsewhere).await?;
    reply.refused(400, "api.post.create_post.channel_root_id.app_error")?;
    world.post(&world.bot, "/posts", world.with("root_id", Value::Null)).await?.is(201)?;
    Ok(())
}

async fn the_longest_message_is_16383_characters_not_bytes(world: World) -> Result<()> {
    let longest = "\u{1f600}".repeat(16_383);
    let post = world.post(&world.bot, "/posts", world.body(&longest)).await?.is(201)?;
    ensure!(post["message"] == longest, "the message was changed");
    let reply = world.post(&world.bot, "/posts", world.body(&format!("{longest} "))).await?;
    reply.refused(400, "model.post.is_valid.msg.app_error")?;
    world.post(&world.bot, "/posts", world.body("")).await?.is(201)?;
    Ok(())
}

async fn props_are_limited_by_version(world: World) -> Result<()> {
    let fits = world.with("props", json!({ "x": "a".repeat(7_900) }));
    world.post(&world.bot, "/posts", fits).await?.is(201)?;
    let (limit, refused) = (8_000, "model.post.is_valid.props.app_error");
    let big = world.with("props", json!({ "x": "a".repeat(limit) }));
    let reply = world.post(&world.bot, "/posts", big).await?;
    if world.since(10, 0) {
        reply.is(201)?;
        let huge = world.with("props", json!({ "x": "a".repeat(800_000) }));
        return world.post(&world.bot, "/posts", huge).await?.refused(400, refused);
    }
    reply.refused(400, refused)
}

async fn nul_is_an_error_and_a_lone_surrogate_is_replaced(world: World) -> Result<()> {
    let reply = world.post(&world.bot, "/posts", world.body("a\0b")).await?;
    reply.refused(500, "app.post.save.app_error")?;
    let raw = format!(r#"{{"channel_id":"{}","message":"a\ud800b"}}"#, world.channel);
    let reply = world.rest.raw(&world.bot.token, Method::POST, "/posts", Some(raw)).await?;
    let post = reply.is(201)?;
    ensure!(post["message"] == "a\u{fffd}b", "{post}");
    Ok(())
}

async fn system_types_are_refused_and_custom_ones_taken(world: World) -> Result<()> {
    let system = world.with("type", json!("system_join_channel"));
    let reply = world.post(&world.bot, "/posts", system).await?;
    reply.refused(400, "api.context.invalid_param.app_error")?;
    let other = world.with("type", json!("other"));
    let reply = world.post(&world.bot, "/posts", other).await?;
    reply.refused(400, "model.post.is_valid.type.app_error")?;
    let custom = world.with("type", json!("custom_gaggle"));
    world.post(&world.bot, "/posts", custom).await?.is(201)?;
    let nowhere = json!({ "message": "x" });
    let reply = world.post(&world.bot, "/posts", nowhere).await?;
    reply.refused(403, "api.context.permissions.app_error")
}

async fn a_repeated_key_gives_the_first_post(world: World) -> Result<()> {
    let key = unique("key");
    let mut body = world.body("first");
    body["pending_post_id"] = json!(key);
    let first = world.post(&world.bot, "/posts", body).await?.is(201)?;
    let mut body = world.body("second");
    body["pending_post_id"] = json!(key);
    // Even for somebody else: the key is everybody's.
    for who in [&world.bot, &world.alice] {
        let again = world.post(who, "/posts", body.clone()).await?.is(201)?;
        ensure!(again["id"] == first["id"] && again["message"] == "first", "{again}");
        ensure!(again["pending_post_id"] == "", "{again}");
    }
    let seen = world.get(&world.bot, &format!("/posts/{}", id(&first))).await?.is(200)?;
    ensure!(seen["pending_post_id"] == "", "{seen}");
    world.delete(&world.bot, &format!("/posts/{}", id(&first))).await?.is(200)?;
    let reply = world.post(&world.bot, "/posts", body).await?;
    reply.refused(500, "api.post.deduplicate_create_post.failed_to_get")
}

async fn of_calls_with_one_key_at_once_one_makes_the_post(world: World) -> Result<()> {
    let (key, message) = (unique("key"), unique("once "));
    let mut body = world.body(&message);
    body["pending_post_id"] = json!(key);
    let calls = (0..8).map(|_| world.post(&world.bot, "/posts", body.clone()));
    let mut made = std::collections::BTreeSet::new();
    for reply in futures_util::future::join_all(calls).await {
        let reply = reply?;
        if reply.status == 201 {
            made.insert(id(&reply.is(201)?));
        } else {
            // To be repeated: the first call is still under way.
            reply.refused(500, "api.post.deduplicate_create_post.pending")?;
        }
    }
    ensure!(made.len() == 1, "{made:?}");
    let list = world.posts("").await?;
    let posts = list["posts"].as_object().into_iter().flatten();
    ensure!(posts.filter(|(_, post)| post["message"] == message).count() == 1, "{list}");
    Ok(())
}

async fn a_key_whose_call_failed_is_free_again(world: World) -> Result<()> {
    let key = unique("key");
    let mut body = world.with("root_id", json!("zzzzzzzzzzzzzzzzzzzzzzzzzz"));
    body["pending_post_id"] = json!(key);
    world.post(&world.bot, "/posts", body).await?.refused(400, BAD_ROOT)?;
    let mut body = world.body("now");
    body["pending_post_id"] = json!(key);
    let post = world.post(&world.bot, "/posts", body).await?.is(201)?;
    ensure!(post["message"] == "now", "{post}");
    Ok(())
}

async fn a_webhook_posts_in_its_makers_name_and_says_so(world: World) -> Result<()> {
    let hook = json!({ "channel_id": world.channel, "display_name": "hk" });
    let hook = world.post(&world.admin, "/hooks/incoming", hook).await?.is(201)?;
    let mut socket = world.listen(&world.bot).await?;
    let body = Some(json!({ "text": "built", "username": "CI" }).to_string());
    let path = format!("/hooks/{}", id(&hook));
    let reply = world.rest.send("", Method::POST, &path, body, None).await?;
    ensure!(reply.status == 200 && reply.body == "ok", "{} {}", reply.status, reply.body);
    let (event, post) = socket.posted("built").await?;
    ensure!(post["user_id"] == world.admin.id, "{post}");
    ensure!(post["props"]["from_webhook"] == "true", "{post}");
    ensure!(post["props"]["webhook_display_name"] == "hk", "{post}");
    ensure!(event["data"]["sender_name"].is_string(), "{event}");
    Ok(())
}

mod tests {
    crate::case::cases![
        author_and_time_are_the_servers_and_bots_are_marked,
        anybody_may_claim_to_be_a_bot_or_a_webhook,
        the_shape_of_a_post_depends_on_the_version,
        a_root_must_be_a_root_that_is_there_and_of_the_channel,
        the_longest_message_is_16383_characters_not_bytes,
        props_are_limited_by_version,
        nul_is_an_error_and_a_lone_surrogate_is_replaced,
        system_types_are_refused_and_custom_ones_taken,
        a_repeated_key_gives_the_first_post,
        of_calls_with_one_key_at_once_one_makes_the_post,
        a_key_whose_call_failed_is_free_again,
        a_webhook_posts_in_its_makers_name_and_says_so,
    ];
}
