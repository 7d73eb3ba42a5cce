//! News about a session, in the words of this program.
//!
//! Trust: an agent's words. Kinds nobody here knows are counted and passed over;
//! known kinds with an unreadable body too.

use agent_client_protocol_schema::v1::{
    ContentBlock, ContentChunk, Meta, SessionUpdate, ToolCall, ToolCallContent, ToolCallStatus,
    ToolCallUpdate,
};
use gaggle_ipc::session::ToolState;
use serde_json::Value;

/// One piece of news.
#[derive(Debug, PartialEq)]
pub(crate) enum Update {
    /// A piece of the answer.
    Answer(Chunk),
    /// A piece of the model's thinking.
    Thought(Chunk),
    /// A message of the person's, in a replay.
    User(Chunk),
    /// A tool call begins.
    Tool {
        /// Goose's name of the call.
        call: String,
        /// The tool.
        name: String,
        /// One line for people.
        title: String,
        /// Its arguments, as text.
        input: String,
        /// Seconds since 1970, in a replay.
        created: Option<i64>,
    },
    /// A tool call goes on or ends.
    ToolProgress {
        /// Goose's name of the call.
        call: String,
        /// How it ended, if it did.
        ended: Option<ToolState>,
        /// What it put out.
        output: String,
    },
    /// How full the context is.
    Usage {
        /// Tokens used.
        used: u64,
        /// Tokens that fit.
        size: u64,
        /// In what costs of the session are counted, if they are.
        currency: Option<String>,
    },
    /// What one call of the model took.
    Spent {
        /// Tokens that went in; `None` if the provider does not say.
        input: Option<u64>,
        /// Tokens that came out.
        output: Option<u64>,
        /// What it costs, in the currency of the session.
        cost: Option<f64>,
    },
    /// The session is in this mode now.
    Mode(String),
    /// Goose took the prompt up.
    Begun,
    /// A sentence for the person.
    Status(String),
    /// Known and of no interest.
    Passing,
    /// Of a kind that nobody here knows.
    Unknown(String),
}

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its text; empty for what is no text.
    pub(crate) text: String,
    /// Goose wrote it, not the model.
    pub(crate) is_gooses_own: bool,
    /// Seconds since 1970.
    pub(crate) created: Option<i64>,
}

impl Update {
    /// Reads the `update` of a `session/update`.
    pub(crate) fn parse(update: Value) -> Self {
        let kind = kind_of(&update);
        match serde_json::from_value(update) {
            Ok(SessionUpdate::AgentMessageChunk(chunk)) => Self::Answer(chunk.into()),
            Ok(SessionUpdate::AgentThoughtChunk(chunk)) => Self::Thought(chunk.into()),
            Ok(SessionUpdate::UserMessageChunk(chunk)) => Self::User(chunk.into()),
            Ok(SessionUpdate::ToolCall(call)) => Self::tool(call),
            Ok(SessionUpdate::ToolCallUpdate(update)) => Self::progress(update),
            Ok(SessionUpdate::UsageUpdate(usage)) => {
                let currency = usage.cost.map(|cost| cost.currency);
                Self::Usage { used: usage.used, size: usage.size, currency }
            }
            Ok(SessionUpdate::CurrentModeUpdate(mode)) => {
                Self::Mode(mode.current_mode_id.0.to_string())
            }
            Ok(SessionUpdate::SessionInfoUpdate(info)) => begun(info.meta.as_ref()),
            Ok(
                SessionUpdate::AvailableCommandsUpdate(_)
                | SessionUpdate::ConfigOptionUpdate(_)
                | SessionUpdate::Plan(_),
            ) => Self::Passing,
            _ => Self::Unknown(kind),
        }
    }

    /// Reads the `update` of Goose's own notification.
    pub(crate) fn parse_custom(update: &Value) -> Self {
        match kind_of(update).as_str() {
            "status_message" => update
                .pointer("/status/message")
                .and_then(Value::as_str)
                .map_or(Self::Passing, |message| Self::Status(message.to_owned())),
            // The same as the standard `usage_update`, which comes as well.
            "usage_update" => Self::Passing,
            // The answer to the prompt counts the last of the turn's calls alone.
            "message_usage" => {
                let usage = update.get("usage").unwrap_or(&Value::Null);
                let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
                Self::Spent {
                    input: tokens("inputTokens"),
                    output: tokens("outputTokens"),
                    cost: usage.get("cost").and_then(Value::as_f64),
                }
            }
            other => Self::Unknown(other.to_owned()),
        }
    }

    fn tool(call: ToolCall) -> Self {
        let name = call
            .meta
            .as_ref()
            .and_then(|meta| meta.get("goose")?.pointer("/toolCall/toolName")?.as_str())
            .map_or_else(|| tool_of_title(&call.title), str::to_owned);
        Self::Tool {
            call: call.tool_call_id.0.to_string(),
            name,
            input: input_text(call.raw_input.as_ref()),
            created: created(call.meta.as_ref()),
            title: call.title,
        }
    }

    fn progress(update: ToolCallUpdate) -> Self {
        let ended = match update.fields.status {
            Some(ToolCallStatus::Completed) => Some(ToolState::Completed),
            Some(ToolCallStatus::Failed) => Some(ToolState::Failed),
            _ => None,
        };
        let output: Vec<String> = update
            .fields
            .content
            .unwrap_or_default()
            .into_iter()
            .filter_map(|content| match content {
                ToolCallContent::Content(content) => Some(text_of(content.content)),
                _ => None,
            })
            .collect();
        Self::ToolProgress {
            call: update.tool_call_id.0.to_string(),
            ended,
            output: output.join("\n"),
        }
    }
}

