//! The tools for a client of its own: the program, over its standard input and output.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::town::Town;

fn program(url: &str, token: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gaggle-mcp"));
    program
        .args(arguments)
        .env_clear()
        .env("MATTERMOST_URL", url)
        .env("MATTERMOST_TOKEN", token)
        .env("MATTERMOST_TEAM", "town")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    program
}

/// Says all of it, hangs up, and reads the answers.
async fn said(mut child: Child, lines: &[Value]) -> (Vec<Value>, Option<i32>, String) {
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = Vec::new();
    for line in lines {
        if input.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            break;
        }
        if line.get("id").is_some() {
            match output.next_line().await.unwrap() {
                Some(answer) => answers.push(serde_json::from_str(&answer).unwrap()),
                None => break,
            }
        }
    }
    drop(input);
    let ended = child.wait_with_output().await.unwrap();
    (answers, ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

fn talk(calls: &[(&str, Value)]) -> Vec<Value> {
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    let mut lines = vec![
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
    ];
    for (id, (method, params)) in (1..).zip(calls) {
        lines.push(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }
    lines
}

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_client_reads_with_the_callers_account_and_writes_only_if_told_so() {
    let town = Town::build().await;
    let write = json!({ "name": "send_message",
        "arguments": { "channel": "without-bot", "message": "hello" } });
    let calls = [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "whoami", "arguments": {} })),
        ("tools/call", write),
    ];
    for (arguments, writes) in [
        (&["serve"][..], false),
        (&["mcp:serve", "--integration=mattermost", "--write=deny"], false),
        (&["serve", "--integration", "mattermost", "--write", "allow"], true),
    ] {
        let child = program(town.sim.url(), &town.alice.token, arguments).spawn().unwrap();
        let (answers, status, errors) = said(child, &talk(&calls)).await;
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        assert_eq!(names(&answers[1]).contains(&"send_message"), writes);
        assert!(names(&answers[1]).contains(&"read_channel"));
        let who = &answers[2]["result"]["structuredContent"];
        assert_eq!((&who["person"]["username"], who.get("bot")), (&json!("alice"), None));
        let hers = |post: &gaggle_tests::mattermost::Post| post.user_id == town.alice.id;
        let written = town.sim.posts(town.without_bot).iter().any(hers);
        assert_eq!(written, writes, "{}", answers[3]);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_at_the_start_and_no_token_is_in_it() {
    let town = Town::build().await;
    let bad = "0000000000000000000000bad0";
    let (_, status, errors) =
        said(program(town.sim.url(), bad, &["serve"]).spawn().unwrap(), &[]).await;
    assert!(status == Some(77) && errors.contains("MATTERMOST_TOKEN"), "{status:?} {errors}");
    assert!(!errors.contains(bad), "{errors}");
    let mut without = program(town.sim.url(), bad, &["serve"]);
    let (_, status, errors) =
        said(without.env_remove("MATTERMOST_URL").spawn().unwrap(), &[]).await;
    assert!(status == Some(78) && errors.contains("MATTERMOST_URL"), "{status:?} {errors}");
    let (_, status, _) =
        said(program(town.sim.url(), bad, &["serve", "--write=yes"]).spawn().unwrap(), &[]).await;
    assert_eq!(status, Some(2));
}
