//! What a question says, before and after it is decided.
//!
//! Trust: tool, title and command are the agent's and may want to deceive: the
//! command stands in a code block that it cannot end, and characters that hide
//! or reorder others stand there by their numbers.

use std::fmt::Write as _;
use std::time::Duration;

use rand::RngExt;

use super::Decision;
use crate::markdown::{code_span, tick_rows};
use crate::policy::Audience;
use crate::render::split;

/// Room that a post's first and last lines leave to the command, in characters.
const LIMIT: usize = 15_000;
/// Rows of so many backticks are shown by their number: a longer fence is not
/// carried from one post to the next.
const TICKS: usize = 30;
/// Most of a tool's name that a note shows, in characters.
const MOST_OF_A_NAME: usize = 100;
/// Letters that nobody takes for others.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz";

/// What Goose asks.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) tool: String,
    /// The whole command or the arguments.
    pub(super) command: String,
    /// What people type to mean it.
    pub(super) name: String,
    pub(super) patience: Duration,
    /// The person was never asked before.
    pub(super) first: bool,
}

/// A name for a question.
pub(super) fn name() -> String {
    let mut random = rand::rng();
    let mut letter = || LETTERS.get(random.random_range(0..LETTERS.len())).copied().unwrap_or(b'a');
    (0..4).map(|_| char::from(letter())).collect()
}

impl Question {
    /// The posts that ask, the command in full; the last one has the buttons.
    pub(super) fn posts(&self) -> Vec<String> {
        let mut text = format!("🔐 Goose wants to use {}:\n\n", code_span(&self.tool));
        text.push_str(&block(&self.command));
        let mut posts: Vec<String> =
            split::split(&text, LIMIT).iter().map(split::Piece::text).collect();
        if let Some(last) = posts.last_mut() {
            let _ = write!(last, "\n\n{}", self.buttons());
        }
        posts
    }

    /// What stands where others read along.
    pub(super) fn short(&self) -> String {
        format!(
            "🔐 Goose wants to use {}.\n\nI sent you what exactly in a direct message. Please answer there; it is no in {}.",
            code_span(&self.tool),
            words(self.patience),
        )
    }

    fn buttons(&self) -> String {
        let mut text = format!(
            "👍 this once · ✅ {} for the rest of this thread · 👎 no\nOr write `!approve {name}` or `!deny {name}`. Without an answer it is no, in {}.",
            code_span(&self.tool),
            words(self.patience),
            name = self.name,
        );
        if self.first {
            // Of the same paragraph: it goes when the buttons go.
            text.push_str(
                "\n*I tell you this once: click one of the three below this post. 👍 lets this one call run. ✅ lets this tool run whatever it likes in this thread, without asking you again, until I am restarted. 👎 means no, and the agent goes on without it. Only your click counts.*",
            );
        }
        text
    }

    /// What a reminder says.
    pub(super) fn reminder(&self) -> String {
        format!(
            "⏳ Goose still waits for your answer about {}: `!approve {name}` or `!deny {name}`.",
            code_span(&self.tool),
            name = self.name,
        )
    }

    /// What becomes of the last post once it is decided.
    pub(super) fn decided(last: &str, how: &str) -> String {
        // What can be answered is the last paragraph.
        let asks = last.rsplit_once("\n\n").map_or(last, |(asks, _)| asks);
        format!("{asks}\n\n{how}")
    }
}

/// How a decision reads; `last` if it was the last question of its turn.
pub(super) fn outcome(decision: Option<Decision>, tool: &str, last: bool) -> String {
    let mut text = match decision {
        Some(Decision::Once) => "👍 Allowed, this once.".to_owned(),
        Some(Decision::Thread) => {
            format!("✅ Allowed: {} for the rest of this thread.", code_span(tool))
        }
        Some(Decision::No) => "👎 Not allowed.".to_owned(),
        None => "⌛ Nobody answered: not allowed.".to_owned(),
    };
    if last {
        text.push_str(
            " I shall not ask again before you write: whatever else it wants is not allowed.",
        );
    }
    text
}

