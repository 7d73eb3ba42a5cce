//! Reading posts: pages, anchors, `since` and threads.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::world::{World, id, order};

impl World {
    /// Five posts of distinct times, oldest first.
    async fn five(&self) -> Result<Vec<Value>> {
        let mut posts: Vec<Value> = Vec::new();
        for number in 0..5 {
            posts.push(self.say(&self.alice, &format!("post {number}")).await?);
            // Two posts of one millisecond have no order to check.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Ok(posts)
    }
}

fn ids(posts: &[&Value]) -> Vec<String> {
    posts.iter().map(|post| id(post)).collect()
}

async fn pages_come_newest_first_and_are_clipped_to_200(world: World) -> Result<()> {
    let posts = world.five().await?;
    let list = world.posts("?per_page=2").await?;
    ensure!(order(&list) == ids(&[&posts[4], &posts[3]]), "{list}");
    ensure!(list["next_post_id"] == "" && list["prev_post_id"] == posts[2]["id"], "{list}");
    let list = world.posts("?per_page=2&page=1").await?;
    ensure!(order(&list) == ids(&[&posts[2], &posts[1]]), "{list}");
    ensure!(list["next_post_id"] == posts[3]["id"], "{list}");
    ensure!(order(&world.posts("?per_page=0").await?).is_empty(), "per_page=0");
    for query in ["?per_page=201", "?per_page=-1", ""] {
        ensure!(order(&world.posts(query).await?).len() >= 5, "{query}");
    }
    Ok(())
}

async fn after_and_before_take_the_page_nearest_to_the_anchor(world: World) -> Result<()> {
    let posts = world.five().await?;
    let list = world.posts(&format!("?after={}&per_page=2", id(&posts[0]))).await?;
    ensure!(order(&list) == ids(&[&posts[2], &posts[1]]), "after: {list}");
    ensure!(list["next_post_id"] == posts[3]["id"], "{list}");
    let list = world.posts(&format!("?after={}&per_page=9", id(&posts[2]))).await?;
    ensure!(order(&list) == ids(&[&posts[4], &posts[3]]), "after: {list}");
    ensure!(list["next_post_id"] == "", "{list}");
    let list = world.posts(&format!("?before={}&per_page=2", id(&posts[3]))).await?;
    ensure!(order(&list) == ids(&[&posts[2], &posts[1]]), "before: {list}");
    let list = world.posts("?after=zzzzzzzzzzzzzzzzzzzzzzzzzz").await?;
    ensure!(order(&list).is_empty(), "unknown anchor: {list}");
    world.delete(&world.alice, &format!("/posts/{}", id(&posts[2]))).await?.is(200)?;
    let list = world.posts(&format!("?after={}", id(&posts[2]))).await?;
    ensure!(order(&list) == ids(&[&posts[4], &posts[3]]), "deleted anchor: {list}");
    Ok(())
}

async fn posts_of_the_anchors_millisecond_are_skipped_by_after(world: World) -> Result<()> {
    let anchor = world.say(&world.admin, "anchor").await?;
    let twin = json!({ "channel_id": world.channel, "message": "twin",
        "create_at": anchor["create_at"] });
    let twin = world.post(&world.admin, "/posts", twin).await?.is(201)?;
    let list = world.posts(&format!("?after={}", id(&anchor))).await?;
    ensure!(!order(&list).contains(&id(&twin)), "{list}");
    Ok(())
}

async fn since_is_strict_and_ignores_the_page_size(world: World) -> Result<()> {
    let posts = world.five().await?;
    let list = world.posts(&format!("?since={}&per_page=1", posts[1]["create_at"])).await?;
    ensure!(order(&list) == ids(&[&posts[4], &posts[3], &posts[2]]), "{list}");
    ensure!(list["next_post_id"] == "" && list["prev_post_id"] == "", "{list}");
    ensure!(order(&world.posts("?since=0&per_page=1").await?).len() == 1, "since=0 is absent");
    let path = format!("/channels/{}/posts?since=abc", world.channel);
    world.get(&world.alice, &path).await?.refused(400, "api.context.invalid_body_param.app_error")
}

async fn since_shows_deleted_posts_and_a_row_for_every_edit(world: World) -> Result<()> {
    let posts = world.five().await?;
    let last = &posts[4];
    let patch = format!("/posts/{}/patch", id(&posts[0]));
    world.put(&world.alice, &patch, json!({ "message": "edited" })).await?.is(200)?;
    world.delete(&world.alice, &format!("/posts/{}", id(&posts[1]))).await?.is(200)?;
    let list = world.posts(&format!("?since={}", last["create_at"])).await?;
    let rows = order(&list);
    ensure!(rows.len() == 3, "the edited one, its earlier text and the deleted one: {list}");
    let deleted = &list["posts"][&id(&posts[1])];
    ensure!(deleted["delete_at"].as_i64() > Some(0) && deleted["message"] == "", "{deleted}");
    let known = [id(&posts[0]), id(&posts[1])];
    let ghost = rows.iter().find(|row| !known.contains(row));
    let ghost = ghost.map_or(&Value::Null, |ghost| &list["posts"][ghost]);
    ensure!(ghost["original_id"] == posts[0]["id"] && ghost["message"] == "", "{ghost}");
    ensure!(ghost["create_at"] == posts[0]["create_at"], "{ghost}");
    ensure!(ghost["delete_at"].as_i64() > Some(0), "{ghost}");
    let page = order(&world.posts("").await?);
    ensure!(!page.contains(&id(&posts[1])) && !page.contains(&id(ghost)), "{page:?}");
    Ok(())
}

async fn since_drowns_in_the_edits_of_one_post(world: World) -> Result<()> {
    let post = world.say(&world.bot, "draft").await?;
    let path = format!("/posts/{}/patch", id(&post));
    for number in 0..1_001 {
        let patch = json!({ "message": format!("draft {number}") });
        world.put(&world.bot, &path, patch).await?.is(200)?;
    }
    let question = world.say(&world.alice, "a question").await?;
    let before = post["create_at"].as_i64().unwrap_or_default() - 1;
    let rows = order(&world.posts(&format!("?since={before}")).await?);
    ensure!(rows.len() == 1_000, "{} rows", rows.len());
    ensure!(!rows.contains(&id(&question)), "the question is among them");
    let list = world.posts(&format!("?after={}", id(&post))).await?;
    ensure!(order(&list) == [id(&question)], "an anchor finds it: {list}");
    Ok(())
}

async fn since_shows_roots_with_new_replies_and_posts_with_reactions(world: World) -> Result<()> {
    let posts = world.five().await?;
    let since = format!("?since={}", posts[4]["create_at"]);
    let reply = world.reply(&world.bot, &posts[0], "reply").await?;
    let react = json!({ "user_id": world.bot.id, "post_id": posts[1]["id"], "emoji_name": "eyes" });
    world.post(&world.bot, "/reactions", react).await?.is(200)?;
    let rows = order(&world.posts(&since).await?);
    for post in [&reply, &posts[0], &posts[1]] {
        ensure!(rows.contains(&id(post)), "{} is missing from {rows:?}", id(post));
    }
    ensure!(!rows.contains(&id(&posts[2])), "{rows:?}");
    Ok(())
}

async fn a_reply_brings_its_thread_unless_told_not_to(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let first = world.reply(&world.bot, &root, "first").await?;
    world.say(&world.alice, "between").await?;
    let second = world.reply(&world.bot, &root, "second").await?;
    let list = world.posts("?per_page=1").await?;
    ensure!(order(&list) == [id(&second)], "{list}");
    for post in [&root, &first, &second] {
        ensure!(list["posts"][&id(post)].is_object(), "{list}");
    }
    ensure!(list["posts"][&id(&root)]["reply_count"] == 0, "not counted here: {list}");
    let list = world.posts("?per_page=1&skipFetchThreads=true").await?;
    ensure!(list["posts"][&id(&root)].is_object(), "{list}");
    ensure!(list["posts"][&id(&first)].is_null(), "{list}");
    ensure!(list["posts"][&id(&root)]["reply_count"] == 2, "{list}");
    let list = world.posts(&format!("?before={}", id(&second))).await?;
    ensure!(!order(&list).contains(&id(&second)), "{list}");
    ensure!(list["posts"][&id(&second)].is_object(), "around an anchor a root brings all: {list}");
    Ok(())
}

async fn a_thread_is_found_by_any_of_its_posts_which_then_stands_twice(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let reply = world.reply(&world.bot, &root, "reply").await?;
    for asked in [&root, &reply] {
        let list = world.get(&world.alice, &format!("/posts/{}/thread", id(asked))).await?;
        let list = list.is(200)?;
        let order = order(&list);
        ensure!(order.first() == Some(&id(asked)), "{order:?}");
        ensure!(
            order.len() == 3 && order.iter().filter(|o| **o == id(asked)).count() == 2,
            "{order:?}"
        );
        ensure!(list["posts"].as_object().is_some_and(|posts| posts.len() == 2), "{list}");
    }
    world.delete(&world.alice, &format!("/posts/{}", id(&root))).await?.is(200)?;
    let reply = world.get(&world.alice, &format!("/posts/{}/thread", id(&root))).await?;
    reply.refused(404, "app.post.get.app_error")
}

async fn a_thread_comes_by_pages_and_older_servers_give_all_of_it(world: World) -> Result<()> {
    let root = world.say(&world.alice, "root").await?;
    let mut replies = Vec::new();
    for n in 0..5 {
        replies.push(world.reply(&world.alice, &root, &format!("reply {n}")).await?);
    }
    let until = replies[3]["create_at"].as_i64().unwrap_or_default() + 1;
    let query = format!("perPage=2&direction=up&fromCreateAt={until}");
    let path = format!("/posts/{}/thread?{query}", id(&root));
    let list = world.get(&world.bot, &path).await?.is(200)?;
    let posts = list["posts"].as_object().map_or(0, serde_json::Map::len);
    for wanted in [&root, &replies[2], &replies[3]] {
        ensure!(list["posts"][id(wanted)].is_object(), "{list}");
    }
    if world.since(7, 0) {
        // One more may come, which says that there are more.
        ensure!(posts == 3 || posts == 4, "{list}");
        ensure!(list["posts"][id(&replies[4])].is_null(), "{list}");
        let path = format!("/posts/{}/thread?perPage=201", id(&root));
        let reply = world.get(&world.bot, &path).await?;
        reply.refused(400, "api.context.invalid_body_param.app_error")
    } else {
        ensure!(posts == 6, "{list}");
        Ok(())
    }
}

async fn unknown_and_deleted_posts_are_404(world: World) -> Result<()> {
    let post = world.say(&world.alice, "short-lived").await?;
    world.delete(&world.alice, &format!("/posts/{}", id(&post))).await?.is(200)?;
    for gone in [id(&post).as_str(), "zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let reply = world.get(&world.alice, &format!("/posts/{gone}")).await?;
        reply.refused(404, "app.post.get.app_error")?;
    }
    Ok(())
}

mod tests {
    crate::case::cases![
        pages_come_newest_first_and_are_clipped_to_200,
        after_and_before_take_the_page_nearest_to_the_anchor,
        posts_of_the_anchors_millisecond_are_skipped_by_after,
        since_is_strict_and_ignores_the_page_size,
        since_shows_deleted_posts_and_a_row_for_every_edit,
        since_drowns_in_the_edits_of_one_post,
        since_shows_roots_with_new_replies_and_posts_with_reactions,
        a_reply_brings_its_thread_unless_told_not_to,
        a_thread_is_found_by_any_of_its_posts_which_then_stands_twice,
        a_thread_comes_by_pages_and_older_servers_give_all_of_it,
        unknown_and_deleted_posts_are_404,
    ];
}
