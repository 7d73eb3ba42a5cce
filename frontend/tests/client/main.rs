//! The Mattermost client against what servers and networks were seen to do.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connection;
mod scripted;
mod simulator;

use axum::http::StatusCode;
use gaggle_frontend::config::{Mattermost, Proxy};
use gaggle_frontend::mattermost::{
    ChannelKind, Client, Emoji, Error, NewPost, PageQuery, PendingPostId, PostPatch,
};
use gaggle_ipc::MattermostId;
use serde_json::{Map, Value, json};

use scripted::Scripted;

const DEDUPLICATING: &str = "api.post.deduplicate_create_post.pending";

fn id(number: u32) -> MattermostId {
    MattermostId::new(&format!("{number:026}")).unwrap()
}

fn settings(url: &str) -> Mattermost {
    Mattermost {
        url: url.parse().unwrap(),
        token: "s3cret".into(),
        ca_file: None,
        proxy: Proxy::default(),
    }
}

fn client(server: &Scripted) -> Client {
    Client::new(&settings(&format!("http://{}/", server.address))).unwrap()
}

fn post(number: u32) -> Value {
    json!({"id": id(number).as_str(), "user_id": id(2).as_str(), "channel_id": id(3).as_str(),
        "create_at": number, "message": "words of alice"})
}

fn new_post() -> NewPost {
    NewPost {
        channel: id(3),
        root: None,
        message: "an\0swer".to_owned(),
        props: Map::new(),
        files: Vec::new(),
        pending_post_id: PendingPostId::new(),
    }
}

#[tokio::test]
async fn it_asks_as_the_bot_below_the_address_it_was_given() {
    let server = Scripted::start().await;
    server.json(json!({"id": id(1).as_str(), "username": "goose", "is_bot": true, "new": {}}));
    let url = format!("http://{}/team/", server.address);
    let me = Client::new(&settings(&url)).unwrap().me().await.unwrap();
    assert_eq!((me.id, me.is_bot, me.username.as_str()), (id(1), true, "goose"));
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/team/api/v4/users/me");
    assert_eq!(asked.header("authorization"), Some("Bearer s3cret"));
}

#[tokio::test]
async fn errors_are_told_apart_by_status_and_id() {
    let server = Scripted::start().await;
    let client = client(&server);
    for (status, error_id) in [
        (401, "api.context.session_expired.app_error"),
        (403, "api.context.permissions.app_error"),
        (404, "app.post.get.app_error"),
        (400, "model.post.is_valid.msg.app_error"),
        (400, "model.post.is_valid.props.app_error"),
        (400, "api.context.invalid_body_param.app_error"),
    ] {
        server.error(status, error_id);
    }
    let mut errors = Vec::new();
    for _ in 0..6 {
        errors.push(client.post(id(9)).await.unwrap_err());
    }
    assert!(matches!(&errors[0], Error::Unauthorized) && errors[0].is_fatal());
    assert!(matches!(&errors[1], Error::Forbidden { request_id, .. } if request_id == "req1"));
    assert!(matches!(&errors[2], Error::NotFound { .. }));
    assert!(matches!(&errors[3], Error::TooLong { .. }));
    assert!(matches!(&errors[4], Error::TooLong { .. }));
    assert!(matches!(&errors[5], Error::Rejected { status: 400, .. }));
    assert_eq!(server.asked().len(), 6, "none of them is tried again");
}

