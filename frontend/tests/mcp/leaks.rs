//! For every tool: nothing of what the person does not see, not even that it exists.

use gaggle_tests::mattermost::Id;
use serde_json::{Value, json};

use crate::town::{Tools, Town};

const SECRET: &str = "xyzzy";

/// Calls of tools about a channel of that name and team, and a post in it.
fn calls(channel: &str, name: Option<(&str, &str)>, post: &str) -> Vec<(&'static str, Value)> {
    let mut calls = vec![
        ("get_channel_info", json!({ "channel": channel })),
        ("get_channel_members", json!({ "channel": channel })),
        ("read_channel", json!({ "channel": channel })),
        ("read_post", json!({ "post_id": post })),
        ("get_thread_context", json!({ "post_id": post })),
        ("send_message", json!({ "channel": channel, "message": "let me in" })),
        ("send_message", json!({ "channel": "square", "thread": post, "message": "let me in" })),
        ("read_channel", json!({ "channel": "square", "before": post })),
    ];
    if let Some((name, team)) = name {
        calls.push(("get_channel_info", json!({ "channel": name, "team": team })));
        calls.push(("get_channel_members", json!({ "channel": name, "team": team })));
        calls.push(("read_channel", json!({ "channel": name, "team": team })));
        let message = json!({ "channel": name, "team": team, "message": "let me in" });
        calls.push(("send_message", message));
    }
    calls
}

/// What a thing that never existed is answered with.
async fn refusals(tools: &mut Tools, name: Option<(&str, &str)>) -> Vec<String> {
    let nothing = "a".repeat(26);
    let name = name.map(|(_, team)| ("no-such-channel", team));
    let mut refusals = Vec::new();
    for (tool, arguments) in calls(&nothing, name, &nothing) {
        refusals.push(tools.call(tool, arguments).await.unwrap_err());
    }
    refusals
}

async fn nothing_is_told(town: &Town, channel: Id, name: Option<(&str, &str)>) {
    let post = town.sim.post(town.bob.id, channel, SECRET).unwrap();
    let before = town.sim.posts(channel).len();
    let mut tools = town.tools_of(&town.alice).await;
    let expected = refusals(&mut tools, name).await;
    let tried = calls(channel.as_str(), name, post.as_str());
    for ((tool, arguments), expected) in tried.into_iter().zip(expected) {
        let told = tools.call(tool, arguments.clone()).await;
        // Word for word what is said of a thing that does not exist.
        assert_eq!(told, Err(expected), "{tool} {arguments}");
    }
    let listed = tools.call("get_channels", json!({ "per_page": 100 })).await.unwrap();
    assert!(!listed.to_string().contains(channel.as_str()), "{listed}");
    for query in [SECRET, "xyzzy from:bob"] {
        let found = tools.call("search_messages", json!({ "query": query })).await.unwrap();
        assert_eq!(found, json!({ "messages": [] }));
    }
    assert_eq!(town.sim.posts(channel).len(), before, "something was written");
}

#[tokio::test]
async fn a_private_channel_without_the_person() {
    let town = Town::build().await;
    nothing_is_told(&town, town.bobs, Some(("bobs", "town"))).await;
    // The control: Bob is in it.
    let mut tools = town.tools_of(&town.bob).await;
    let found = tools.call("search_messages", json!({ "query": SECRET })).await.unwrap();
    assert_eq!(found["messages"][0]["text"], format!("> {SECRET}"));
    tools.call("read_channel", json!({ "channel": "bobs" })).await.unwrap();
}

#[tokio::test]
async fn a_private_channel_without_the_bot() {
    let town = Town::build().await;
    nothing_is_told(&town, town.without_bot, Some(("without-bot", "town"))).await;
}

#[tokio::test]
async fn direct_messages_of_others_with_the_bot() {
    let town = Town::build().await;
    nothing_is_told(&town, town.bobs_dm, None).await;
    let channel = town.sim.posts(town.bobs_dm)[0].channel_id;
    let mut tools = town.tools_of(&town.bob).await;
    tools.call("read_channel", json!({ "channel": channel.as_str() })).await.unwrap();
}

#[tokio::test]
async fn a_group_message_of_others_with_the_bot() {
    let town = Town::build().await;
    nothing_is_told(&town, town.group, None).await;
    let mut tools = town.tools_of(&town.carol).await;
    tools.call("read_channel", json!({ "channel": town.group.as_str() })).await.unwrap();
}

#[tokio::test]
async fn a_public_channel_of_a_team_without_the_person() {
    let town = Town::build().await;
    nothing_is_told(&town, town.elsewhere, None).await;
    let mut tools = town.tools_of(&town.alice).await;
    for (tool, arguments) in [
        ("get_team_info", json!({ "team": "island" })),
        ("get_team_info", json!({ "team": town.other_team.as_str() })),
        ("get_team_members", json!({ "team": "island" })),
        ("get_channels", json!({ "team": "island" })),
        ("search_users", json!({ "term": "car", "team": "island" })),
        ("search_messages", json!({ "query": SECRET, "team": "island" })),
        ("get_channel_info", json!({ "channel": "elsewhere", "team": "island" })),
        ("read_channel", json!({ "channel": "elsewhere", "team": "island" })),
        ("create_channel", json!({ "team": "island", "name": "n", "display_name": "N" })),
    ] {
        let mut nowhere = arguments.clone();
        nowhere["team"] = json!("no-such-team");
        let expected = tools.call(tool, nowhere).await.unwrap_err();
        assert_eq!(tools.call(tool, arguments.clone()).await, Err(expected), "{tool} {arguments}");
    }
    let mut tools = town.tools_of(&town.bob).await;
    tools.call("get_team_info", json!({ "team": "island" })).await.unwrap();
}

#[tokio::test]
async fn a_post_that_was_deleted() {
    let town = Town::build().await;
    let post = town.sim.post(town.bob.id, town.square, SECRET).unwrap();
    let mut tools = town.tools_of(&town.alice).await;
    let of = json!({ "post_id": post.as_str() });
    tools.call("read_post", of.clone()).await.unwrap();
    town.sim.delete(town.bob.id, post).unwrap();
    let nothing = json!({ "post_id": "a".repeat(26) });
    for tool in ["read_post", "get_thread_context"] {
        let expected = tools.call(tool, nothing.clone()).await;
        assert_eq!(tools.call(tool, of.clone()).await, expected, "{tool}");
    }
    for (tool, arguments) in [
        ("read_channel", json!({ "channel": "square" })),
        ("search_messages", json!({ "query": SECRET })),
    ] {
        let found = tools.call(tool, arguments).await.unwrap();
        assert!(!found.to_string().contains(SECRET), "{tool}: {found}");
    }
}

#[tokio::test]
async fn whoever_was_removed_writes_nothing_from_that_moment() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let message = json!({ "channel": town.shared.as_str(), "message": "hello" });
    tools.call("send_message", message.clone()).await.unwrap();
    town.sim.remove_from_channel(town.shared, town.alice.id).unwrap();
    let before = town.sim.posts(town.shared).len();
    tools.call("send_message", message).await.unwrap_err();
    assert_eq!(town.sim.posts(town.shared).len(), before);
    // And reads nothing with a memory of its own.
    let mut tools = town.tools_of(&town.alice).await;
    tools.call("read_channel", json!({ "channel": town.shared.as_str() })).await.unwrap_err();
}
