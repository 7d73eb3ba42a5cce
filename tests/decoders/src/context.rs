//! What others wrote in a thread, on its way to an agent.
//!
//! Trust: none in the posts and the names; the frame is ours.

#[path = "../../../frontend/src/context/excerpt.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
mod excerpt;
#[path = "../../../frontend/src/context/frame.rs"]
#[allow(dead_code, reason = "the frontend uses the rest")]
mod frame;

use excerpt::{Entry, excerpt};

/// Parts posts in an input.
const NEXT: char = '\u{1f}';
const PERSON: &str = "@alice";

/// Whatever some reader takes for the end of a line.
const ENDS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// No line of a post looks like one of the frame's, and there is room for all.
pub(crate) fn check(text: &str) {
    let posts = text.split(NEXT);
    let entries: Vec<Entry> = posts
        .enumerate()
        .map(|(at, post)| Entry {
            by: format!("@{}", post.chars().take(20).collect::<String>()),
            at: i64::try_from(post.len()).unwrap_or_default().saturating_mul(1_000_000_007),
            text: post.to_owned(),
            files: at % 3,
            root: at == 0,
        })
        .collect();
    for room in [0, 100, 700, 4000, 1_000_000] {
        let quotation = excerpt(&entries, room == 700, PERSON, room);
        assert!(quotation.len() <= room, "larger than its room");
        let Some(lines) = quotation.strip_suffix("\n\n") else {
            assert!(quotation.is_empty(), "the person's words begin in its last line");
            continue;
        };
        let ours = |line: &&str| line.starts_with('[') && line.ends_with(']');
        let theirs = |line: &str| line.starts_with("> ");
        let marked = lines.split(ENDS).all(|line| theirs(line) || ours(&line));
        assert!(marked, "a line that is nobody's");
        let ends = lines.split(ENDS).filter(ours).filter(|line| line.starts_with("[End of"));
        assert!(ends.count() <= 1, "it seems to end twice");
    }
}
