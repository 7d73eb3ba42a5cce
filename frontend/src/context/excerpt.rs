//! As many posts as there is room for: the newest, and the one that began it all.
//!
//! Trust: as the module above. What is left out is said.

use std::time::{Duration, SystemTime};

use super::frame;

/// A post to be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose words, in ours: `@bob`.
    pub by: String,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// What it says.
    pub text: String,
    /// Files attached to it.
    pub files: usize,
    /// It began the thread.
    pub root: bool,
}

/// `entries`, oldest first, as a quotation of `room` bytes at most that is
/// followed by what `person` writes; empty if there is nothing to be said.
/// `more` means that there are older posts than these.
#[must_use]
pub fn excerpt(entries: &[Entry], more: bool, person: &str, room: usize) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let end = frame::end(person);
    let missing = frame::left_out(Some(usize::MAX)).len();
    let around = frame::BEGIN.len() + end.len() + 2 * missing + 8;
    let Some(room) = room.checked_sub(around) else {
        let note = frame::left_out(Some(entries.len()));
        return if note.len() + 2 <= room { format!("{note}\n\n") } else { String::new() };
    };
    let (root, later) = match entries.split_first() {
        Some((first, later)) if first.root => (Some(first), later),
        _ => (None, entries),
    };
    let share = if later.is_empty() { room } else { room / 2 };
    let root = root.map(|root| quote(root, share));
    let used = root.iter().flatten().map(String::len).sum::<usize>();
    let newest = newest(later, room.saturating_sub(used));
    let left_out = later.len() - newest.len();
    let mut lines = vec![frame::BEGIN.to_owned()];
    if let Some(root) = root {
        lines.push(root.unwrap_or_else(|| frame::left_out(Some(1))));
    }
    if more {
        lines.push(frame::left_out(None));
    } else if left_out > 0 {
        lines.push(frame::left_out(Some(left_out)));
    }
    lines.extend(newest);
    let quotation: Vec<_> = lines.iter().map(|line| line.trim_end_matches('\n')).collect();
    format!("{}\n{end}\n\n", quotation.join("\n"))
}

/// The newest of `entries` that fit, oldest first. The oldest of them may be cut.
fn newest(entries: &[Entry], room: usize) -> Vec<String> {
    let mut quotes = Vec::new();
    let mut left = room;
    for entry in entries.iter().rev() {
        // One long post must not take the place of all others.
        let limit = if quotes.is_empty() { left / 2 } else { left };
        let limit = if entries.len() == 1 { left } else { limit };
        let Some(quote) = quote(entry, limit) else { break };
        left = left.saturating_sub(quote.len());
        quotes.push(quote);
    }
    quotes.reverse();
    quotes
}

fn quote(entry: &Entry, limit: usize) -> Option<String> {
    let head = format!("{}, {}", entry.by, date(entry.at));
    frame::quote(&head, &entry.text, entry.files, limit)
}

/// A time as people and models read it, in UTC.
fn date(at: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at).unwrap_or(0));
    match SystemTime::UNIX_EPOCH.checked_add(since) {
        // The formatter knows years of four digits.
        Some(time) if since.as_secs() < 250_000_000_000 => httpdate::fmt_http_date(time),
        _ => "at an unknown time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(by: &str, text: &str, root: bool) -> Entry {
        let (by, text) = (by.to_owned(), text.to_owned());
        Entry { by, at: 1_795_197_840_432, text, files: 0, root }
    }

    #[test]
    fn a_thread_reads_as_a_conversation() {
        let entries = [entry("@bob", "who broke\nthe build?", true), entry("@carol", "me", false)];
        let text = excerpt(&entries, false, "@alice", 4000);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1..],
            [
                "[@bob, Fri, 20 Nov 2026 18:04:00 GMT]",
                "> who broke",
                "> the build?",
                "[@carol, Fri, 20 Nov 2026 18:04:00 GMT]",
                "> me",
                "[End of the quotation. What follows is what @alice writes to you.]",
                "",
            ]
        );
        assert!(lines[0].starts_with("[Gaggle quotes"), "{text}");
    }

    #[test]
    fn the_newest_and_the_root_are_kept_and_the_others_are_counted() {
        let mut entries = vec![entry("@bob", "the root", true)];
        entries.extend((0..100).map(|n| entry("@carol", &format!("post {n}"), false)));
        let text = excerpt(&entries, false, "@alice", 1500);
        assert!(text.len() <= 1500);
        assert!(text.contains("> the root\n[") && text.ends_with("writes to you.]\n\n"), "{text}");
        assert!(text.contains("> post 99\n") && !text.contains("> post 0\n"), "{text}");
        let kept = text.matches("[@carol").count();
        assert!(kept > 5 && text.contains(&format!("[{} posts are left out here.]", 100 - kept)));
        assert!(excerpt(&entries, true, "@alice", 1500).contains("[Older posts are left out"));
    }

    #[test]
    fn one_long_post_does_not_take_the_place_of_all() {
        let entries = [
            entry("@bob", "root", true),
            entry("@carol", "before it", false),
            entry("@dave", &"x".repeat(100_000), false),
        ];
        let text = excerpt(&entries, false, "@alice", 4000);
        assert!(text.len() <= 4000 && text.contains("> before it\n"), "{text}");
        assert!(text.contains("xxx") && text.contains("[The rest of this post is left out.]"));
    }

    #[test]
    fn without_room_or_posts_there_is_none() {
        assert_eq!(excerpt(&[], false, "@alice", 4000), "");
        let entries = [entry("@bob", "hi", true)];
        assert_eq!(excerpt(&entries, false, "@alice", 100), "[A post is left out here.]\n\n");
        assert_eq!(excerpt(&entries, false, "@alice", 10), "");
    }

    proptest! {
        #[test]
        fn it_is_never_larger_than_there_is_room(
            texts in proptest::collection::vec("[a-zé\n]{0,300}", 0..20),
            first in any::<bool>(),
            more in any::<bool>(),
            room in 0usize..3000,
        ) {
            let mut entries: Vec<_> = texts.iter().map(|text| entry("@bob", text, false)).collect();
            if let Some(entry) = entries.first_mut() {
                entry.root = first;
            }
            let text = excerpt(&entries, more, "@alice", room);
            prop_assert!(text.len() <= room, "{} > {room}", text.len());
            let marked = |line: &str| line.is_empty() || line.starts_with(['[', '>']);
            prop_assert!(text.lines().all(marked), "{text}");
        }
    }
}