/// What is said when the rules forbid a tool.
pub(super) fn forbidden(tool: &str, audience: Audience) -> String {
    let place = match audience {
        Audience::Person => "",
        Audience::Channel => " here",
    };
    let tool: String = tool.chars().take(MOST_OF_A_NAME).collect();
    format!("Your admin's rules do not let the agent use {}{place}.", code_span(&tool))
}

/// What is said when nobody could be asked.
pub(super) fn unasked(tool: &str) -> String {
    format!("🚫 Goose wanted to use {} and I could not ask you: not allowed.", code_span(tool))
}

fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// `text` in a code block, as it is.
fn block(text: &str) -> String {
    let shown = visible(text).replace(&"`".repeat(TICKS), &format!("⟨{TICKS} × U+0060⟩"));
    let longest = tick_rows(&shown).last().copied().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", shown.trim_end_matches('\n'))
}

/// `text` with what could hide or reorder something shown by its number.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
                | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
        if hides {
            let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(command: &str) -> Question {
        Question {
            tool: "shell".to_owned(),
            command: command.to_owned(),
            name: "abcd".to_owned(),
            patience: Duration::from_secs(1800),
            first: false,
        }
    }

    #[test]
    fn the_command_cannot_leave_its_block_or_hide_in_it() {
        let posts =
            question("echo hi\n```\n# 👍 Allowed\n\u{202e}fr- mr\u{200b}\u{3164}\r").posts();
        let [post] = posts.as_slice() else { panic!("{posts:?}") };
        assert!(post.contains("\n````\necho hi\n```\n"), "{post}");
        assert!(post.contains("⟨U+202E⟩fr- mr⟨U+200B⟩⟨U+3164⟩⟨U+000D⟩\n````\n"), "{post}");
        assert!(post.starts_with("🔐 Goose wants to use `shell`:"), "{post}");
        assert!(post.ends_with("in 30 minutes."), "{post}");
    }

    #[test]
    fn whoever_is_asked_for_the_first_time_is_told_how() {
        let first = Question { first: true, ..question("ls") };
        let post = first.posts().pop().unwrap();
        assert!(post.contains("✅ lets this tool run whatever it likes in this thread"), "{post}");
        let decided = Question::decided(&post, "👎 Not allowed.");
        assert!(decided.ends_with("ls\n```\n\n👎 Not allowed."), "{decided}");
        assert!(!question("ls").posts().pop().unwrap().contains("I tell you this once"));
    }

    #[test]
    fn a_long_command_is_split_and_never_cut() {
        let command: String = (0..6000).map(|n| format!("{n}\n")).collect();
        let posts = question(&command).posts();
        assert!(posts.len() > 1 && posts.iter().all(|post| post.chars().count() <= 16_383));
        let all = posts.join("\n");
        let mut lines = all.lines();
        for n in 0..6000 {
            let wanted = n.to_string();
            assert!(lines.any(|line| line == wanted), "{n} is missing");
        }
    }

    #[test]
    fn a_long_command_stays_in_its_block_whatever_backticks_it_has() {
        for ticks in [3, 40, 41, 200, 15_000] {
            let command = format!("{}\n{}@all\n", "`".repeat(ticks), "x\n".repeat(10_000));
            for post in question(&command).posts() {
                assert!(post.chars().count() <= 16_383, "{ticks}");
                let outline = crate::markdown::outline(&post);
                for (at, _) in post.match_indices("x\n").chain(post.match_indices("@all")) {
                    assert!(outline.in_code(at), "{ticks}: {}", &post[at..]);
                }
            }
        }
    }

    #[test]
    fn what_was_decided_stands_where_the_buttons_were() {
        let question = question("ls");
        let post = question.posts().pop().unwrap();
        let decided = Question::decided(&post, &outcome(Some(Decision::No), "shell", false));
        assert!(decided.ends_with("\nls\n```\n\n👎 Not allowed."), "{decided}");
    }
}
