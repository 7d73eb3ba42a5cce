//! An answer as HTTP: one JSON object, or server-sent events with their timing.
//!
//! Trust: nothing here reads what a client sent but the request already parsed.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::plan::{Answer, Break, Message};
use super::record::Entry;

/// Enough for the server to have written what it was given.
const FLUSH: Duration = Duration::from_millis(50);

/// What happens next on the connection.
enum Frame {
    Bytes(String),
    Wait(Duration),
    /// As long as the test holds it.
    Hold,
    Close,
    Silence,
}

/// Gives `answer` in the form that `body` asked for.
pub(super) fn respond(
    body: &Value,
    answer: Answer,
    mut entry: Entry,
    holds: watch::Receiver<bool>,
) -> Response {
    let streamed = body["stream"] == true;
    match answer {
        Answer::Status { code, context_full } => {
            entry.answered();
            refuse(code, context_full)
        }
        Answer::Garbage => {
            entry.answered();
            let html = [(header::CONTENT_TYPE, "text/html")];
            (html, "<html>this is no LLM</html>").into_response()
        }
        Answer::Message(message) if streamed => events(frames(body, &message), entry, holds),
        Answer::Message(message) => {
            entry.answered();
            Json(whole(body, &message)).into_response()
        }
        Answer::Broken { pieces, how } => {
            let pieces = if streamed { pieces } else { 0 };
            events(broken_frames(body, pieces, how), entry, holds)
        }
    }
}

/// An error as OpenAI words it.
pub(super) fn error(status: StatusCode, message: &str, code: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "code": code});
    (status, Json(json!({"error": error}))).into_response()
}

fn refuse(code: u16, context_full: bool) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if context_full {
        let message = "This model's maximum context length is 128000 tokens. However, your \
                       messages resulted in 999999 tokens.";
        return error(status, message, "context_length_exceeded");
    }
    let mut response =
        error(status, &format!("scripted error {code}"), &format!("scripted_{code}"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        let soon = header::HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response
}

fn events(frames: VecDeque<Frame>, entry: Entry, holds: watch::Receiver<bool>) -> Response {
    let all = (frames, entry, holds);
    let body = stream::unfold(all, |(mut frames, mut entry, mut holds)| async move {
        loop {
            match frames.pop_front() {
                Some(Frame::Bytes(bytes)) => {
                    return Some((Ok(Bytes::from(bytes)), (frames, entry, holds)));
                }
                Some(Frame::Wait(time)) => tokio::time::sleep(time).await,
                Some(Frame::Hold) => {
                    // An LLM that ended holds nothing any more.
                    let _ = holds.wait_for(|holds| !holds).await;
                }
                Some(Frame::Silence) => std::future::pending().await,
                Some(Frame::Close) => {
                    entry.answered();
                    let cut = Err(std::io::Error::other("cut as the script says"));
                    return Some((cut, (VecDeque::new(), entry, holds)));
                }
                None => {
                    entry.answered();
                    return None;
                }
            }
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(body)).into_response()
}

fn frames(body: &Value, message: &Message) -> VecDeque<Frame> {
    let mut frames = VecDeque::from([chunk(body, json!({"role": "assistant", "content": ""}))]);
    let mut say = |key: &str, text: &str| {
        for (at, piece) in pieces(text, message.pieces).into_iter().enumerate() {
            if message.hold == Some(at) {
                frames.push_back(Frame::Hold);
            }
            frames.push_back(chunk(body, json!({key: piece})));
            if !message.delay.is_zero() {
                frames.push_back(Frame::Wait(message.delay));
            }
        }
    };
    say("reasoning_content", &message.thinking);
    say("content", &message.text);
    for (index, mut call) in tool_calls(body, message).into_iter().enumerate() {
        call["index"] = json!(index);
        frames.push_back(chunk(body, json!({"tool_calls": [call]})));
    }
    end(body, message, &mut frames);
    frames
}

fn end(body: &Value, message: &Message, frames: &mut VecDeque<Frame>) {
    let mut last = base(body, "chat.completion.chunk");
    last["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": finish(message)}]);
    frames.push_back(event(&last));
    let mut counted = base(body, "chat.completion.chunk");
    counted["choices"] = json!([]);
    counted["usage"] = usage(body, message);
    frames.push_back(event(&counted));
    frames.push_back(Frame::Bytes("data: [DONE]\n\n".to_owned()));
}

fn broken_frames(body: &Value, pieces: usize, how: Break) -> VecDeque<Frame> {
    let part = |at: usize| chunk(body, json!({"content": format!("part{at} ")}));
    let mut frames: VecDeque<Frame> = (0..pieces).map(part).collect();
    match how {
        // What was said must have left before the connection goes, or the
        // client sees nothing of it.
        Break::Closed => frames.extend([Frame::Wait(FLUSH), Frame::Close]),
        Break::Silence => frames.push_back(Frame::Silence),
        Break::BadJson => {
            frames.push_back(Frame::Bytes("data: {not json\n\n".to_owned()));
            end(body, &Message::default(), &mut frames);
        }
    }
    frames
}

fn whole(body: &Value, message: &Message) -> Value {
    let mut said = json!({"role": "assistant", "content": message.text});
    if !message.thinking.is_empty() {
        said["reasoning_content"] = json!(message.thinking);
    }
    let calls = tool_calls(body, message);
    if !calls.is_empty() {
        said["tool_calls"] = json!(calls);
    }
    let mut whole = base(body, "chat.completion");
    whole["choices"] = json!([{"index": 0, "message": said, "finish_reason": finish(message)}]);
    whole["usage"] = usage(body, message);
    whole
}

fn chunk(body: &Value, delta: Value) -> Frame {
    let mut chunk = base(body, "chat.completion.chunk");
    chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": null}]);
    event(&chunk)
}

fn event(value: &Value) -> Frame {
    Frame::Bytes(format!("data: {value}\n\n"))
}

fn base(body: &Value, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{}", turn_number(body)),
        "object": object,
        "created": 1,
        "model": body["model"],
    })
}

// Ids differ within a conversation and are the same at every repetition.
fn turn_number(body: &Value) -> usize {
    body["messages"].as_array().map_or(0, Vec::len)
}

fn tool_calls(body: &Value, message: &Message) -> Vec<Value> {
    let turn = turn_number(body);
    let call = |(at, (name, arguments)): (usize, &(String, String))| {
        json!({
            "id": format!("call_{turn}_{at}"),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        })
    };
    message.calls.iter().enumerate().map(call).collect()
}

fn finish(message: &Message) -> &'static str {
    match message {
        Message { cut: true, .. } => "length",
        Message { calls, .. } if !calls.is_empty() => "tool_calls",
        _ => "stop",
    }
}

fn usage(body: &Value, message: &Message) -> Value {
    let asked = body["messages"].to_string().len() / 4;
    let said = (message.text.len() / 4).max(1);
    json!({"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said})
}

/// `text` in at most `count` pieces of about the same length.
pub(super) fn pieces(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(count.max(1)).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}
