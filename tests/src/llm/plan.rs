//! From a request to the answer it gets: pure functions, no sockets.
//!
//! Trust: the request is Goose's. Requests of Goose's own (a session's name,
//! compaction, the permission judge) are told apart by what they ask for.

use std::time::Duration;

use serde_json::{Value, json};

use super::request::{
    has_calls, images, is_of_person, last_tool_result, messages, system_prompt, text_of,
    tool_names, user_texts, visible_text,
};
use super::script::{Script, Step};

/// Most characters of a text that is said back.
const ECHO: usize = 2000;
/// Most bytes of a made-up text.
const MAX_MADE: usize = 32 * 1024 * 1024;

/// What the LLM does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It says something, or calls tools.
    Message(Message),
    /// It refuses with an HTTP status.
    Status { code: u16, context_full: bool },
    /// It starts to answer in so many pieces, and then this happens.
    Broken { pieces: usize, how: Break },
    /// It sends what is no completion at all.
    Garbage,
}

/// How a broken answer breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection is closed.
    Closed,
    /// An event is not JSON; the rest is as it should be.
    BadJson,
    /// Nothing more comes, and the connection stays.
    Silence,
}

/// An answer as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) thinking: String,
    pub(super) text: String,
    /// Name of a tool and its arguments.
    pub(super) calls: Vec<(String, String)>,
    /// Pieces that thinking and text are streamed in.
    pub(super) pieces: usize,
    pub(super) delay: Duration,
    /// It stops before this piece while the test holds it.
    pub(super) hold: Option<usize>,
    /// The output limit cut it.
    pub(super) cut: bool,
}

/// Decides the answer to `body`, whose messages were sent `attempts` times before.
pub(super) fn answer(body: &Value, attempts: usize) -> Answer {
    let messages = messages(body);
    let tools = tool_names(body);
    if let Some(own) = for_goose_itself(messages, &tools) {
        return own;
    }
    let last = messages.iter().rposition(is_of_person);
    let text = last.and_then(|at| messages.get(at)).map(visible_text);
    let Some((last, text)) = last.zip(text) else {
        return say("hello");
    };
    let after = messages.get(last + 1..).unwrap_or_default();
    match Script::parse(&text) {
        Script::Echo(text) => say(&format!("echo: {}", start_of(&text, ECHO))),
        Script::Run(command) => match last_tool_result(after) {
            None => shell_calls(&tools, &[&command], ""),
            Some(output) => say(output.trim()),
        },
        Script::Steps(steps) => {
            let done = after.iter().filter(|m| has_calls(m)).count();
            match steps.get(done) {
                Some(step) => play(step, body, &tools, attempts),
                None => {
                    let output = last_tool_result(after).unwrap_or_default();
                    say(&format!("done: {}", start_of(output.trim(), ECHO)))
                }
            }
        }
    }
}

fn play(step: &Step, body: &Value, tools: &[String], attempts: usize) -> Answer {
    let argument = step.argument.as_str();
    let argument_or = |default: &'static str| match argument {
        "" => default,
        given => given,
    };
    match step.verb.as_str() {
        "reply" => text(step, padded(argument_or("hello"), step.number("size", 0))),
        "recall" => text(step, user_texts(body).join("\n")),
        "huge" => lines(step),
        "markdown" => text(step, markdown(step.number("size", 40_000))),
        "think" => Answer::Message(Message {
            thinking: argument_or("let me think about this").to_owned(),
            text: "thought done".to_owned(),
            pieces: step.number("n", 3),
            delay: step.delay(),
            ..Message::default()
        }),
        "length" => Answer::Message(Message {
            text: argument_or("cut off").to_owned(),
            cut: true,
            pieces: 1,
            ..Message::default()
        }),
        "shell" => shell_calls(tools, &[argument], step.text("pre").unwrap_or_default()),
        "tools" => shell_calls(tools, &argument.split(" ,, ").collect::<Vec<_>>(), ""),
        "tool" => calls(vec![(
            pick(tools, step.text("name").unwrap_or_default()),
            argument_or("{}").to_owned(),
        )]),
        "badtool" => calls(vec![("no_such_tool".to_owned(), "{}".to_owned())]),
        "badargs" => calls(vec![(pick(tools, "shell"), argument.to_owned())]),
        "image" => say(&format!("images: {}", images(body))),
        "dump" => say(&tools.join("\n")),
        "sysprompt" => say(start_of(&system_prompt(messages(body)), ECHO)),
        "empty" => Answer::Message(Message::default()),
        "garbage" => Answer::Garbage,
        "drop" => broken(step, 2, Break::Closed),
        "badchunk" => broken(step, 1, Break::BadJson),
        "hang" => broken(step, 0, Break::Silence),
        "error" => failure(step, attempts),
        verb => say(&format!("the scripted LLM has no verb {verb}")),
    }
}

