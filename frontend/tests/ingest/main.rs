//! Reading posts from a server that does everything real ones were seen to do:
//! each post is handed over once, whatever happens in between.

mod reading;
mod server;

use std::time::Duration;

use gaggle_frontend::ingest::IngestError;
use gaggle_frontend::mattermost::Error;
use serde_json::json;
use tempfile::TempDir;

use reading::{Inbox, Reading, asked, until};
use server::{EPOCH, Server};

fn folder() -> TempDir {
    tempfile::Builder::new().permissions(private()).tempdir().unwrap()
}

fn private() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o700)
}

#[tokio::test]
async fn the_first_start_answers_no_history_and_every_later_post_once() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let old = server.post(channel);
    let reading = Reading::start(&server, folder.path()).await;
    let new = server.post(channel);
    reading.handed(new).await;
    reading.looked(&server).await;
    assert_eq!(reading.inbox.posts(), [new], "{old} is history");
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_process_ended() {
    let (server, folder) = (Server::start().await, folder());
    let (busy, quiet) = (server.channel("O"), server.channel("D"));
    let reading = Reading::start(&server, folder.path()).await;
    let before = server.post(quiet);
    reading.handed(before).await;
    reading.looked(&server).await;
    reading.stop().await;
    let missed = server.post(busy);
    server.model().edit(quiet);
    let reading = Reading::start(&server, folder.path()).await;
    reading.handed(missed).await;
    reading.looked(&server).await;
    assert_eq!(reading.inbox.posts(), [missed], "{before} was taken by the first process");
}

#[tokio::test]
async fn a_post_whose_taking_was_killed_is_handed_over_again() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    let post = {
        let mut model = server.model();
        let post = model.post(channel);
        reading.inbox.hang(post);
        post
    };
    reading.handed(post).await;
    reading.kill().await;
    let reading = Reading::start(&server, folder.path()).await;
    reading.handed(post).await;
    reading.stop().await;
}

#[tokio::test]
async fn fifty_channels_that_change_at_once_are_all_read() {
    let (server, folder) = (Server::start().await, folder());
    let channels: Vec<_> = (0..50).map(|_| server.channel("O")).collect();
    let reading = Reading::start(&server, folder.path()).await;
    let mut posts = Vec::new();
    {
        let mut model = server.model();
        for _ in 0..3 {
            posts.extend(channels.iter().map(|channel| model.post(*channel)));
        }
    }
    until("all posts", || reading.inbox.posts().len() >= posts.len()).await;
    reading.looked(&server).await;
    assert_eq!(reading.inbox.posts().len(), posts.len());
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn only_channels_that_changed_are_asked_for() {
    let (server, folder) = (Server::start().await, folder());
    for _ in 0..50 {
        server.channel("O");
    }
    let busy = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    assert_eq!(asked(&server, "posts"), 0);
    let post = server.post(busy);
    reading.handed(post).await;
    reading.looked(&server).await;
    assert!(asked(&server, "posts") <= 4, "{} requests", asked(&server, "posts"));
}

#[tokio::test]
async fn a_post_that_becomes_visible_after_newer_ones_is_not_lost() {
    let (server, folder) = (Server::start().await, folder());
    server.model().old = true;
    let (channel, other) = (server.channel("O"), server.channel("O"));
    let reading = Reading::start(&server, folder.path()).await;
    let newer = {
        let mut model = server.model();
        model.clock += 60_000;
        model.post(other);
        model.post(channel)
    };
    reading.handed(newer).await;
    reading.looked(&server).await;
    // The tag of the list does not change with this post.
    let late = {
        let mut model = server.model();
        let at = model.clock - 25_000;
        model.post_at(channel, at, "", json!({}))
    };
    reading.handed(late).await;
}

#[tokio::test]
async fn an_unchanged_list_of_an_older_server_costs_nothing_but_is_renewed() {
    let (server, folder) = (Server::start().await, folder());
    server.model().old = true;
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    let post = server.post(channel);
    reading.handed(post).await;
    assert_eq!(reading.inbox.posts(), [post]);
}

#[tokio::test]
async fn more_posts_than_a_page_with_equal_times_all_come_in_order() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    reading.stop().await;
    {
        let mut model = server.model();
        for number in 0..1200 {
            // Runs of one millisecond, of which several cross the end of a page;
            // one of them is longer than a page.
            let at = EPOCH + 1000 + if number < 800 { number / 7 } else { 500 + number / 250 };
            model.post_at(channel, at, "", json!({}));
        }
    }
    let reading = Reading::start(&server, folder.path()).await;
    until("all posts", || reading.inbox.posts().len() >= 1200).await;
    reading.looked(&server).await;
    assert_eq!(reading.inbox.posts().len(), 1200);
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn thousands_of_edits_hide_nothing() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    let mut posts = Vec::new();
    for _ in 0..20 {
        for _ in 0..200 {
            server.model().edit(channel);
        }
        posts.push(server.post(channel));
        tokio::task::yield_now().await;
    }
    until("all posts", || reading.inbox.posts().len() >= posts.len()).await;
    reading.looked(&server).await;
    assert_eq!(reading.inbox.posts(), posts);
}

#[tokio::test]
async fn the_first_direct_message_of_a_person_is_handed_over() {
    let (server, folder) = (Server::start().await, folder());
    let reading = Reading::start(&server, folder.path()).await;
    let post = {
        let mut model = server.model();
        let channel = model.channel("D");
        model.post(channel)
    };
    reading.handed(post).await;
}

#[tokio::test]
async fn a_channel_the_bot_is_added_to_has_no_history() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    server.model().leave(channel);
    let reading = Reading::start(&server, folder.path()).await;
    let new = {
        let mut model = server.model();
        for _ in 0..500 {
            model.post(channel);
        }
        model.join(channel);
        model.post(channel)
    };
    reading.handed(new).await;
    reading.looked(&server).await;
    // The post that tells of the joining itself, and the one after it.
    assert_eq!(reading.inbox.posts().len(), 2);
}

#[tokio::test]
async fn what_was_written_while_the_bot_was_out_of_a_channel_is_history() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("P");
    let reading = Reading::start(&server, folder.path()).await;
    let first = server.post(channel);
    reading.handed(first).await;
    server.model().leave(channel);
    reading.looked(&server).await;
    let unseen = server.post(channel);
    reading.stop().await;
    server.model().join(channel);
    let last = server.post(channel);
    let reading = Reading::start(&server, folder.path()).await;
    reading.handed(last).await;
    reading.looked(&server).await;
    assert!(!reading.inbox.has(unseen) && !reading.inbox.has(first));
}

#[tokio::test]
async fn a_purge_of_old_posts_does_not_make_the_bot_deaf() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let reading = Reading::start(&server, folder.path()).await;
    for _ in 0..3 {
        server.model().clock += 100_000;
        let post = server.post(channel);
        reading.handed(post).await;
    }
    reading.looked(&server).await;
    server.model().posts.clear();
    let after = server.post(channel);
    reading.handed(after).await;
}

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
async fn a_wake_makes_it_look_long_before_its_time() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let hour = Duration::from_secs(3600);
    let reading = Reading::start_with(&server, folder.path(), Inbox::default(), hour).await;
    let post = server.post(channel);
    reading.wake.wake();
    reading.handed(post).await;
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
