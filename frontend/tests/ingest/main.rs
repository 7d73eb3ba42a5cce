//! Reading posts from a server that does everything real ones were seen to do:
//! each post is handed over once, whatever happens in between.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod membership;
mod pushed;
mod reading;
mod server;
mod simulator;
mod trouble;

use std::time::Duration;

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
    // Both channels are read once more, later; this post comes after that.
    let before = asked(&server, "posts");
    until("the second readings", || asked(&server, "posts") >= before + 2).await;
    // The tag of the list does not change with it, the count of posts does.
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
async fn a_wake_makes_it_look_long_before_its_time() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    let hour = Duration::from_secs(3600);
    let reading = Reading::start_with(&server, folder.path(), Inbox::default(), hour).await;
    let post = server.post(channel);
    reading.wake.wake();
    reading.handed(post).await;
}