impl From<ContentChunk> for Chunk {
    fn from(chunk: ContentChunk) -> Self {
        Self {
            // The model's messages carry the provider's id of the response.
            is_gooses_own: chunk.message_id.is_some_and(|id| id.0.starts_with("msg_")),
            created: created(chunk.meta.as_ref()),
            text: text_of(chunk.content),
        }
    }
}

/// A tool call's arguments for people: a lone command as it is, all else as JSON.
pub(crate) fn input_text(input: Option<&Value>) -> String {
    match input {
        None | Some(Value::Null) => String::new(),
        Some(Value::Object(fields)) if fields.len() == 1 => fields
            .get("command")
            .and_then(Value::as_str)
            .map_or_else(|| Value::Object(fields.clone()).to_string(), str::to_owned),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// The tool that a title names, where nothing better does.
pub(crate) fn tool_of_title(title: &str) -> String {
    title.split([' ', ':']).next().unwrap_or_default().to_owned()
}

fn text_of(content: ContentBlock) -> String {
    match content {
        ContentBlock::Text(text) => text.text,
        _ => String::new(),
    }
}

/// A number of a run means that one runs now; none, that it is over.
fn begun(meta: Option<&Meta>) -> Update {
    let run = meta.and_then(|meta| meta.get("goose")?.get("activeRunId"));
    if run.is_some_and(Value::is_string) { Update::Begun } else { Update::Passing }
}

fn created(meta: Option<&Meta>) -> Option<i64> {
    meta?.get("goose")?.get("created")?.as_i64()
}

fn kind_of(update: &Value) -> String {
    let kind = update.get("sessionUpdate").and_then(Value::as_str).unwrap_or_default();
    kind.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chunk(text: &str, id: &str) -> Value {
        json!({"content": {"type": "text", "text": text}, "messageId": id,
            "_meta": {"goose": {"created": 17}}})
    }

    fn of_kind(kind: &str, mut body: Value) -> Value {
        body["sessionUpdate"] = kind.into();
        body
    }

    #[test]
    fn gooses_own_words_are_told_from_the_models() {
        for (id, own) in [("msg_1", true), ("chatcmpl-1", false)] {
            let update = Update::parse(of_kind("agent_message_chunk", chunk("hi", id)));
            let expected = Chunk { text: "hi".into(), is_gooses_own: own, created: Some(17) };
            assert_eq!(update, Update::Answer(expected));
        }
    }

    #[test]
    fn a_tool_call_shows_its_command() {
        let update = Update::parse(json!({"sessionUpdate": "tool_call", "toolCallId": "c",
            "title": "shell · ls", "rawInput": {"command": "ls -l"},
            "_meta": {"goose": {"toolCall": {"toolName": "shell"}}}}));
        let Update::Tool { name, title, input, .. } = update else { panic!("{update:?}") };
        assert_eq!(
            (name.as_str(), title.as_str(), input.as_str()),
            ("shell", "shell · ls", "ls -l")
        );
    }

    #[test]
    fn arguments_beside_the_command_are_not_hidden() {
        let shown = input_text(Some(&json!({"command": "ls", "timeout_secs": 9})));
        assert!(shown.contains("timeout_secs") && shown.contains("ls"), "{shown}");
    }

    #[test]
    fn a_tools_end_carries_its_output() {
        let update = Update::parse(json!({"sessionUpdate": "tool_call_update", "toolCallId": "c",
            "status": "failed", "content": [{"type": "content",
            "content": {"type": "text", "text": "no such file"}}],
            "rawOutput": {"exit_code": 1}}));
        assert_eq!(
            update,
            Update::ToolProgress {
                call: "c".into(),
                ended: Some(ToolState::Failed),
                output: "no such file".into()
            }
        );
    }

    #[test]
    fn a_run_that_begins_is_told_from_one_that_is_over() {
        for (run, expected) in [(json!("run_1"), Update::Begun), (json!(null), Update::Passing)] {
            let update = Update::parse(json!({"sessionUpdate": "session_info_update",
                "_meta": {"goose": {"activeRunId": run}}}));
            assert_eq!(update, expected);
        }
    }

    #[test]
    fn what_one_call_took_is_told_from_what_is_not_reported() {
        let spent = |usage: Value| {
            Update::parse_custom(&json!({"sessionUpdate": "message_usage", "usage": usage}))
        };
        assert_eq!(
            spent(json!({"inputTokens": 1000, "outputTokens": 20, "cost": 0.5})),
            Update::Spent { input: Some(1000), output: Some(20), cost: Some(0.5) }
        );
        assert_eq!(
            spent(json!({"inputTokens": -1, "cost": 0.0})),
            Update::Spent { input: None, output: None, cost: Some(0.0) }
        );
    }

    #[test]
    fn unknown_kinds_and_broken_bodies_are_named_and_nothing_more() {
        assert_eq!(
            Update::parse(json!({"sessionUpdate": "new_thing", "x": 1})),
            Update::Unknown("new_thing".into())
        );
        assert_eq!(
            Update::parse(json!({"sessionUpdate": "tool_call", "title": 5})),
            Update::Unknown("tool_call".into())
        );
        assert_eq!(Update::parse(json!(null)), Update::Unknown(String::new()));
    }
}
