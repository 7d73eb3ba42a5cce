//! Which fields the records have on 5.37, where they were recorded in full.
//! Later servers add some and drop few; what matters of that has its own case.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::socket::{Socket, inner};
use super::world::World;

const USER: &str = "auth_data auth_service create_at delete_at disable_welcome_email email \
    first_name id last_name locale nickname position roles timezone update_at username";
const TEAM: &str = "allow_open_invite allowed_domains company_name create_at delete_at \
    description display_name email group_constrained id invite_id name policy_id scheme_id type \
    update_at";
const CHANNEL: &str = "create_at creator_id delete_at display_name extra_update_at \
    group_constrained header id last_post_at name policy_id props purpose scheme_id shared \
    team_id total_msg_count total_msg_count_root type update_at";
const MEMBER: &str = "channel_id explicit_roles last_update_at last_viewed_at mention_count \
    mention_count_root msg_count msg_count_root notify_props roles scheme_admin scheme_guest \
    scheme_user user_id";
const POST: &str = "channel_id create_at delete_at edit_at hashtags id is_pinned last_reply_at \
    message metadata original_id parent_id participants pending_post_id props reply_count \
    root_id type update_at user_id";
const LIST: &str = "next_post_id order posts prev_post_id";
const REACTION: &str = "create_at delete_at emoji_name post_id remote_id update_at user_id";
const EVENT: &str = "broadcast data event seq";
const BROADCAST: &str = "channel_id omit_users team_id user_id";
const POSTED: &str = "channel_display_name channel_name channel_type mentions post sender_name \
    set_online team_id";
const REFUSAL: &str = "detailed_error id message request_id status_code";

fn check(name: &str, value: &Value, fields: &str) -> Result<()> {
    let expected: BTreeSet<&str> = fields.split_whitespace().collect();
    let found: BTreeSet<&str> =
        value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let extra: Vec<_> = found.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    ensure!(extra.is_empty() && missing.is_empty(), "{name}: extra {extra:?}, none of {missing:?}");
    Ok(())
}

async fn on_5_37_records_have_the_recorded_fields(world: World) -> Result<()> {
    if world.since(6, 0) {
        return Ok(());
    }
    let user = world.get(&world.bot, &format!("/users/{}", world.alice.id)).await?.is(200)?;
    check("user", &user, USER)?;
    let me = world.get(&world.alice, "/users/me").await?.is(200)?;
    check("own user", &me, &format!("{USER} last_password_update notify_props"))?;
    let me = world.get(&world.bot, "/users/me").await?.is(200)?;
    check("own bot", &me, &format!("{USER} is_bot last_password_update notify_props"))?;
    let teams = world.get(&world.bot, "/users/me/teams").await?.is(200)?;
    check("team", &teams[0], TEAM)?;
    let path = format!("/channels/{}", world.channel);
    check("channel", &world.get(&world.bot, &path).await?.is(200)?, CHANNEL)?;
    let members = world.get(&world.bot, &format!("{path}/members")).await?.is(200)?;
    check("member", &members[0], MEMBER)?;
    let list = world.posts("").await?;
    check("list", &list, LIST)?;
    let root = world.say(&world.alice, "root").await?;
    check("post", &root, POST)?;
    let react = json!({ "user_id": world.bot.id, "post_id": root["id"], "emoji_name": "eyes" });
    let reaction = world.post(&world.bot, "/reactions", react).await?.is(200)?;
    check("reaction", &reaction, REACTION)?;
    let refusal = world.get(&world.bot, "/users/tooshort").await?.is(400)?;
    check("refusal", &refusal, REFUSAL)
}

async fn on_5_37_events_have_the_recorded_fields(world: World) -> Result<()> {
    if world.since(6, 0) {
        return Ok(());
    }
    let (mut socket, hello) = Socket::open(&world.rest.base, &world.bot.token).await?;
    check("hello", &hello, EVENT)?;
    check("its data", &hello["data"], "connection_id server_version")?;
    check("broadcast", &hello["broadcast"], BROADCAST)?;
    let text = format!("@{} hello", world.bot.name);
    let root = world.say(&world.alice, &text).await?;
    let (event, post) = socket.posted(&text).await?;
    check("posted", &event["data"], POSTED)?;
    check("its post", &post, POST)?;
    let react = json!({ "user_id": world.alice.id, "post_id": root["id"], "emoji_name": "+1" });
    world.post(&world.alice, "/reactions", react).await?.is(200)?;
    let event = socket.event("reaction_added").await?;
    check("reaction_added", &event["data"], "reaction")?;
    check("its reaction", &inner(&event, "reaction")?, REACTION)?;
    let typing = json!({ "channel_id": world.channel, "parent_id": "" });
    world.post(&world.alice, "/users/me/typing", typing).await?.is(200)?;
    check("typing", &socket.event("typing").await?["data"], "parent_id user_id")?;
    world.delete(&world.alice, &format!("/posts/{}", super::world::id(&root))).await?.is(200)?;
    check("post_deleted", &socket.event("post_deleted").await?["data"], "post")
}

mod tests {
    crate::case::cases![
        on_5_37_records_have_the_recorded_fields,
        on_5_37_events_have_the_recorded_fields
    ];
}
