//! The scripted LLM as a client meets it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Llm, Outcome};

/// An LLM of the test's own with a client for it.
struct Asked {
    llm: Llm,
    client: reqwest::Client,
}

async fn start() -> Asked {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let llm = Llm::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    Asked { llm: llm.await.unwrap(), client: reqwest::Client::new() }
}

fn said(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

async fn send(llm: &Asked, stream: bool, messages: &[Value]) -> reqwest::Response {
    let tools = json!([{"type": "function", "function": {"name": "developer__shell"}}]);
    let body = json!({"model": "gpt-4o", "stream": stream, "messages": messages, "tools": tools});
    let url = format!("{}/v1/chat/completions", llm.llm.url());
    llm.client.post(url).json(&body).send().await.unwrap()
}

async fn ask(llm: &Asked, messages: &[Value]) -> Value {
    let whole: Value = send(llm, false, messages).await.json().await.unwrap();
    whole["choices"][0]["message"].clone()
}

async fn ask_text(llm: &Asked, text: &str) -> String {
    let message = ask(llm, &[said("user", text)]).await;
    message["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_streamed_answer_says_the_same_as_a_plain_one() {
    let llm = start().await;
    let messages = [said("user", "hällo there<turn-context>time</turn-context>")];
    assert_eq!(ask(&llm, &messages).await["content"], "echo: hällo there");
    let events = send(&llm, true, &messages).await.text().await.unwrap();
    let text: String = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|e| Some(e["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, "echo: hällo there");
    assert!(events.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn run_calls_the_shell_and_then_says_its_output() {
    let llm = start().await;
    let mut messages = vec![said("user", "run: id -un")];
    let call = ask(&llm, &messages).await;
    let function = &call["tool_calls"][0]["function"];
    assert_eq!(function["name"], "developer__shell");
    assert_eq!(function["arguments"], r#"{"command":"id -un"}"#);
    messages.push(call);
    messages.push(said("tool", "alice\n"));
    assert_eq!(ask(&llm, &messages).await["content"], "alice");
}

#[tokio::test]
async fn steps_follow_each_other_and_recall_shows_what_the_request_holds() {
    let llm = start().await;
    let mut messages = vec![
        said("user", "my number is 7"),
        said("assistant", "echo: my number is 7"),
        said("user", "!!shell | true ;; recall"),
    ];
    messages.push(ask(&llm, &messages).await);
    assert!(messages[3]["tool_calls"].is_array());
    messages.push(said("tool", ""));
    let recalled = ask(&llm, &messages).await;
    assert_eq!(recalled["content"], "my number is 7\n!!shell | true ;; recall");
}

#[tokio::test]
async fn of_messages_that_goose_joined_the_newest_counts() {
    let llm = start().await;
    let joined =
        "!!error\n<turn-context>\nt\n</turn-context>\nhello\n<turn-context>\nt\n</turn-context>";
    assert_eq!(ask_text(&llm, joined).await, "echo: hello");
    assert_eq!(llm.llm.requests()[0].user_texts(), ["!!error", "hello"]);
}

#[tokio::test]
async fn errors_come_with_their_status_and_end_when_told_to() {
    let llm = start().await;
    for code in [400_u16, 401, 404, 429, 500] {
        let messages = [said("user", &format!("!!error code={code}"))];
        assert_eq!(send(&llm, true, &messages).await.status(), code);
    }
    let full = [said("user", "!!error code=400 ctx=1")];
    let error: Value = send(&llm, true, &full).await.json().await.unwrap();
    assert_eq!(error["error"]["code"], "context_length_exceeded");
    let twice = [said("user", "!!error after=2")];
    assert_eq!(send(&llm, false, &twice).await.status(), 500);
    assert_eq!(send(&llm, false, &twice).await.status(), 500);
    assert_eq!(ask(&llm, &twice).await["content"], "recovered");
}

#[tokio::test]
async fn a_cut_answer_is_an_error_for_the_reader() {
    let llm = start().await;
    let answer = send(&llm, true, &[said("user", "!!drop n=2")]).await;
    assert!(answer.text().await.is_err());
}

#[tokio::test]
async fn a_silent_answer_is_open_until_the_client_leaves() {
    let llm = start().await;
    let answer = send(&llm, true, &[said("user", "!!hang n=1")]).await;
    assert_eq!(llm.llm.requests()[0].outcome, Outcome::Open);
    drop(answer);
    let noticed = async {
        while llm.llm.requests()[0].outcome != Outcome::Abandoned {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.unwrap();
}

#[tokio::test]
async fn made_up_texts_have_their_size() {
    let llm = start().await;
    assert_eq!(ask_text(&llm, "!!huge size=5000").await.len(), 5000);
    assert!(ask_text(&llm, "!!reply size=300 | ab").await.len() >= 300);
    let long = ask_text(&llm, "!!markdown size=40000").await;
    assert!(long.len() >= 40_000 && long.matches("```").count() % 2 == 0);
}

#[tokio::test]
async fn goose_own_requests_get_answers_of_their_kind() {
    let llm = start().await;
    let url = format!("{}/v1/chat/completions", llm.llm.url());
    let ask = |body: Value| {
        let request = llm.client.post(&url).json(&body);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let title = ask(json!({"messages": [
        said("system", "Give a title of 4 words or less"), said("user", "run: rm -rf x")]}));
    assert_eq!(title.await["choices"][0]["message"]["content"], "A scripted title");
    let judge = json!([{"function": {"name": "platform__tool_by_tool_permission"}}]);
    let judged = ask(json!({"messages": [said("user", "x")], "tools": judge})).await;
    let call = &judged["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["arguments"], r#"{"read_only_tools":[]}"#);
}

#[tokio::test]
async fn the_record_is_served_and_bounded() {
    let llm = start().await;
    for at in 0..600 {
        ask_text(&llm, &format!("message {at}")).await;
    }
    let kept: Vec<Value> = llm
        .client
        .get(format!("{}/_llm/requests", llm.llm.url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(kept.len(), 512);
    assert_eq!(kept[511]["messages"][0]["content"], "message 599");
    assert_eq!(llm.llm.requests()[511].user_texts(), ["message 599"]);
}

#[tokio::test]
async fn what_is_held_goes_on_when_it_is_let_go() {
    let llm = start().await;
    llm.llm.hold(true);
    let asked = [said("user", "!!reply n=4 hold=2 | abcd")];
    let mut answer = send(&llm, true, &asked).await;
    let mut before = String::new();
    while !before.contains(r#""content":"b""#) {
        before += &String::from_utf8_lossy(&answer.chunk().await.unwrap().unwrap());
    }
    assert!(!before.contains(r#""content":"c""#), "{before}");
    assert_eq!(llm.llm.requests().last().unwrap().outcome, Outcome::Open);
    llm.llm.hold(false);
    let rest = answer.text().await.unwrap();
    assert!(rest.contains(r#""content":"d""#), "{rest}");
}
