//! What moves a channel's counters and tags, by which changes are found.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::until::until;
use super::world::{World, id};

/// `last_post_at`, `total_msg_count`, `total_msg_count_root`.
type Counters = (i64, i64, i64);

async fn counters(world: &World) -> Result<(Counters, String)> {
    let path = format!("/users/me/teams/{}/channels", world.team);
    let reply = world.get(&world.bot, &path).await?;
    let etag = reply.header("etag");
    let list = reply.is(200)?;
    let entry = list.as_array().and_then(|all| all.iter().find(|c| c["id"] == world.channel));
    let entry = entry.context("the channel is not listed")?;
    let number = |name: &str| entry[name].as_i64().unwrap_or(-1);
    let all = (number("last_post_at"), number("total_msg_count"), number("total_msg_count_root"));
    Ok((all, etag))
}

/// Runs `$act` and checks what it moved.
macro_rules! moved {
    ($world:ident, $what:literal, $last:expr, $count:expr, $roots:expr, $act:expr) => {{
        let ((last, count, roots), etag) = counters(&$world).await?;
        let result = $act.await?;
        let ((last_now, count_now, roots_now), etag_now) = counters(&$world).await?;
        ensure!((last_now > last) == $last, "{}: last_post_at {last} {last_now}", $what);
        ensure!(count_now - count == $count, "{}: total {count} {count_now}", $what);
        ensure!(roots_now - roots == $roots, "{}: roots {roots} {roots_now}", $what);
        ensure!((etag_now != etag) == $last, "{}: etag {etag} {etag_now}", $what);
        result
    }};
}

async fn posts_edits_and_pins_move_what_the_facts_say(world: World) -> Result<()> {
    let root = moved!(world, "root post", true, 1, 1, world.say(&world.alice, "root"));
    let reply = moved!(world, "reply", true, 1, 0, world.reply(&world.bot, &root, "reply"));
    let patch = format!("/posts/{}/patch", id(&reply));
    let edit = json!({ "message": "edited" });
    moved!(world, "edit", true, 0, 0, world.put(&world.bot, &patch, edit.clone())).is(200)?;
    moved!(world, "no-op edit", true, 0, 0, world.put(&world.bot, &patch, edit)).is(200)?;
    let pin = format!("/posts/{}/pin", id(&root));
    moved!(world, "pin", true, 0, 0, world.post(&world.alice, &pin, json!({}))).is(200)?;
    let react = json!({ "user_id": world.bot.id, "post_id": id(&root), "emoji_name": "eyes" });
    moved!(world, "reaction", false, 0, 0, world.post(&world.bot, "/reactions", react)).is(200)?;
    let path = format!("/posts/{}", id(&reply));
    moved!(world, "delete", false, 0, 0, world.delete(&world.bot, &path)).is(200)?;
    Ok(())
}

async fn on_5_37_a_single_channel_is_shown_as_before_an_edit(world: World) -> Result<()> {
    if world.since(6, 0) {
        return Ok(());
    }
    let path = format!("/channels/{}", world.channel);
    let post = world.say(&world.bot, "first").await?;
    world.get(&world.bot, &path).await?.is(200)?;
    let patch = json!({ "message": "second" });
    world.put(&world.bot, &format!("/posts/{}/patch", id(&post)), patch).await?.is(200)?;
    let ((listed, ..), _) = counters(&world).await?;
    let shown = world.get(&world.bot, &path).await?.is(200)?["last_post_at"].as_i64();
    ensure!(shown < Some(listed), "{shown:?} is as new as {listed}");
    let post = world.say(&world.bot, "third").await?;
    let shown = world.get(&world.bot, &path).await?.is(200)?;
    ensure!(shown["last_post_at"] == post["create_at"], "{shown}");
    Ok(())
}

async fn joins_move_the_time_only_and_header_changes_all(world: World) -> Result<()> {
    moved!(world, "join", true, 0, 0, world.join(&world.channel, &world.bob.id));
    let path = format!("/channels/{}/patch", world.channel);
    let header = json!({ "header": super::world::unique("about ") });
    let changed = async {
        world.put(&world.alice, &path, header).await?.is(200)?;
        // The post that tells of it may come after the answer.
        until("the header's post", async || {
            let list = world.posts("?per_page=1").await?;
            let newest = &list["posts"][&super::world::order(&list)[0]];
            Ok((newest["type"] == "system_header_change").then(|| newest.clone()))
        })
        .await
    };
    let post = moved!(world, "header", true, 1, 1, changed);
    ensure!(post["user_id"] == world.alice.id, "{post}");
    Ok(())
}

