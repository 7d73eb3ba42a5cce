//! One line of JSON-RPC, taken apart.
//!
//! Trust: the line is Goose's. `method` is looked at before `id`, because Goose
//! asks questions of its own whose ids are unrelated to ours.

use agent_client_protocol_schema::v1::ToolCallUpdate;
use gaggle_ipc::GooseSession;
use serde::Deserialize;
use serde_json::{Value, json};

use super::update::Update;

/// Longest line taken from Goose, in bytes. A model's answer in one piece is
/// one line; anything beyond this is a broken or hostile agent.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// What a line is.
#[derive(Debug)]
pub(crate) enum Message {
    /// The answer to a request of ours.
    Answer {
        /// Our number.
        id: u64,
        /// What came of it.
        result: Result<Value, RpcError>,
    },
    /// A question that must be answered.
    Question {
        /// To be given back as it is.
        id: Value,
        /// What is asked.
        ask: Ask,
    },
    /// News about a session.
    Update {
        /// Goose's name of the session.
        session: GooseSession,
        /// The news.
        update: Update,
    },
    /// Not for us, or not JSON-RPC: passed over.
    Noise,
}

/// What Goose asks.
#[derive(Debug)]
pub(crate) enum Ask {
    /// May this tool run?
    Permission(Box<PermissionRequest>),
    /// Files and terminals: refused, they were never offered.
    NotOffered,
    /// Anything else.
    Unknown,
}

/// An error in place of a result. Only text of Goose's own making is kept:
/// structured data echoes what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcError {
    /// JSON-RPC's or ACP's code.
    pub(crate) code: i64,
    /// The message, and the data where it is a sentence.
    pub(crate) text: String,
}

/// A permission request, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PermissionRequest {
    /// Goose's name of the tool call.
    pub(crate) call: String,
    /// Its title.
    pub(crate) title: String,
    /// Its arguments, as text.
    pub(crate) input: String,
    /// The option that allows this call only, if there is one.
    pub(crate) allow_once: Option<String>,
    /// The option that rejects this call only, if there is one.
    pub(crate) reject_once: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    method: Option<String>,
    id: Option<Value>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
    error: Option<LineError>,
}

#[derive(Deserialize)]
struct LineError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl Message {
    /// Takes a line apart. Never fails: what is unreadable is [`Message::Noise`].
    pub(crate) fn parse(line: &str) -> Self {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return Self::Noise;
        };
        match (line.method, line.id) {
            (Some(method), Some(id)) if id.is_string() || id.is_number() => {
                Self::Question { id, ask: Ask::parse(&method, line.params) }
            }
            (Some(method), None) => Self::notification(&method, line.params),
            (None, Some(id)) => match (id.as_u64(), line.result, line.error) {
                (Some(id), Some(result), None) => Self::Answer { id, result: Ok(result) },
                (Some(id), None, Some(error)) => Self::Answer { id, result: Err(error.into()) },
                // A result of `null` reads as no result.
                (Some(id), None, None) => Self::Answer { id, result: Ok(Value::Null) },
                _ => Self::Noise,
            },
            _ => Self::Noise,
        }
    }

    fn notification(method: &str, mut params: Value) -> Self {
        let session = params
            .get("sessionId")
            .and_then(Value::as_str)
            .and_then(|id| GooseSession::new(id).ok());
        let update = params.get_mut("update").map(Value::take);
        let (Some(session), Some(update)) = (session, update) else {
            return Self::Noise;
        };
        match method {
            "session/update" => Self::Update { session, update: Update::parse(update) },
            "_goose/unstable/session/update" => {
                Self::Update { session, update: Update::parse_custom(&update) }
            }
            _ => Self::Noise,
        }
    }
}

impl From<LineError> for RpcError {
    fn from(error: LineError) -> Self {
        let text = match error.data {
            Value::String(data) => format!("{}: {data}", error.message),
            _ => error.message,
        };
        Self { code: error.code, text }
    }
}

impl Ask {
    fn parse(method: &str, params: Value) -> Self {
        if method == "session/request_permission" {
            return PermissionRequest::parse(params)
                .map_or(Self::Unknown, |request| Self::Permission(Box::new(request)));
        }
        if method.starts_with("fs/") || method.starts_with("terminal/") {
            return Self::NotOffered;
        }
        Self::Unknown
    }
}

