//! Teams, channels and who is in them.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::world::{World, id, text};

const FORBIDDEN: &str = "api.context.permissions.app_error";

fn find<'a>(list: &'a Value, channel: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|entry| entry["id"] == channel)
}

async fn a_teams_list_holds_its_channels_and_all_direct_ones(world: World) -> Result<()> {
    let dm = world.direct(&world.alice, &world.bot).await?;
    let teams = world.get(&world.bot, "/users/me/teams").await?.is(200)?;
    ensure!(teams[0]["id"] == world.team && teams[1].is_null(), "{teams}");
    let path = format!("/users/me/teams/{}/channels", world.team);
    let list = world.get(&world.bot, &path).await?.is(200)?;
    let channel = find(&list, &world.channel);
    ensure!(channel.is_some_and(|entry| entry["type"] == "O"), "{list}");
    let mut ids = [world.alice.id.as_str(), world.bot.id.as_str()];
    ids.sort_unstable();
    let found = find(&list, &dm).filter(|entry| entry["name"] == ids.join("__"));
    ensure!(found.is_some_and(|entry| entry["team_id"] == "" && entry["type"] == "D"), "{list}");
    let other = format!("/users/me/teams/{}/channels", world.alice.id);
    world.get(&world.bot, &other).await?.refused(403, FORBIDDEN)
}

async fn the_list_of_all_channels_exists_since_6_1(world: World) -> Result<()> {
    let reply = world.get(&world.bot, "/users/me/channels").await?;
    if world.since(6, 1) {
        let list = reply.is(200)?;
        ensure!(find(&list, &world.channel).is_some(), "{list}");
        return Ok(());
    }
    ensure!(reply.header("content-type").starts_with("text/plain"), "content type");
    reply.refused(404, "api.context.404.app_error")
}

async fn direct_channels_are_made_once_and_only_by_their_members(world: World) -> Result<()> {
    let first = world.direct(&world.bot, &world.alice).await?;
    ensure!(first == world.direct(&world.alice, &world.bot).await?, "two channels");
    let both = json!([world.alice.id, world.bob.id]);
    world.post(&world.bot, "/channels/direct", both).await?.refused(403, FORBIDDEN)?;
    let alone = json!([world.alice.id]);
    let reply = world.post(&world.alice, "/channels/direct", alone).await?;
    ensure!(reply.status == 400, "{}", reply.body);
    Ok(())
}

async fn group_channels_need_three_and_hold_the_one_who_made_them(world: World) -> Result<()> {
    let others = json!([world.alice.id, world.bob.id]);
    let group = world.post(&world.bot, "/channels/group", others).await?.is(201)?;
    let mut names = [&world.alice.name, &world.bob.name, &world.bot.name].map(String::as_str);
    names.sort_unstable();
    ensure!(group["type"] == "G" && group["display_name"] == names.join(", "), "{group}");
    let reply = world.post(&world.bot, "/channels/group", json!([world.alice.id])).await?;
    ensure!(reply.status == 400, "{}", reply.body);
    Ok(())
}

async fn members_are_listed_and_those_who_are_not_are_404(world: World) -> Result<()> {
    let path = format!("/channels/{}/members", world.channel);
    let list = world.get(&world.bot, &path).await?.is(200)?;
    let listed: Vec<String> =
        list.as_array().into_iter().flatten().map(|row| text(row, "user_id")).collect();
    ensure!(listed.len() == 3 && listed.contains(&world.alice.id), "{list}");
    let one = world.get(&world.bot, &format!("{path}?per_page=1&page=1")).await?.is(200)?;
    // Which one is not said: the server's pages have no order.
    ensure!(listed.contains(&text(&one[0], "user_id")) && one[1].is_null(), "{one}");
    let none = world.get(&world.bot, &format!("{path}?per_page=1&page=3")).await?.is(200)?;
    ensure!(none[0].is_null(), "{none}");
    world.get(&world.bot, &format!("{path}/{}", world.alice.id)).await?.is(200)?;
    let reply = world.get(&world.bot, &format!("{path}/{}", world.bob.id)).await?;
    ensure!(reply.status == 404, "{}", reply.body);
    Ok(())
}

async fn unknown_and_private_channels_are_refused_alike(world: World) -> Result<()> {
    let private = world.new_channel("P").await?;
    for channel in ["zzzzzzzzzzzzzzzzzzzzzzzzzz", private.as_str()] {
        let body = json!({ "channel_id": channel, "message": "x" });
        world.post(&world.bot, "/posts", body).await?.refused(403, FORBIDDEN)?;
        let path = format!("/channels/{channel}/posts");
        world.get(&world.bot, &path).await?.refused(403, FORBIDDEN)?;
    }
    let join = json!({ "user_id": world.bot.id });
    let path = format!("/channels/{private}/members");
    world.post(&world.bot, &path, join).await?.refused(403, FORBIDDEN)
}

