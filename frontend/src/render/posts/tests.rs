//! What people see of a turn in each trace mode.

use gaggle_ipc::session::ToolState;
use tokio::time::Instant;

use super::*;
use crate::render::{Ending, Tool};
use crate::state::Outcome;

const MODES: [TraceMode; 3] = [TraceMode::Off, TraceMode::Full, TraceMode::Simplified];

fn working() -> Transcript {
    Transcript::new(Phase::Working(Instant::now()))
}

fn ended(mut transcript: Transcript, note: Option<&str>) -> Transcript {
    transcript.end(Ending {
        outcome: Outcome::Complete,
        note: note.map(str::to_owned),
        long: None,
    });
    transcript
}

fn tool(call: u32, state: ToolState, title: &str) -> Tool {
    Tool { call, state, title: title.to_owned(), detail: "first\nlast line\n".to_owned() }
}

fn style(trace: TraceMode) -> Style {
    Style { trace, ..Style::default() }
}

fn message(transcript: &Transcript, mode: TraceMode) -> String {
    let rendered = posts(transcript, &style(mode));
    assert_eq!(rendered.messages.len(), 1);
    rendered.messages[0].clone()
}

#[test]
fn simplified_shows_the_last_action_and_forgets_it_at_the_end() {
    let mut turn = working();
    assert_eq!(message(&turn, TraceMode::Simplified), "Thinking...");
    turn.think("secret thought");
    turn.tool(tool(1, ToolState::Running, "shell · ls"));
    assert_eq!(message(&turn, TraceMode::Simplified), "Thinking... [shell · ls]");
    turn.answer("Two files.");
    turn.tool(tool(1, ToolState::Completed, "shell · ls"));
    let text = message(&turn, TraceMode::Simplified);
    assert_eq!(text, "Two files.\n\nThinking... [✅ shell · ls]");
    turn.tool(tool(2, ToolState::Failed, "shell · make"));
    assert!(message(&turn, TraceMode::Simplified).ends_with("Thinking... [❌ shell · make]"));
    assert_eq!(message(&ended(turn, None), TraceMode::Simplified), "Two files.");
}

#[test]
fn off_shows_neither_thinking_nor_tools() {
    let mut turn = working();
    turn.think("secret thought");
    turn.tool(tool(1, ToolState::Running, "shell · ls"));
    assert_eq!(message(&turn, TraceMode::Off), "Thinking...");
    turn.answer("Hi");
    assert_eq!(message(&turn, TraceMode::Off), "Hi");
    assert_eq!(posts(&turn, &style(TraceMode::Off)).attachments, None);
}

#[test]
fn full_shows_both_in_an_attachment_with_states() {
    let mut turn = working();
    turn.think("a thought for @all");
    for (call, state) in
        [(1, ToolState::Completed), (2, ToolState::Failed), (3, ToolState::Running)]
    {
        turn.tool(tool(call, state, "shell · ls"));
    }
    turn.answer("Hi");
    let running = posts(&turn, &style(TraceMode::Full)).attachments.unwrap();
    let text = running[0]["text"].as_str().unwrap();
    assert!(text.contains("✅ `shell · ls` completed\n```\nfirst\nlast line\n```\n"), "{text}");
    assert!(text.contains("❌ `shell · ls` failed\n```\nfirst\nlast line\n```\n⏳"), "{text}");
    assert!(text.contains("⏳ `shell · ls` running"));
    assert!(text.contains("a thought for @\u{200b}all"));
    let over = ended(turn, None);
    let text = posts(&over, &style(TraceMode::Full)).attachments.unwrap().to_string();
    assert!(text.contains("abandoned") && !text.contains("running"));
}

#[test]
fn full_shows_the_output_of_the_last_actions_and_a_diff_as_one() {
    let mut turn = working();
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b @all\n";
    for call in 1..=5 {
        let detail = if call == 5 { diff.to_owned() } else { format!("output {call}\n") };
        turn.tool(Tool { detail, ..tool(call, ToolState::Completed, "shell · x") });
    }
    let attachments = posts(&turn, &style(TraceMode::Full)).attachments.unwrap();
    let text = attachments[0]["text"].as_str().unwrap();
    assert!(text.contains(&format!("```diff\n{diff}```")), "{text}");
    assert!(text.contains("output 3") && !text.contains("output 2"), "{text}");
    assert!(crate::mentions::find(text, "all").is_empty());
}

#[test]
fn thinking_is_in_no_message_of_any_mode() {
    let mut turn = working();
    turn.think("secret thought");
    turn.answer("Hi");
    for mode in MODES {
        assert!(!message(&turn, mode).contains("secret"));
        assert!(!message(&ended(turn.clone(), None), mode).contains("secret"));
    }
}

#[test]
fn an_attachment_stays_small_whatever_is_in_it() {
    let mut turn = working();
    turn.think(&"\"\\@all\u{1}\n".repeat(5000));
    for call in 0..500 {
        turn.tool(tool(call, ToolState::Failed, &"\"`\\".repeat(200)));
    }
    let attachments = posts(&turn, &style(TraceMode::Full)).attachments.unwrap();
    assert!(attachments.to_string().chars().count() < 7000);
}

#[test]
fn no_post_is_ever_empty() {
    for mode in MODES {
        for answer in ["", "  \n", "\u{0}\u{1}"] {
            let mut turn = working();
            turn.answer(answer);
            for turn in [turn.clone(), ended(turn.clone(), None), ended(turn, Some("Stopped."))] {
                assert!(!message(&turn, mode).trim().is_empty());
            }
        }
    }
}

#[test]
fn a_note_after_an_open_code_block_is_not_code() {
    let mut turn = working();
    turn.answer("```sh\nls");
    let text = message(&ended(turn.clone(), Some("Stopped.")), TraceMode::Simplified);
    assert_eq!(text, "```sh\nls\n```\n\nStopped.");
    // Also if nothing follows: clients show an open block as text.
    turn.answer(" @host");
    assert_eq!(message(&ended(turn, None), TraceMode::Simplified), "```sh\nls @host\n```");
}

#[test]
fn forty_thousand_characters_come_whole_and_in_order() {
    let mut turn = working();
    let words: Vec<String> = (0..8000).map(|n| format!("w{n:04}")).collect();
    turn.answer(&words.join(" "));
    let rendered = posts(&ended(turn, Some("Stopped.")), &style(TraceMode::Simplified));
    assert_eq!(rendered.messages.len(), 4);
    assert!(rendered.messages.iter().all(|m| m.chars().count() < 16_000));
    let shown: Vec<_> = rendered.messages.iter().flat_map(|m| m.split_whitespace()).collect();
    assert_eq!(shown[..8000], words);
}

#[test]
fn notes_above_leave_the_post_under_its_limit() {
    let mut turn = working();
    for n in 0..20 {
        turn.note(format!("{n:02}{}", "n".repeat(490)));
    }
    turn.answer(&"word ".repeat(10_000));
    let messages = posts(&ended(turn, Some("Stopped.")), &style(TraceMode::Off)).messages;
    assert!(messages[0].starts_with("> 00nnn") && messages[0].contains("word"));
    assert!(messages.iter().all(|message| message.chars().count() < 16_383));
}

#[test]
fn a_mention_laid_bare_by_a_cut_through_code_calls_nobody() {
    let mut turn = working();
    turn.answer(&format!("`{}`", "@all x ".repeat(5000)));
    for message in posts(&ended(turn, None), &style(TraceMode::Off)).messages {
        assert!(message.chars().count() < 16_383);
        assert!(crate::mentions::find(&message, "all").is_empty());
    }
}
