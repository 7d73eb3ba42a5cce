//! Lines that no Goose would send: nothing of them may panic.

use proptest::prelude::*;

use super::message::Message;

/// Lines as measured, to be spoiled.
const LINES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"result":{"sessionId":"20261120_1"}}"#,
    r#"{"jsonrpc":"2.0","id":9,"error":{"code":-32000,"message":"Authentication required"}}"#,
    r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"S","update":{"sessionUpdate":"tool_call","toolCallId":"c","title":"shell","rawInput":{"command":"ls"},"_meta":{"goose":{"toolCall":{"toolName":"shell"},"created":1}}}}}"#,
    r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"S","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"hi"},"messageId":"msg_1"}}}"#,
    r#"{"jsonrpc":"2.0","id":"u","method":"session/request_permission","params":{"sessionId":"S","toolCall":{"toolCallId":"c","title":"t"},"options":[{"optionId":"o","kind":"allow_once"}]}}"#,
];

proptest! {
    #[test]
    fn any_text_is_taken_apart(line in any::<String>()) {
        let _ = Message::parse(&line);
    }

    #[test]
    fn spoiled_lines_are_taken_apart(
        line in prop::sample::select(LINES),
        cut in any::<prop::sample::Index>(),
        length in 0_usize..20,
        patch in "[\\[\\]{}\":,0-9a-z-]{0,6}",
    ) {
        let start = cut.index(line.len());
        let end = (start + length).min(line.len());
        let spoiled = [&line[..start], patch.as_str(), &line[end..]].concat();
        let _ = Message::parse(&spoiled);
    }
}

#[test]
fn the_lines_to_be_spoiled_are_good_ones() {
    for line in LINES {
        assert!(!matches!(Message::parse(line), Message::Noise), "{line}");
    }
}
