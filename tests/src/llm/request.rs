//! Reading a request for a completion.
//!
//! Trust: the request is Goose's; what is missing or of another type counts as
//! absent.

use serde_json::Value;

/// The person's own texts in `body`, oldest first.
pub(super) fn user_texts(body: &Value) -> Vec<String> {
    let of_person = messages(body).iter().filter(|m| is_of_person(m));
    of_person.flat_map(texts_in).collect()
}

/// All its messages, oldest first.
pub(super) fn messages(body: &Value) -> &[Value] {
    body["messages"].as_array().map_or(&[], Vec::as_slice)
}

/// The names of the tools it offers.
pub(super) fn tool_names(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let name = |tool: &Value| tool["function"]["name"].as_str().map(str::to_owned);
    tools.iter().filter_map(name).collect()
}

/// What it tells the model to be.
pub(super) fn system_prompt(messages: &[Value]) -> String {
    let system = |m: &&Value| matches!(m["role"].as_str(), Some("system" | "developer"));
    messages.iter().filter(system).map(text_of).collect::<Vec<_>>().join("\n")
}

/// The message is the person's own: Goose slips in notes as user messages.
pub(super) fn is_of_person(message: &Value) -> bool {
    message["role"] == "user" && !text_of(message).trim_start().starts_with("<info-msg")
}

/// The message calls tools.
pub(super) fn has_calls(message: &Value) -> bool {
    message["role"] == "assistant" && message["tool_calls"].is_array()
}

/// The output of the last tool that ran.
pub(super) fn last_tool_result(messages: &[Value]) -> Option<String> {
    let result = messages.iter().rfind(|m| m["role"] == "tool");
    result.map(text_of)
}

/// The newest text of the person in a message.
pub(super) fn visible_text(message: &Value) -> String {
    texts_in(message).pop().unwrap_or_default()
}

/// The person's texts in a message, oldest first. Goose closes each with a block
/// of its own, and joins those that were left without an answer.
fn texts_in(message: &Value) -> Vec<String> {
    let text = text_of(message);
    let own = text.split("</turn-context>").filter_map(|part| part.split("<turn-context>").next());
    own.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The whole text of a message.
pub(super) fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// How many images the person's last message has.
pub(super) fn images(body: &Value) -> usize {
    let last = messages(body).iter().rfind(|m| is_of_person(m));
    let parts = last.and_then(|m| m["content"].as_array());
    parts.map_or(0, |parts| parts.iter().filter(|p| p["type"] == "image_url").count())
}