#[tokio::test]
async fn a_spent_limit_is_waited_for_as_real_servers_tell_it() {
    let server = Scripted::start().await;
    let limited =
        [("retry-after", "1"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "11")];
    server.answer((StatusCode::TOO_MANY_REQUESTS, limited, "limit exceeded\n"));
    server.json(post(9));
    let client = client(&server);
    let begun = std::time::Instant::now();
    assert_eq!(client.post(id(9)).await.unwrap().id, id(9));
    assert_eq!(server.asked().len(), 2);
    // Not a measurement: an earlier second try would hurt everybody's limit.
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_beyond_the_time_of_a_call_is_told_at_once() {
    let server = Scripted::start().await;
    server.answer((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")], "limit exceeded\n"));
    let client = client(&server);
    assert!(matches!(client.post(id(9)).await, Err(Error::RateLimited { .. })));
    // The limit is the whole address's: other calls do not even ask.
    assert!(matches!(client.me().await, Err(Error::RateLimited { .. })));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn creating_is_repeated_with_the_same_key() {
    let server = Scripted::start().await;
    server.answer((StatusCode::BAD_GATEWAY, "<html>")).error(500, DEDUPLICATING).json(post(9));
    assert_eq!(client(&server).create_post(&new_post()).await.unwrap().id, id(9));
    let asked = server.asked();
    let key = |at: usize| asked[at].body["pending_post_id"].as_str().unwrap().to_owned();
    assert_eq!((key(0), key(1)), (key(1), key(2)));
    assert!(key(0).len() >= 26);
    assert_ne!(key(0), new_post().pending_post_id.as_str());
    assert_eq!(asked[0].body["message"], "answer", "without NUL");
}

#[tokio::test]
async fn creating_that_failed_for_good_is_not_repeated() {
    let server = Scripted::start().await;
    server.error(400, "model.post.is_valid.msg.app_error");
    let failed = client(&server).create_post(&new_post()).await;
    assert!(matches!(failed, Err(Error::TooLong { .. })));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn typing_is_tried_once() {
    let server = Scripted::start().await;
    server.answer((StatusCode::BAD_GATEWAY, "<html>"));
    let failed = client(&server).typing(id(3), None).await;
    assert!(matches!(failed, Err(Error::Unavailable { maybe_done: true, .. })));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_patch_holds_only_what_changes() {
    let server = Scripted::start().await;
    server.json(post(9));
    let patch = PostPatch { message: Some("new".to_owned()), props: None };
    client(&server).patch_post(id(9), &patch).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.path, format!("/api/v4/posts/{}/patch", id(9)));
    assert_eq!(asked.body, json!({"message": "new"}));
}

#[tokio::test]
async fn what_is_gone_already_needs_no_deleting() {
    let server = Scripted::start().await;
    let client = client(&server);
    server.error(404, "app.post.get.app_error").error(404, "x").error(403, "y");
    client.delete_post(id(9)).await.unwrap();
    client.remove_reaction(id(9), Emoji::new("+1")).await.unwrap();
    assert!(client.delete_post(id(9)).await.is_err());
    assert!(server.asked()[1].path.ends_with("/reactions/+1"));
}

#[tokio::test]
async fn a_reaction_names_the_bot_which_is_asked_for_once() {
    let server = Scripted::start().await;
    server.json(json!({"id": id(1).as_str()})).json(json!({})).json(json!({}));
    let client = client(&server);
    for _ in 0..2 {
        client.add_reaction(id(9), Emoji::new("eyes")).await.unwrap();
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].body["user_id"], id(1).as_str());
}

#[tokio::test]
async fn a_thread_is_sorted_and_holds_each_post_once() {
    let server = Scripted::start().await;
    let posts: Map<String, Value> =
        [7, 5, 6].iter().map(|n| (id(*n).to_string(), post(*n))).collect();
    let order = [id(5), id(7), id(5), id(6)].map(|id| id.to_string());
    server.json(json!({"order": order, "posts": posts}));
    let thread = client(&server).thread_after((id(3), Some(id(5))), id(5)).await.unwrap();
    let ids: Vec<_> = thread.iter().map(|post| post.id).collect();
    assert_eq!(ids, [id(5), id(6), id(7)]);
    assert!(!format!("{thread:?}").contains("alice"), "no log shows what people wrote");
}

#[tokio::test]
async fn a_page_leaves_out_what_was_not_asked_for_or_is_no_post() {
    let server = Scripted::start().await;
    let mut posts: Map<String, Value> =
        [5, 6, 7].iter().map(|n| (id(*n).to_string(), post(*n))).collect();
    posts.insert("broken".to_owned(), json!({"id": "broken"}));
    posts[id(7).as_str()]["file_ids"] = Value::Null;
    posts[id(7).as_str()]["props"] = Value::Null;
    let order = [id(7).to_string(), id(6).to_string(), "broken".to_owned()];
    server.json(json!({"order": order, "posts": posts, "next_post_id": "x"}));
    let query = PageQuery { after: Some(id(4)), per_page: 500, ..PageQuery::default() };
    let page = client(&server).posts_page(id(3), query).await.unwrap();
    let ids: Vec<_> = page.posts.iter().map(|post| post.id).collect();
    assert_eq!(ids, [id(6), id(7)], "the root of a thread came along uncalled");
    assert_eq!((page.skipped, page.more), (1, true));
    assert!(server.asked()[0].path.contains("per_page=200"));
}

#[tokio::test]
async fn older_servers_list_channels_per_team_and_by_tag() {
    let server = Scripted::start().await;
    let client = client(&server);
    let team = |number: u32| json!({"id": id(number).as_str()});
    let channel = |number: u32, kind: &str| json!({"id": id(number).as_str(), "type": kind, "team_id": "", "delete_at": 0});
    let tagged = |tag: &'static str, channels: Value| ([("etag", tag)], axum::Json(channels));
    server
        .answer((StatusCode::NOT_FOUND, "404 page not found"))
        .json(json!([team(51), team(52)]))
        .answer(tagged("a", json!([channel(11, "O"), channel(12, "D"), channel(13, "?")])))
        .answer(tagged("b", json!([channel(12, "D"), channel(14, "P")])));
    let list = client.channels(true).await.unwrap().unwrap();
    let mut kinds: Vec<_> = list.channels.iter().map(|one| (one.id, one.kind)).collect();
    kinds.sort_by_key(|(id, _)| *id);
    let (open, direct, private) = (ChannelKind::Public, ChannelKind::Direct, ChannelKind::Private);
    assert_eq!(kinds, [(id(11), open), (id(12), direct), (id(14), private)]);
    assert_eq!(list.skipped, 1);

    server.answer(StatusCode::NOT_MODIFIED).answer(StatusCode::NOT_MODIFIED);
    assert!(client.channels(false).await.unwrap().is_none());
    let asked = server.asked();
    assert_eq!(asked[4].header("if-none-match"), Some("a"));
    assert_eq!(asked[5].header("if-none-match"), Some("b"));

    server.answer(StatusCode::NOT_MODIFIED).answer(tagged("c", json!([channel(15, "G")])));
    let list = client.channels(false).await.unwrap().unwrap();
    assert_eq!(list.channels.len(), 3, "what did not change is still there");

    server.json(json!([team(51)])).answer(tagged("a", json!([channel(11, "O")])));
    let list = client.channels(true).await.unwrap().unwrap();
    assert_eq!(list.channels.len(), 1);
    assert_eq!(server.asked().last().unwrap().header("if-none-match"), None);
}

#[tokio::test]
async fn half_a_list_is_an_error_and_not_a_shorter_list() {
    let server = Scripted::start().await;
    server.answer(r#"[{"id":"00000000000000000000000011","type":"O"},"#);
    let failed = client(&server).channels(true).await;
    assert!(matches!(failed, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn many_people_are_asked_for_in_pieces_and_nobody_not_at_all() {
    let server = Scripted::start().await;
    let client = client(&server);
    assert!(client.users_by_ids(&[]).await.unwrap().is_empty());
    assert!(server.asked().is_empty());
    server.json(json!([{"id": id(1).as_str()}])).json(json!([{"id": id(2).as_str()}]));
    let ids: Vec<_> = (0..150).map(id).collect();
    assert_eq!(client.users_by_ids(&ids).await.unwrap().len(), 2);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let server = Scripted::start().await;
    server.answer("x".repeat(33 * 1024 * 1024));
    let failed = client(&server).post(id(9)).await;
    assert!(matches!(failed, Err(Error::AnswerTooLarge { .. })));
}
