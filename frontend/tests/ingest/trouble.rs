//! Servers, channels and posts that make trouble.

use std::time::Duration;

use gaggle_frontend::ingest::IngestError;
use gaggle_frontend::mattermost::Error;
use serde_json::json;

use crate::folder;
use crate::reading::{Inbox, Reading, until};
use crate::server::Server;

#[tokio::test]
async fn a_post_that_was_not_taken_waits_with_those_after_it() {
    let (server, folder) = (Server::start().await, folder());
    let (channel, other) = (server.channel("O"), server.channel("O"));
    let inbox = Inbox::default();
    let interval = Duration::from_millis(20);
    let reading = Reading::start_with(&server, folder.path(), inbox.clone(), interval).await;
    let (first, refused, last, elsewhere) = {
        let mut model = server.model();
        let first = model.post(channel);
        let refused = model.post(channel);
        inbox.refuse(refused);
        (first, refused, model.post(channel), model.post(other))
    };
    reading.handed(elsewhere).await;
    reading.handed(first).await;
    reading.looked(&server).await;
    assert!(!inbox.has(last));
    inbox.accept(refused);
    reading.handed(last).await;
    inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn a_channel_that_always_fails_does_not_stop_the_others() {
    let (server, folder) = (Server::start().await, folder());
    let (broken, healthy) = (server.channel("O"), server.channel("O"));
    let reading = Reading::start(&server, folder.path()).await;
    let name: &'static str = Box::leak(broken.as_str().to_owned().into_boxed_str());
    server.model().faults.push((name, 418, usize::MAX));
    server.post(broken);
    let post = server.post(healthy);
    reading.handed(post).await;
    assert_eq!(reading.inbox.posts(), [post]);
}

#[tokio::test]
async fn a_revoked_token_ends_the_reading_with_an_error() {
    let (server, folder) = (Server::start().await, folder());
    let reading = Reading::start(&server, folder.path()).await;
    server.model().faults.push(("users/me", 401, usize::MAX));
    assert!(matches!(reading.ended().await, Err(IngestError::Mattermost(Error::Unauthorized))));
}

#[tokio::test]
async fn one_401_of_a_proxy_does_not() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    server.model().faults.push(("users/me/channels", 401, 1));
    until("the 401", || server.model().faults[0].2 == 0).await;
    let post = server.post(channel);
    reading.handed(post).await;
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let (mut server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    server.stop().await;
    let post = server.post(channel);
    server.start_again().await;
    reading.handed(post).await;
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn a_post_that_is_none_does_not_spoil_its_page() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    let good = {
        let mut model = server.model();
        model.post(channel);
        let bad = model.posts.last_mut().unwrap();
        bad["id"] = json!("../../etc");
        model.post(channel)
    };
    reading.handed(good).await;
    assert_eq!(reading.inbox.posts(), [good]);
}

#[tokio::test]
async fn posts_too_large_for_one_answer_come_in_several() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    let posts: Vec<_> = {
        let mut model = server.model();
        let mut large = || {
            let post = model.post(channel);
            model.posts.last_mut().unwrap()["message"] = json!("x".repeat(9_000_000));
            post
        };
        (0..5).map(|_| large()).collect()
    };
    until("all posts", || reading.inbox.posts().len() >= posts.len()).await;
    reading.inbox.assert_once_and_in_order();
    assert_eq!(reading.inbox.posts(), posts);
}