async fn a_public_channel_can_be_read_by_its_team_without_joining(world: World) -> Result<()> {
    let root = world.say(&world.alice, "in public").await?;
    // Bob is in the team, not in the channel.
    for path in ["", "/thread"] {
        world.get(&world.bob, &format!("/posts/{}{path}", id(&root))).await?.is(200)?;
    }
    world.get(&world.bob, &format!("/channels/{}", world.channel)).await?.is(200)?;
    let list = world.get(&world.bob, &format!("/channels/{}/posts", world.channel)).await?;
    if world.since(10, 0) {
        list.is(200)?;
    } else {
        list.refused(403, FORBIDDEN)?;
    }
    let body = json!({ "channel_id": world.channel, "message": "x" });
    world.post(&world.bob, "/posts", body).await?.refused(403, FORBIDDEN)
}

async fn who_was_removed_hears_of_it_and_may_write_no_more(world: World) -> Result<()> {
    let mut socket = world.listen(&world.bot).await?;
    let mine = world.say(&world.bot, "mine").await?;
    let path = format!("/channels/{}/members/{}", world.channel, world.bot.id);
    world.delete(&world.admin, &path).await?.is(200)?;
    let event = socket
        .find(|event| event["event"] == "user_removed" && event["data"]["channel_id"].is_string())
        .await?;
    ensure!(event["data"]["channel_id"] == world.channel, "{event}");
    ensure!(event["broadcast"]["user_id"] == world.bot.id, "{event}");
    let patch = format!("/posts/{}/patch", id(&mine));
    let body = json!({ "message": "changed" });
    world.put(&world.bot, &patch, body).await?.refused(403, FORBIDDEN)?;
    let body = json!({ "channel_id": world.channel, "message": "x" });
    world.post(&world.bot, "/posts", body).await?.refused(403, FORBIDDEN)
}

async fn a_bot_may_join_a_public_channel_and_leave_it(world: World) -> Result<()> {
    let channel = world.new_channel("O").await?;
    let path = format!("/channels/{channel}/members");
    let me = json!({ "user_id": world.bot.id });
    world.post(&world.bot, &path, me).await?.is(201)?;
    let list = world.get(&world.bot, &format!("/channels/{channel}/posts")).await?.is(200)?;
    let newest = &list["posts"][&super::world::order(&list)[0]];
    ensure!(newest["type"] == "system_join_channel", "{newest}");
    world.delete(&world.bot, &format!("{path}/{}", world.bot.id)).await?.is(200)?;
    let body = json!({ "channel_id": channel, "message": "x" });
    world.post(&world.bot, "/posts", body).await?.refused(403, FORBIDDEN)
}

async fn nobody_posts_in_an_archived_channel(world: World) -> Result<()> {
    let path = format!("/channels/{}", world.channel);
    world.delete(&world.admin, &path).await?.is(200)?;
    let body = json!({ "channel_id": world.channel, "message": "x" });
    let reply = world.post(&world.bot, "/posts", body).await?;
    reply.refused(400, "api.post.create_post.can_not_post_to_deleted.error")
}

async fn who_is_in_a_team_is_seen_by_those_who_are(world: World) -> Result<()> {
    let path = |user: &str| format!("/teams/{}/members/{user}", world.team);
    let member = world.get(&world.bot, &path(&world.alice.id)).await?.is(200)?;
    ensure!(member["user_id"] == world.alice.id.as_str() && member["delete_at"] == 0, "{member}");
    let reply = world.get(&world.bot, &path("zzzzzzzzzzzzzzzzzzzzzzzzzz")).await?;
    reply.refused(404, "app.team.get_member.missing.app_error")?;
    let other = format!("/teams/zzzzzzzzzzzzzzzzzzzzzzzzzz/members/{}", world.alice.id);
    world.get(&world.bot, &other).await?.refused(403, FORBIDDEN)
}

mod tests {
    crate::case::cases![
        a_teams_list_holds_its_channels_and_all_direct_ones,
        the_list_of_all_channels_exists_since_6_1,
        direct_channels_are_made_once_and_only_by_their_members,
        group_channels_need_three_and_hold_the_one_who_made_them,
        members_are_listed_and_those_who_are_not_are_404,
        unknown_and_private_channels_are_refused_alike,
        a_public_channel_can_be_read_by_its_team_without_joining,
        who_was_removed_hears_of_it_and_may_write_no_more,
        a_bot_may_join_a_public_channel_and_leave_it,
        nobody_posts_in_an_archived_channel,
        who_is_in_a_team_is_seen_by_those_who_are,
    ];
}