impl PermissionRequest {
    fn parse(mut params: Value) -> Option<Self> {
        let options = params.get_mut("options").map(Value::take);
        let call = params.get_mut("toolCall").map(Value::take)?;
        let call: ToolCallUpdate = serde_json::from_value(call).ok()?;
        // Read one by one: an option of a kind to come must not spoil the others.
        let option = |wanted: &str| {
            let options = options.as_ref()?.as_array()?;
            let kind = |option: &&Value| option.get("kind").and_then(Value::as_str) == Some(wanted);
            Some(options.iter().find(kind)?.get("optionId")?.as_str()?.to_owned())
        };
        Some(Self {
            allow_once: option("allow_once"),
            reject_once: option("reject_once"),
            call: call.tool_call_id.0.to_string(),
            title: call.fields.title.unwrap_or_default(),
            input: super::update::input_text(call.fields.raw_input.as_ref()),
        })
    }
}

/// A request of ours, one line.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// A notification of ours, one line.
pub(crate) fn notification(method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// Our answer to a question of Goose's, one line.
pub(crate) fn answer(id: &Value, result: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// Our refusal of a question of Goose's, one line.
pub(crate) fn refusal(id: &Value) -> String {
    let error = json!({"code": -32601, "message": "Method not found"});
    line(&json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

/// The outcome that lets a permission request end without a choice.
pub(crate) fn cancelled_outcome() -> Value {
    json!({"outcome": {"outcome": "cancelled"}})
}

/// The outcome that chooses an option.
pub(crate) fn selected_outcome(option: &str) -> Value {
    json!({"outcome": {"outcome": "selected", "optionId": option}})
}

fn line(value: &Value) -> String {
    let mut line = value.to_string();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_with_our_own_number_is_still_a_question() {
        let line = r#"{"jsonrpc":"2.0","id":1,"method":"terminal/create","params":{}}"#;
        assert!(matches!(Message::parse(line), Message::Question { ask: Ask::NotOffered, .. }));
        let line = r#"{"id":"x","method":"fs/read_text_file","params":{"path":"/etc/shadow"}}"#;
        assert!(matches!(Message::parse(line), Message::Question { ask: Ask::NotOffered, .. }));
    }

    #[test]
    fn answers_and_errors_are_told_apart() {
        let Message::Answer { id: 7, result: Ok(Value::Null) } =
            Message::parse(r#"{"id":7,"result":null}"#)
        else {
            panic!()
        };
        let line = r#"{"id":3,"error":{"code":-32603,"message":"Internal error","data":"why"}}"#;
        let Message::Answer { id: 3, result: Err(error) } = Message::parse(line) else { panic!() };
        assert_eq!(error.text, "Internal error: why");
    }

    #[test]
    fn what_was_sent_is_not_kept_from_an_error() {
        let line = r#"{"id":3,"error":{"code":-32602,"message":"Invalid params",
            "data":{"json":{"prompt":"my secret"}}}}"#;
        let Message::Answer { result: Err(error), .. } = Message::parse(line) else { panic!() };
        assert_eq!(error.text, "Invalid params");
    }

    #[test]
    fn hostile_lines_are_noise() {
        for line in [
            "",
            "x",
            "[]",
            "{}",
            "null",
            r#"{"id":null,"error":{"code":-32700}}"#,
            r#"{"id":{"a":1},"method":"session/request_permission"}"#,
            r#"{"id":-1,"result":{}}"#,
            r#"{"id":"1","result":{}}"#,
            r#"{"id":1,"result":{},"error":{}}"#,
            r#"{"method":"session/update","params":{"sessionId":"../x","update":{}}}"#,
            r#"{"method":"session/update"}"#,
            r#"{"method":5,"id":1}"#,
            &"[".repeat(100_000),
        ] {
            assert!(matches!(Message::parse(line), Message::Noise), "{line:.60}");
        }
    }

    #[test]
    fn only_the_once_options_are_ever_named() {
        let line = r#"{"id":"a","method":"session/request_permission","params":{"sessionId":"S",
            "toolCall":{"toolCallId":"c","title":"shell · ls","rawInput":{"command":"ls"}},
            "options":[{"optionId":"1","name":"n","kind":"allow_always"},
                {"optionId":"2","name":"n","kind":"allow_once"},
                {"optionId":"3","name":"n","kind":"a_new_kind"},
                {"optionId":"4","name":"n","kind":"reject_always"}]}}"#;
        let Message::Question { ask: Ask::Permission(request), .. } = Message::parse(line) else {
            panic!()
        };
        assert_eq!(request.allow_once.as_deref(), Some("2"));
        assert_eq!(request.reject_once, None);
        assert_eq!(request.input, "ls");
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let text = request(1, "session/prompt", &json!({"text": "a\nb\u{2028}"}));
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.ends_with('\n'));
    }
}
