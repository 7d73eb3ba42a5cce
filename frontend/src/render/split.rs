//! Cuts a Markdown text into posts.
//!
//! Trust: the text is the agent's, of any shape. The bodies of all pieces
//! together are the text, byte for byte and in order. A fenced code block that
//! is cut is closed and opened again with the same info string, so that every
//! piece reads on its own.

use std::ops::Range;

use crate::markdown::{Outline, outline};

/// A part of a text that fits one post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Opens a code block that the piece before closed.
    prefix: String,
    /// A stretch of the text itself.
    pub body: &'a str,
    /// Closes a code block that goes on in the next piece.
    suffix: String,
}

impl Piece<'_> {
    /// What is to be posted.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}{}", self.prefix, self.body);
        if !self.suffix.is_empty() {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&self.suffix);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Longest info string that is repeated, in characters.
const MAX_INFO: usize = 60;
/// Longest row of backticks that is repeated.
const MAX_TICKS: usize = 40;

/// Cuts `text` into pieces of at most `limit` characters each. `limit` is taken
/// as 400 at least, so that there is room for fences.
#[must_use]
pub fn split(text: &str, limit: usize) -> Vec<Piece<'_>> {
    let limit = limit.max(400);
    let outline = outline(text);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut prefix = String::new();
    loop {
        let room = limit - prefix.chars().count();
        let rest = text.get(start..).unwrap_or_default();
        let Some((most, _)) = rest.char_indices().nth(room) else {
            pieces.push(Piece { prefix, body: rest, suffix: String::new() });
            return pieces;
        };
        let cut = choose_cut(text, &outline, start, start + most, room);
        let fence = fence_at(text, &outline, cut);
        pieces.push(Piece {
            prefix,
            body: text.get(start..cut).unwrap_or_default(),
            suffix: fence.as_ref().map(Fence::close).unwrap_or_default(),
        });
        prefix = fence.as_ref().map(Fence::open).unwrap_or_default();
        start = cut;
    }
}

/// `text` with its last code block closed, so that more can follow.
#[must_use]
pub fn closed(text: &str) -> String {
    let mut closed = text.trim_end().to_owned();
    let outline = outline(&closed);
    let Some(last) = outline.fences.last().filter(|last| last.end == closed.len()) else {
        return closed;
    };
    let block = closed.get(last.clone()).unwrap_or_default();
    let opening = block.trim_start();
    let tick = opening.chars().next().unwrap_or('`');
    let row = |line: &str| line.chars().take_while(|c| *c == tick).count();
    let wanted = row(opening);
    let ends = block.lines().skip(1).last().map(str::trim);
    if !ends.is_some_and(|line| row(line) >= wanted && line.chars().all(|c| c == tick)) {
        closed.push('\n');
        closed.extend(std::iter::repeat_n(tick, wanted));
    }
    closed
}

/// The best place to cut in `start..most`: before a block, else after a line,
/// else after a blank, else between two characters.
fn choose_cut(text: &str, outline: &Outline, start: usize, most: usize, room: usize) -> usize {
    // A block that begins very early would make for a tiny piece.
    let early = start + (most - start) / 3;
    let blocks = outline.blocks.partition_point(|block| *block <= most);
    if let Some(block) = blocks.checked_sub(1).and_then(|at| outline.blocks.get(at))
        && *block > early
    {
        return *block;
    }
    // Inside a code block the closing fence needs room too.
    let end = match fence_at(text, outline, most) {
        Some(fence) => back(text, start, most, fence.close().chars().count() + 1),
        None => most,
    };
    let window = text.get(start..end).unwrap_or_default();
    let after = |at: Option<usize>| at.map(|at| start + at + 1).filter(|at| *at > early);
    let cut = after(window.rfind('\n')).or_else(|| after(window.rfind(' '))).unwrap_or(end);
    outside_fence_line(text, outline, cut, start, room)
}

/// Moves a cut out of the line that opens a code block, to before the block.
fn outside_fence_line(
    text: &str,
    outline: &Outline,
    cut: usize,
    start: usize,
    room: usize,
) -> usize {
    for fence in &outline.fences {
        let opening = fence.start..first_line_end(text, fence);
        if opening.start < cut && cut < opening.end && opening.start > start {
            return opening.start;
        }
    }
    debug_assert!(cut > start && room > 0);
    cut
}

/// `count` characters before `at`, but after `start`.
fn back(text: &str, start: usize, at: usize, count: usize) -> usize {
    text.get(start..at)
        .and_then(|window| window.char_indices().rev().nth(count.saturating_sub(1)))
        .map(|(offset, _)| start + offset)
        .filter(|place| *place > start)
        .unwrap_or(at)
}

fn first_line_end(text: &str, fence: &Range<usize>) -> usize {
    text.get(fence.clone())
        .and_then(|block| block.find('\n'))
        .map_or(fence.end, |at| fence.start + at + 1)
}