fn failure(step: &Step, attempts: usize) -> Answer {
    if step.text("after").is_some() && attempts >= step.number("after", 0) {
        return say("recovered");
    }
    Answer::Status {
        code: u16::try_from(step.number("code", 500)).unwrap_or(500),
        context_full: step.text("ctx").is_some(),
    }
}

fn broken(step: &Step, pieces: usize, how: Break) -> Answer {
    let pieces = step.number("n", pieces);
    Answer::Broken { pieces, how }
}

fn say(text: &str) -> Answer {
    Answer::Message(Message { text: text.to_owned(), pieces: 3, ..Message::default() })
}

fn text(step: &Step, text: String) -> Answer {
    Answer::Message(Message {
        text,
        pieces: step.number("n", 3),
        delay: step.delay(),
        hold: step.text("hold").and_then(|at| at.parse().ok()),
        ..Message::default()
    })
}

fn lines(step: &Step) -> Answer {
    let size = step.number("size", 100_000).min(MAX_MADE);
    let line = "0123456789abcdef".repeat(4) + "\n";
    let mut text = line.repeat(size / line.len() + 1);
    text.truncate(size);
    Answer::Message(Message {
        text,
        pieces: size / step.number("chunk", 1000).max(1),
        delay: step.delay(),
        ..Message::default()
    })
}

fn padded(text: &str, size: usize) -> String {
    let mut padded = text.to_owned();
    while padded.len() < size.min(MAX_MADE) {
        padded.push(' ');
        padded.push_str(text);
    }
    padded
}

/// Numbered sections with a fenced block each, so that a reader can tell
/// whether every line arrived once and in order.
fn markdown(size: usize) -> String {
    let mut text = String::new();
    let mut section = 1;
    while text.len() < size.min(MAX_MADE) {
        text.push_str(&format!(
            "## Section {section}\n\nSome *words* about item {section}.\n\n- one\n- two\n\n```rust\n"
        ));
        for line in 0..20 {
            text.push_str(&format!("let line_{section}_{line} = {line};\n"));
        }
        text.push_str("```\n\n");
        section += 1;
    }
    text.push_str("The end.");
    text
}

fn calls(calls: Vec<(String, String)>) -> Answer {
    Answer::Message(Message { calls, ..Message::default() })
}

fn shell_calls(tools: &[String], commands: &[&str], before: &str) -> Answer {
    let shell = pick(tools, "shell");
    let call = |command: &&str| (shell.clone(), json!({"command": command.trim()}).to_string());
    Answer::Message(Message {
        text: before.to_owned(),
        pieces: 1,
        calls: commands.iter().map(call).collect(),
        ..Message::default()
    })
}

/// The offered tool of that name, or the first whose name ends so.
fn pick(tools: &[String], wanted: &str) -> String {
    let exact = tools.iter().find(|tool| *tool == wanted);
    let ending = || tools.iter().find(|tool| tool.ends_with(wanted));
    exact.or_else(ending).map_or_else(|| wanted.to_owned(), Clone::clone)
}

fn for_goose_itself(messages: &[Value], tools: &[String]) -> Option<Answer> {
    if let Some(judge) = tools.iter().find(|tool| tool.contains("tool_by_tool_permission")) {
        return Some(calls(vec![(judge.clone(), json!({"read_only_tools": []}).to_string())]));
    }
    if !tools.is_empty() {
        return None;
    }
    let system = system_prompt(messages).to_lowercase();
    let ask = messages.last().map(text_of).unwrap_or_default().to_lowercase();
    let about = |words: &[&str]| {
        words.iter().any(|w| start_of(&system, 3000).contains(w) || ask.contains(w))
    };
    if about(&["words or less", "short title", "4 words", "concise title"]) {
        Some(say("A scripted title"))
    } else if about(&["summar", "compact"]) {
        Some(say(&format!("Summary of {} messages.", messages.len())))
    } else {
        None
    }
}

fn start_of(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters);
    end.map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}
