//! What clients are told, and what they cannot do to the server.

use gaggle_frontend::mcp::{self, Class, Writes};
use serde_json::{Value, json};

use crate::town::Town;

#[tokio::test]
async fn each_tool_says_what_it_takes_and_gives_and_whether_it_writes() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    let listed = tools.ask("tools/list", json!({})).await.unwrap();
    let listed = listed["tools"].as_array().unwrap();
    assert_eq!(listed.len(), mcp::all().len());
    for (told, tool) in listed.iter().zip(mcp::all()) {
        let name = tool.name;
        assert_eq!(told["name"], name);
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(told[schema]["type"], "object", "{name} {schema}");
        }
        assert_eq!(told["inputSchema"]["additionalProperties"], false, "{name}");
        let reads = tool.class == Class::Read;
        assert_eq!(told["annotations"]["readOnlyHint"], reads, "{name}");
        assert_eq!(told["annotations"]["destructiveHint"], false, "{name}");
        let properties = told["inputSchema"]["properties"].as_object();
        for (argument, schema) in properties.into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name} {argument}");
        }
    }
}

#[tokio::test]
async fn what_writes_is_not_there_where_nothing_may_be_written_nor_is_it_done() {
    let town = Town::build().await;
    let mut tools = town.tools_with(&town.alice, Writes::Deny).await;
    let names = tools.names().await;
    assert!(names.iter().any(|name| name == "read_channel"), "positive control");
    for tool in mcp::all().iter().filter(|tool| tool.class == Class::Write) {
        assert!(!names.iter().any(|name| name == tool.name), "{}", tool.name);
    }
    let message = json!({ "channel": "square", "message": "hello" });
    let refused = tools.call("send_message", message.clone()).await.unwrap_err();
    assert_eq!(refused, tools.call("no_such_tool", json!({})).await.unwrap_err());
    assert!(town.sim.posts(town.square).iter().all(|post| post.message != "hello"));
    town.tools_of(&town.alice).await.call("send_message", message).await.unwrap();
    let posts = town.sim.posts(town.square);
    assert!(posts.iter().any(|post| post.message.starts_with("hello")), "positive control");
}

#[tokio::test]
async fn bad_arguments_are_answered_with_what_is_wrong_and_the_next_call_works() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    for (tool, arguments, why) in [
        ("read_channel", json!({}), "channel"),
        ("read_channel", json!({ "channel": "square", "limit": 0 }), "limit"),
        ("read_channel", json!({ "channel": "square", "limit": 101 }), "limit"),
        ("read_channel", json!({ "channel": "square", "colour": 1 }), "colour"),
        ("read_channel", json!({ "channel": "../users/me" }), "channel"),
        ("read_post", json!({ "post_id": "short" }), "post_id"),
        ("get_channels", json!({ "page": -1 }), "page"),
        ("get_channels", json!({ "per_page": 0 }), "per_page"),
        ("search_messages", json!({ "query": " " }), "query"),
        ("search_users", json!({ "term": "a" }), "term"),
        ("send_message", json!({ "channel": "square", "message": " " }), "message"),
        ("send_direct_message", json!({ "users": [], "message": "x" }), "users"),
        ("create_channel", json!({ "name": "a/b", "display_name": "x" }), "name"),
    ] {
        let refused = tools.call(tool, arguments).await.unwrap_err();
        assert!(refused.contains(why), "{tool}: {refused}");
    }
    tools.call("whoami", json!({})).await.unwrap();
}

#[tokio::test]
async fn lines_that_are_too_long_or_none_of_the_protocols_cost_nothing_but_themselves() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    tools.line("{").await;
    tools.line(&"x".repeat(mcp::MAX_LINE + 1)).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    tools.line(&deep).await;
    let found = tools.call("whoami", json!({})).await.unwrap();
    assert_eq!(found["person"]["username"], "alice");
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let town = Town::build().await;
    let mut tools = town.tools_of(&town.alice).await;
    for id in 1000..1100 {
        let params = json!({ "name": "get_teams", "arguments": {} });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        tools.send(&call).await;
    }
    let mut answered: Vec<u64> = Vec::new();
    while answered.len() < 100 {
        let answer: Value = tools.next().await;
        answered.push(answer["id"].as_u64().unwrap());
    }
    answered.sort_unstable();
    assert!(answered.iter().copied().eq(1000..1100));
}