async fn an_unchanged_list_is_304_without_a_body(world: World) -> Result<()> {
    let (_, etag) = counters(&world).await?;
    let path = format!("/users/me/teams/{}/channels", world.team);
    let reply = world.get_etag(&world.bot, &path, &etag).await?;
    ensure!(reply.status == 304 && reply.body.is_empty(), "{} {}", reply.status, reply.body);
    world.say(&world.alice, "news").await?;
    let reply = world.get_etag(&world.bot, &path, &etag).await?;
    ensure!(reply.status == 200, "{}", reply.status);
    Ok(())
}

async fn a_late_post_with_an_older_time_hides_from_the_tag(world: World) -> Result<()> {
    let newest = world.say(&world.alice, "on time").await?;
    let ((last, count, _), etag) = counters(&world).await?;
    let earlier = newest["create_at"].as_i64().unwrap_or_default() - 500;
    let body = json!({ "channel_id": world.channel, "message": "late", "create_at": earlier });
    let late = world.post(&world.admin, "/posts", body).await?.is(201)?;
    ensure!(late["create_at"] == earlier, "an admin may say when: {late}");
    let ((last_now, count_now, _), etag_now) = counters(&world).await?;
    ensure!(etag_now == etag && last_now == last, "the tag tells of it: {etag} {etag_now}");
    ensure!(count_now == count + 1, "only the count tells: {count} {count_now}");
    let body = json!({ "channel_id": world.channel, "message": "mine", "create_at": earlier });
    let own = world.post(&world.alice, "/posts", body).await?.is(201)?;
    ensure!(own["create_at"] != earlier, "anybody may say when: {own}");
    Ok(())
}

async fn the_tag_of_posts_changes_with_reactions_too(world: World) -> Result<()> {
    let root = world.say(&world.alice, "tagged").await?;
    let path = format!("/channels/{}/posts", world.channel);
    let etag = world.get(&world.bot, &path).await?.header("etag");
    ensure!(world.get_etag(&world.bot, &path, &etag).await?.status == 304, "no 304");
    let react = json!({ "user_id": world.bot.id, "post_id": id(&root), "emoji_name": "eyes" });
    world.post(&world.bot, "/reactions", react).await?.is(200)?;
    let reply = world.get_etag(&world.bot, &path, &etag).await?;
    ensure!(reply.status == 200, "still {}", reply.status);
    Ok(())
}

async fn mentions_and_direct_messages_count_until_they_are_viewed(world: World) -> Result<()> {
    let dm = world.direct(&world.alice, &world.bot).await?;
    let body = json!({ "channel_id": dm, "message": "psst" });
    world.post(&world.alice, "/posts", body).await?.is(201)?;
    let path = format!("/users/me/teams/{}/channels/members", world.team);
    let of = |list: &Value| {
        list.as_array().and_then(|all| all.iter().find(|m| m["channel_id"] == dm)).cloned()
    };
    let member = of(&world.get(&world.bot, &path).await?.is(200)?).context("no membership")?;
    ensure!(member["mention_count"] == 1 && member["msg_count"] == 0, "{member}");
    let view = json!({ "channel_id": dm });
    world.post(&world.bot, "/channels/members/me/view", view).await?.is(200)?;
    let member = of(&world.get(&world.bot, &path).await?.is(200)?).context("no membership")?;
    ensure!(member["mention_count"] == 0 && member["msg_count"] == 1, "{member}");
    Ok(())
}

mod tests {
    crate::case::cases![
        posts_edits_and_pins_move_what_the_facts_say,
        on_5_37_a_single_channel_is_shown_as_before_an_edit,
        joins_move_the_time_only_and_header_changes_all,
        an_unchanged_list_is_304_without_a_body,
        a_late_post_with_an_older_time_hides_from_the_tag,
        the_tag_of_posts_changes_with_reactions_too,
        mentions_and_direct_messages_count_until_they_are_viewed,
    ];
}