/// The fence of a code block that is cut.
struct Fence {
    ticks: String,
    info: String,
}

impl Fence {
    fn open(&self) -> String {
        format!("{}{}\n", self.ticks, self.info)
    }

    fn close(&self) -> String {
        self.ticks.clone()
    }
}

/// The code block whose content is on both sides of `cut`.
fn fence_at(text: &str, outline: &Outline, cut: usize) -> Option<Fence> {
    let at = outline.fences.partition_point(|fence| fence.start < cut);
    let fence = outline.fences.get(at.checked_sub(1)?)?;
    if cut >= fence.end || cut < first_line_end(text, fence) {
        return None;
    }
    let opening = text.get(fence.clone())?.lines().next()?.trim();
    let tick = opening.chars().next()?;
    let ticks: String = opening.chars().take_while(|c| *c == tick).take(MAX_TICKS).collect();
    let info = opening.trim_start_matches(tick);
    let info = if info.chars().count() > MAX_INFO { "" } else { info };
    Some(Fence { ticks, info: info.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

    const LIMIT: usize = 400;

    /// The lines in fenced code, each with the info string of its block.
    fn code_lines(text: &str) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let mut info = None;
        for event in Parser::new(text) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(i))) => {
                    info = Some(i.to_string());
                }
                Event::End(TagEnd::CodeBlock) => info = None,
                Event::Text(text) => {
                    if let Some(info) = &info {
                        lines.extend(text.lines().map(|l| (info.clone(), l.to_owned())));
                    }
                }
                _ => {}
            }
        }
        lines
    }

    fn check(text: &str) -> Vec<String> {
        let pieces = split(text, LIMIT);
        let whole: String = pieces.iter().map(|p| p.body).collect();
        assert_eq!(whole, text);
        let texts: Vec<_> = pieces.iter().map(Piece::text).collect();
        for text in &texts {
            assert!(text.chars().count() <= LIMIT, "{}", text.chars().count());
        }
        texts
    }

    #[test]
    fn what_fits_is_one_piece() {
        assert_eq!(check("short"), ["short"]);
        assert_eq!(check(""), [""]);
    }

    #[test]
    fn paragraphs_stay_whole() {
        let paragraph = "word ".repeat(30).trim().to_owned();
        let text = [paragraph.as_str(); 6].join("\n\n");
        for piece in check(&text) {
            assert!(piece.split("\n\n").all(|p| p == paragraph), "{piece:?}");
        }
    }

    #[test]
    fn a_cut_code_block_is_closed_and_opened_again() {
        let text = format!("intro\n\n~~~~rust\n{}~~~~\nend", "let x = 1;\n".repeat(90));
        let texts = check(&text);
        assert!(texts.len() > 2);
        assert!(texts[1].starts_with("~~~~rust\n") && texts[1].ends_with("\n~~~~"));
        let lines: Vec<_> = texts.iter().flat_map(|t| code_lines(t)).collect();
        assert_eq!(lines, code_lines(&text));
    }

    #[test]
    fn an_open_code_block_is_closed_before_more_follows() {
        for (text, want) in [
            ("a\n", "a"),
            ("```\nx\n```", "```\nx\n```"),
            ("```\nx", "```\nx\n```"),
            ("~~~~\nx\n~~~", "~~~~\nx\n~~~\n~~~~"),
            ("```", "```\n```"),
        ] {
            assert_eq!(closed(text), want, "{text:?}");
        }
    }

    #[test]
    fn one_endless_line_is_cut_between_characters() {
        assert_eq!(check(&"é".repeat(1000)).len(), 3);
        check(&format!("```\n{}\n```", "x".repeat(1000)));
    }

    #[test]
    fn a_fence_with_an_endless_info_string_ends() {
        check(&format!("```{}\n{}\n```", "i".repeat(900), "x\n".repeat(900)));
        check(&"`".repeat(2000));
    }

    fn block() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zéß ]{0,300}",
            "([a-z ]{0,80}\n){0,8}",
            ("(`{3,5}|~{3,5})", "[a-z]{0,8}", "([a-z#@ ]{0,60}\n){0,30}")
                .prop_map(|(fence, info, body)| format!("{fence}{info}\n{body}{fence}")),
            "(- [a-z ]{1,60}\n){1,8}",
            "(> [a-z ]{1,60}\n){1,8}",
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_code_stays_code(blocks in prop::collection::vec(block(), 0..8)) {
            let text = blocks.join("\n\n");
            let texts = check(&text);
            let blank = |line: &(String, String)| !line.1.trim().is_empty();
            let lines: Vec<_> = texts.iter().flat_map(|t| code_lines(t)).filter(blank).collect();
            let want: Vec<_> = code_lines(&text).into_iter().filter(blank).collect();
            prop_assert_eq!(lines, want);
        }

        #[test]
        fn any_text_is_cut_without_loss(text in "(\\PC|\n|`|~){0,1500}") {
            check(&text);
        }
    }
}
