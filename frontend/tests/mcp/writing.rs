//! What tools that write do, and how it looks to others.

use serde_json::json;

use crate::town::Town;

#[tokio::test]
async fn what_is_written_says_whose_agent_wrote_it_and_calls_nobody() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let message = "@channel look: [here](https://evil.example/x)";
    let arguments = json!({ "channel": "square", "message": message });
    let written = tools.call("send_message", arguments).await.unwrap();
    let id = written["id"].as_str().unwrap();
    let post = town.sim.posts(town.square).into_iter().find(|p| p.id.as_str() == id).unwrap();
    assert!(post.message.ends_with("\n\n_— alice's agent_"), "{}", post.message);
    assert!(!post.message.contains("@channel"), "{}", post.message);
    assert!(!post.message.contains("](https://evil"), "{}", post.message);
    assert_eq!(post.props["gaggle_agent_of"], town.alice.id.as_str());
    assert_eq!(post.user_id, town.bot.id);
}

#[tokio::test]
async fn a_reply_goes_into_the_thread_of_whatever_it_replies_to() {
    let town = Town::build().await;
    let root = town.sim.post(town.bob.id, town.square, "question").unwrap();
    let reply = town.sim.reply(town.bob.id, root, "more").unwrap();
    let mut tools = town.tools_of(&town.alice).await;
    let arguments = json!({ "channel": "square", "thread": reply.as_str(), "message": "answer" });
    let written = tools.call("send_message", arguments).await.unwrap();
    assert_eq!(written["thread_id"], root.as_str());
    assert_eq!(town.sim.thread(root).len(), 3);
}

#[tokio::test]
async fn a_direct_message_is_read_by_the_person_too() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let arguments = json!({ "users": ["@bob"], "message": "lunch?" });
    let written = tools.call("send_direct_message", arguments).await.unwrap();
    let mut bobs = town.tools_of(&town.bob).await;
    let of = json!({ "post_id": written["id"] });
    bobs.call("read_post", of.clone()).await.unwrap();
    tools.call("read_post", of.clone()).await.unwrap();
    let mut carols = town.tools_of(&town.carol).await;
    carols.call("read_post", of).await.unwrap_err();
    let own = json!({ "users": ["alice"], "message": "note" });
    let written = tools.call("send_direct_message", own).await.unwrap();
    assert_eq!(written["channel_id"], town.own_dm.as_str());
    for users in [json!(["nobody-is-called-so"]), json!(["alice", "b/../c"])] {
        let arguments = json!({ "users": users, "message": "x" });
        tools.call("send_direct_message", arguments).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_channel_that_was_made_has_the_person_in_it() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let new = json!({ "name": "plans", "display_name": "Plans", "private": true });
    let made = tools.call("create_channel", new.clone()).await.unwrap();
    assert_eq!(made["type"], "private");
    let message = json!({ "channel": "plans", "message": "first" });
    tools.call("send_message", message).await.unwrap();
    tools.call("create_channel", new).await.unwrap_err();
}

#[tokio::test]
async fn nothing_is_written_into_an_archived_channel_nor_where_the_person_is_no_member() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.carol).await;
    let message = json!({ "channel": "square", "message": "hello" });
    // The team may read it; its members write in it.
    tools.call("read_channel", json!({ "channel": "square" })).await.unwrap();
    let refused = tools.call("send_message", message.clone()).await.unwrap_err();
    assert!(refused.contains("members"), "{refused}");
    town.sim.add_to_channel(town.square, town.carol.id).unwrap();
    tools.call("send_message", message).await.unwrap();
}

#[tokio::test]
async fn what_is_too_long_is_refused_with_what_fits() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let before = town.sim.posts(town.square).len();
    let arguments = json!({ "channel": "square", "message": "x".repeat(16_000) });
    let refused = tools.call("send_message", arguments).await.unwrap_err();
    assert!(refused.contains("15383"), "{refused}");
    assert_eq!(town.sim.posts(town.square).len(), before);
    let arguments = json!({ "channel": "square", "message": "x".repeat(15_383) });
    tools.call("send_message", arguments).await.unwrap();
}
