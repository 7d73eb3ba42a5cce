//! One frame of Mattermost's WebSocket, as far as Gaggle listens.
//!
//! Trust: a frame is the server's. What is unknown, or is not what it should
//! be, is passed over: reading the channels finds what was meant.

use gaggle_ipc::MattermostId;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ingest::Noticed;
use crate::mattermost::Post;

/// Longest post that is taken from here, in bytes as it comes; many may wait. A
/// longer one is found by reading.
const MAX_POST: usize = 128 * 1024;
/// Longest reaction, likewise.
const MAX_REACTION: usize = 4 * 1024;

/// What a frame says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// The line's beginning: nothing from before comes on it.
    Hello(MattermostId),
    /// An answer to what was sent; whether it is a good one.
    Reply(bool),
    /// Something happened.
    Event(Event),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// Somebody wrote.
    Posted(Box<Post>),
    /// Something else that conversations want to know.
    Noticed(Noticed),
    /// Channels changed, or who is in them: the list has to be read.
    Channels,
    /// Nothing that matters here.
    Other,
}

/// A frame and its number on the line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbered {
    pub(super) number: Option<u64>,
    pub(super) frame: Frame,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    event: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    seq: Option<u64>,
    seq_reply: Option<u64>,
    #[serde(default)]
    status: String,
}

/// Reads a frame; `None` for what is none.
pub(super) fn parse(text: &str) -> Option<Numbered> {
    let raw: Raw = serde_json::from_str(text).ok()?;
    let frame = match raw.event.as_str() {
        "" => {
            raw.seq_reply?;
            Frame::Reply(raw.status == "OK")
        }
        "hello" => {
            let connection = raw.data.as_ref()?.get("connection_id")?.as_str()?;
            Frame::Hello(MattermostId::new(connection).ok()?)
        }
        name => Frame::Event(event(name, raw.data.as_ref())),
    };
    Some(Numbered { number: raw.seq, frame })
}

fn event(name: &str, data: Option<&Map<String, Value>>) -> Event {
    match name {
        "posted" => posted(data).unwrap_or(Event::Channels),
        "post_edited" => edited(data).unwrap_or(Event::Other),
        "post_deleted" => deleted(data).unwrap_or(Event::Other),
        "reaction_added" => reaction(data).unwrap_or(Event::Other),
        "direct_added" | "group_added" | "user_added" | "user_removed" | "channel_created"
        | "channel_deleted" | "channel_restored" | "channel_converted" | "added_to_team"
        | "leave_team" => Event::Channels,
        _ => Event::Other,
    }
}

fn edited(data: Option<&Map<String, Value>>) -> Option<Event> {
    let text = data?.get("post")?.as_str().filter(|text| text.len() <= MAX_POST)?;
    serde_json::from_str(text).ok().map(|post| Event::Noticed(Noticed::Edited(post)))
}

fn deleted(data: Option<&Map<String, Value>>) -> Option<Event> {
    let text = data?.get("post")?.as_str()?;
    let post: Post = serde_json::from_str(text).ok()?;
    Some(Event::Noticed(Noticed::Deleted(post.id)))
}

fn reaction(data: Option<&Map<String, Value>>) -> Option<Event> {
    let text = data?.get("reaction")?.as_str().filter(|text| text.len() <= MAX_REACTION)?;
    serde_json::from_str(text).ok().map(|reaction| Event::Noticed(Noticed::Reacted(reaction)))
}

/// The post is JSON in a string.
fn posted(data: Option<&Map<String, Value>>) -> Option<Event> {
    let text = data?.get("post")?.as_str().filter(|text| text.len() <= MAX_POST)?;
    serde_json::from_str(text).ok().map(Event::Posted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c8qqxumsptdjb8f4hyc1hzdy3a";

    fn frame(text: &str) -> Option<Frame> {
        parse(text).map(|numbered| numbered.frame)
    }

    #[test]
    fn a_post_comes_as_json_in_json() {
        let post = format!(
            r#"{{\"id\":\"{ID}\",\"user_id\":\"{ID}\",\"channel_id\":\"{ID}\",\"message\":\"hi\"}}"#
        );
        let text =
            format!(r#"{{"event":"posted","data":{{"post":"{post}"}},"broadcast":{{}},"seq":3}}"#);
        let Some(Numbered { number: Some(3), frame: Frame::Event(Event::Posted(post)) }) =
            parse(&text)
        else {
            panic!("not a post: {text}");
        };
        assert_eq!(post.message, "hi");
    }

    #[test]
    fn a_post_that_is_none_is_looked_for_in_the_channels() {
        for data in ["{}", r#"{"post":7}"#, r#"{"post":"{}"}"#, "null"] {
            let text = format!(r#"{{"event":"posted","data":{data},"seq":3}}"#);
            assert_eq!(frame(&text), Some(Frame::Event(Event::Channels)), "{data}");
        }
    }

    #[test]
    fn what_is_too_large_to_wait_here_is_looked_for_in_the_channels() {
        let frame_of = |event: &str, name: &str, key: &str, length: usize| {
            let inner = serde_json::json!({
                "id": ID, "post_id": ID, "user_id": ID, "channel_id": ID, key: "x".repeat(length),
            });
            let data = serde_json::json!({ name: inner.to_string() });
            frame(&serde_json::json!({ "event": event, "data": data, "seq": 3 }).to_string())
        };
        let post = |length| frame_of("posted", "post", "message", length);
        assert!(matches!(post(MAX_POST / 2), Some(Frame::Event(Event::Posted(_)))));
        assert_eq!(post(MAX_POST), Some(Frame::Event(Event::Channels)));
        let reaction = |length| frame_of("reaction_added", "reaction", "emoji_name", length);
        assert!(matches!(reaction(64), Some(Frame::Event(Event::Noticed(_)))));
        assert_eq!(reaction(MAX_REACTION), Some(Frame::Event(Event::Other)));
    }

    #[test]
    fn reactions_and_deletions_are_noticed() {
        let inner =
            format!(r#"{{\"user_id\":\"{ID}\",\"post_id\":\"{ID}\",\"emoji_name\":\"+1\"}}"#);
        let text =
            format!(r#"{{"event":"reaction_added","data":{{"reaction":"{inner}"}},"seq":3}}"#);
        let Some(Frame::Event(Event::Noticed(Noticed::Reacted(reaction)))) = frame(&text) else {
            panic!("no reaction: {text}");
        };
        assert_eq!(reaction.emoji, "+1");
        let text = r#"{"event":"post_deleted","data":{"post":"{}"},"seq":3}"#;
        assert_eq!(frame(text), Some(Frame::Event(Event::Other)));
    }

    #[test]
    fn what_is_unknown_is_passed_over_and_what_is_no_frame_is_none() {
        assert_eq!(
            frame(r#"{"event":"x_new","data":null,"seq":1}"#),
            Some(Frame::Event(Event::Other))
        );
        for text in ["", "[]", "{}", "null", r#"{"status":"OK"}"#, r#"{"event":"hello","data":{}}"#]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn replies_say_whether_they_are_good() {
        assert_eq!(frame(r#"{"status":"OK","seq_reply":1}"#), Some(Frame::Reply(true)));
        assert_eq!(
            frame(r#"{"status":"FAIL","seq_reply":1,"error":{}}"#),
            Some(Frame::Reply(false))
        );
    }
}
