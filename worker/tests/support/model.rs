//! A scripted model that speaks as much of OpenAI's protocol as Goose needs.
//!
//! The last `!!` line of the last user message says what to do: `say TEXT`, `think TEXT`,
//! `run COMMAND`, `hang`, `flood BYTES`, `status CODE`, `overflow`, `empty`, `length`. After a
//! tool's result the model says `tool: RESULT`, or hangs if the order ends in `hang`;
//! everything else is echoed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The server; its threads end with the test's process.
pub(crate) struct Model {
    port: u16,
    requests: Arc<Mutex<Vec<Value>>>,
    ended: Arc<AtomicUsize>,
}

impl Model {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicUsize::new(0));
        let (seen, finished) = (Arc::clone(&requests), Arc::clone(&ended));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, finished) = (Arc::clone(&seen), Arc::clone(&finished));
                std::thread::spawn(move || {
                    if serve(stream, &seen) != Some(Kind::Listing) {
                        finished.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { port, requests, ended }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The conversation in the last request, as one text.
    pub(crate) fn last_conversation(&self) -> String {
        let requests = self.requests.lock().unwrap();
        let last = requests.last().expect("the model was never asked");
        let spoken = last["messages"].as_array().unwrap().iter();
        spoken.filter(|m| m["role"] != "system").map(Value::to_string).collect()
    }

    /// The model of the last request.
    pub(crate) fn last_model(&self) -> String {
        let requests = self.requests.lock().unwrap();
        let last = requests.last().expect("the model was never asked");
        last["model"].as_str().unwrap().to_owned()
    }

    /// What the model is told to be in the last request.
    pub(crate) fn system_prompt(&self) -> String {
        let requests = self.requests.lock().unwrap();
        let last = requests.last().expect("the model was never asked");
        let spoken = last["messages"].as_array().unwrap().iter();
        spoken.filter(|m| m["role"] == "system").map(text_of).collect()
    }

    /// How many answers are over, whole or because Goose went away.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// How many answers were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// What a connection was for.
#[derive(PartialEq, Eq)]
enum Kind {
    Listing,
    Answer,
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Value>>) -> Option<Kind> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if first.starts_with("GET") {
        let models = json!({"data": [{"id": "gpt-4o", "object": "model"}]});
        return reply(stream, "200 OK", &models).map(|()| Kind::Listing);
    }
    let body: Value = serde_json::from_slice(&body).ok()?;
    seen.lock().ok()?.push(body.clone());
    answer(stream, &body).map(|()| Kind::Answer)
}

fn reply(mut stream: TcpStream, status: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn answer(stream: TcpStream, body: &Value) -> Option<()> {
    let messages = body["messages"].as_array()?;
    let last = messages.last()?;
    let user = messages.iter().rev().find(|message| message["role"] == "user")?;
    let text = text_of(user);
    let order = text.rsplit_once("!!").map_or("", |(_, rest)| rest.lines().next().unwrap_or(""));
    if last["role"] == "tool" && order.ends_with("hang") {
        return hang(stream);
    }
    if last["role"] == "tool" {
        return speak(stream, &format!("tool: {}", text_of(last)));
    }
    let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
    match verb {
        "say" => speak(stream, rest),
        "think" => stream_deltas(
            stream,
            &[json!({"reasoning_content": rest}), json!({"content": "thought"})],
            "stop",
        ),
        "run" => run(stream, rest),
        "flood" => flood(stream, rest.parse().ok()?),
        "hang" => hang(stream),
        "empty" => stream_deltas(stream, &[], "stop"),
        "length" => stream_deltas(stream, &[json!({"content": "cut"})], "length"),
        "status" => {
            reply(stream, &format!("{rest} Scripted"), &json!({"error": {"message": "scripted"}}))
        }
        "overflow" => reply(
            stream,
            "400 Bad Request",
            &json!({"error": {
            "message": "This model's maximum context length is 10 tokens.",
            "code": "context_length_exceeded"}}),
        ),
        _ => speak(stream, &format!("echo: {}", text.split("<turn-context>").next()?.trim())),
    }
}

fn speak(stream: TcpStream, text: &str) -> Option<()> {
    let half = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (left, right) = text.split_at(half);
    stream_deltas(stream, &[json!({"content": left}), json!({"content": right})], "stop")
}

fn run(stream: TcpStream, command: &str) -> Option<()> {
    let arguments = json!({"command": command}).to_string();
    let id =
        format!("call_{:08x}", command.len() + command.bytes().map(usize::from).sum::<usize>());
    let call = json!({"tool_calls": [{"index": 0, "id": id, "type": "function",
        "function": {"name": "shell", "arguments": arguments}}]});
    stream_deltas(stream, &[call], "tool_calls")
}

fn flood(stream: TcpStream, bytes: usize) -> Option<()> {
    let chunk = json!({"content": "0123456789abcde\n".repeat(1024)});
    let chunks = vec![chunk; bytes / (16 * 1024)];
    stream_deltas(stream, &chunks, "stop")
}

fn head(stream: &mut TcpStream) -> Option<()> {
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        )
        .ok()
}

fn hang(mut stream: TcpStream) -> Option<()> {
    head(&mut stream)?;
    // Until Goose gives up.
    stream.read_exact(&mut [0]).ok()
}

fn stream_deltas(mut stream: TcpStream, deltas: &[Value], finish: &str) -> Option<()> {
    head(&mut stream)?;
    let base = json!({"id": "chatcmpl-1", "created": 1, "model": "gpt-4o", "object": "chat.completion.chunk"});
    let mut send = |delta: &Value, finish: Value, usage: Value| {
        let mut chunk = base.clone();
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        chunk["usage"] = usage;
        stream.write_all(format!("data: {chunk}\n\n").as_bytes()).ok()
    };
    for delta in deltas {
        send(delta, Value::Null, Value::Null)?;
    }
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12});
    send(&json!({}), finish.into(), usage)?;
    stream.write_all(b"data: [DONE]\n\n").ok()
}
