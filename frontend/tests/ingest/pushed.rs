//! Posts that a WebSocket tells of: at once, once, and none instead of another.

use std::time::Duration;

use gaggle_ipc::MattermostId;
use gaggle_tests::mattermost::{Body, Fault, Requests, Version, When};

use crate::reading::{Inbox, Reading, until};
use crate::simulator::World;

/// No test lives to see the second look.
const NEVER: Duration = Duration::from_secs(3600);

/// A world whose bot hears its channels, and has heard something.
async fn hearing() -> (World, Reading) {
    let world = World::new(Version::V10).await;
    let reading = heard(&world).await;
    (world, reading)
}

/// The first list is history and nobody knows when it is made: so writes until
/// something is heard.
async fn heard(world: &World) -> Reading {
    let reading = world.hear(NEVER, Inbox::default()).await;
    let channel = world.direct();
    until("the first post", || {
        world.post(channel);
        !reading.inbox.posts().is_empty()
    })
    .await;
    reading
}

#[tokio::test]
async fn a_post_is_handed_over_without_a_look() {
    let (world, reading) = hearing().await;
    let channel = world.channel("room");
    let posts: Vec<MattermostId> = (0..20).map(|_| world.post(channel)).collect();
    for post in &posts {
        reading.handed(*post).await;
    }
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn older_servers_tell_as_well() {
    for version in Version::ALL {
        let world = World::new(version).await;
        let reading = heard(&world).await;
        let post = world.post(world.channel("room"));
        reading.handed(post).await;
        reading.inbox.assert_once_and_in_order();
    }
}

#[tokio::test]
async fn what_is_told_twice_and_read_as_well_is_handed_over_once() {
    let (world, reading) = hearing().await;
    let channel = world.channel("room");
    world.simulator.inject(Fault::DuplicateEvents { count: 5 });
    let posts: Vec<MattermostId> = (0..5).map(|_| world.post(channel)).collect();
    for post in &posts {
        reading.handed(*post).await;
    }
    reading.wake.wake();
    let last = world.post(channel);
    reading.handed(last).await;
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn after_an_outage_the_line_comes_back_and_nothing_is_missing() {
    let (world, reading) = hearing().await;
    let channel = world.channel("room");
    let before = world.post(channel);
    reading.handed(before).await;
    world.simulator.inject(Fault::Restart { millis: 300 });
    let meanwhile: Vec<MattermostId> = (0..5).map(|_| world.post(channel)).collect();
    for post in &meanwhile {
        reading.handed(*post).await;
    }
    // By the line, not by a look: there is none for an hour.
    let after = world.post(channel);
    reading.handed(after).await;
    reading.inbox.assert_once_and_in_order();
}

/// The one way in which hearing could lose what reading would not: a post that
/// was told of says nothing of those before it.
#[tokio::test]
async fn a_post_that_was_told_of_hides_none_that_was_not() {
    let world = World::new(Version::V10).await;
    let channel = world.channel("room");
    let reading = heard(&world).await;
    let mut at = world.made(world.post(channel));
    // A look may still have been on its way; the next time there is none.
    let (untold, told) = loop {
        world.simulator.inject(Fault::LoseEvents { count: u32::MAX });
        let untold: Vec<MattermostId> = (1..=3).map(|n| world.post_at(channel, at + n)).collect();
        world.simulator.inject(Fault::LoseEvents { count: 0 });
        at += 600_000;
        let told = world.post_at(channel, at);
        reading.handed(told).await;
        if untold.iter().all(|post| !reading.inbox.has(*post)) {
            break (untold, told);
        }
    };
    // A kill, and the next process reads: all of them, and the one told of by no
    // means again.
    reading.kill().await;
    let reading = world.hear(NEVER, Inbox::default()).await;
    for post in &untold {
        reading.handed(*post).await;
    }
    let last = world.post_at(channel, at + 1);
    reading.handed(last).await;
    assert!(!reading.inbox.has(told), "{told} came twice");
}

#[tokio::test]
async fn a_look_finds_what_was_not_told() {
    let (world, reading) = hearing().await;
    let channel = world.direct();
    world.simulator.inject(Fault::LoseEvents { count: u32::MAX });
    let untold = world.post(channel);
    world.simulator.inject(Fault::LoseEvents { count: 0 });
    let told = world.post(channel);
    reading.handed(told).await;
    reading.wake.wake();
    reading.handed(untold).await;
}

#[tokio::test]
async fn without_a_line_posts_are_looked_for_at_each_interval() {
    let world = World::new(Version::V10).await;
    world.simulator.inject(Fault::Fail {
        requests: Requests::next(u32::MAX, "GET", "/websocket"),
        status: 403,
        body: Body::Json,
        when: When::Before,
    });
    let reading = world.hear(Duration::from_millis(20), Inbox::default()).await;
    let channel = world.direct();
    until("a post", || {
        world.post(channel);
        reading.inbox.posts().len() > 3
    })
    .await;
    reading.inbox.assert_once_and_in_order();
}

/// Also while there is a line, for which an hour may pass until the next look.
#[tokio::test]
async fn a_post_that_cannot_be_taken_now_is_taken_soon() {
    let world = World::new(Version::V10).await;
    let inbox = Inbox::default();
    inbox.refuse_all(true);
    let reading = world.hear(Duration::from_millis(20), inbox.clone()).await;
    let channel = world.direct();
    until("a post is refused", || {
        world.post(channel);
        inbox.refused() > 3
    })
    .await;
    inbox.refuse_all(false);
    let last = world.post(channel);
    reading.handed(last).await;
    until("the others", || inbox.posts().len() > 3).await;
    inbox.assert_once();
}
