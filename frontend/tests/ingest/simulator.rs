//! Against the simulator in each version it plays, with people who write at
//! once, and posts that are seen late.

use std::time::Duration;

use gaggle_frontend::mattermost::Client;
use gaggle_ipc::MattermostId;
use gaggle_tests::mattermost::{
    Account, Fault, Id, NewPost, Options, Simulator, Version, Visibility,
};
use tempfile::TempDir;

use crate::folder;
use crate::reading::{Inbox, Reading, client, until};

fn real(id: Id) -> MattermostId {
    MattermostId::new(id.as_str()).unwrap()
}

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    team: Id,
    alice: Account,
    bot: Account,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new(version: Version) -> Self {
        Self::with_clock(version, 0).await
    }

    /// A server whose clock has always been wrong by so many milliseconds.
    async fn with_clock(version: Version, wrong: i64) -> Self {
        let simulator = Simulator::start(Options { version, ..Options::default() }).await.unwrap();
        simulator.inject(Fault::ClockSkew { millis: wrong });
        let alice = simulator.create_user("alice").unwrap();
        let bot = simulator.create_bot("goose").unwrap();
        let team = simulator.create_team("team").unwrap();
        for user in [alice.id, bot.id] {
            simulator.add_to_team(team, user).unwrap();
        }
        Self { simulator, team, alice, bot, folder: folder() }
    }

    pub(crate) fn channel(&self, name: &str) -> Id {
        let channel = self.simulator.create_channel(self.team, name, Visibility::Private).unwrap();
        for user in [self.alice.id, self.bot.id] {
            self.simulator.add_to_channel(channel, user).unwrap();
        }
        channel
    }

    pub(crate) fn post(&self, channel: Id) -> MattermostId {
        real(self.simulator.post(self.alice.id, channel, "hello").unwrap())
    }

    pub(crate) fn post_at(&self, channel: Id, create_at: i64) -> MattermostId {
        let new = NewPost { create_at: Some(create_at), ..NewPost::default() };
        real(self.simulator.post_with(self.alice.id, channel, new).unwrap())
    }

    pub(crate) fn made(&self, post: MattermostId) -> i64 {
        self.simulator.get(Id::parse(post.as_str()).unwrap()).unwrap().create_at
    }

    fn client(&self) -> Client {
        client(&format!("{}/", self.simulator.url()), &self.bot.token)
    }

    async fn read(&self) -> Reading {
        let interval = Duration::from_millis(20);
        Reading::begin(self.client(), self.folder.path(), Inbox::default(), interval).await
    }

    /// Reads, and hears of posts over the WebSocket too.
    pub(crate) async fn hear(&self, interval: Duration, inbox: Inbox) -> Reading {
        Reading::hearing(self.client(), self.folder.path(), inbox, interval).await
    }

    pub(crate) fn direct(&self) -> Id {
        self.simulator.direct_channel(self.alice.id, self.bot.id).unwrap()
    }

    /// Reads, and has looked at least once: a post of a new channel came.
    async fn reading(&self) -> Reading {
        let reading = self.read().await;
        let first = self.direct();
        // A direct channel counts as history if it is in the first list; so
        // write until something comes.
        until("the first post", || {
            self.post(first);
            !reading.inbox.posts().is_empty()
        })
        .await;
        reading
    }
}

#[tokio::test]
async fn people_who_write_at_once_in_many_channels_are_all_heard() {
    for version in Version::ALL {
        let world = World::new(version).await;
        let channels: Vec<Id> = (0..10).map(|n| world.channel(&format!("room-{n}"))).collect();
        let reading = world.reading().await;
        let mut posts = Vec::new();
        for _ in 0..30 {
            posts.extend(channels.iter().map(|channel| world.post(*channel)));
            tokio::task::yield_now().await;
        }
        let all = || {
            let handed = reading.inbox.posts();
            posts.iter().all(|post| handed.contains(post))
        };
        until("every post", all).await;
        reading.inbox.assert_once_and_in_order();
    }
}

#[tokio::test]
async fn a_post_seen_after_newer_ones_is_heard() {
    for version in Version::ALL {
        let world = World::new(version).await;
        let channel = world.channel("room");
        let reading = world.reading().await;
        // Beyond what counts as history because of the first start.
        let soon = world.made(world.post(channel)) + 60_000;
        let newer = world.post_at(channel, soon);
        reading.handed(newer).await;
        let late = world.post_at(channel, soon - 20_000);
        reading.handed(late).await;
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_wrong_by_ten_minutes_is_heard_all_the_same() {
    for wrong in [-600_000, 600_000] {
        let world = World::with_clock(Version::V11, wrong).await;
        let channel = world.channel("room");
        let reading = world.reading().await;
        let before = world.post(channel);
        reading.handed(before).await;
        reading.stop().await;
        let missed = world.post(channel);
        let reading = world.read().await;
        reading.handed(missed).await;
        let after = world.post(channel);
        reading.handed(after).await;
        assert!(!reading.inbox.has(before), "handed over again after the restart");
        reading.inbox.assert_once_and_in_order();
    }
}

#[tokio::test]
async fn what_was_written_during_a_stop_or_a_restart_of_the_server_is_heard() {
    let world = World::new(Version::V10).await;
    let channel = world.channel("room");
    let reading = world.reading().await;
    let before = world.post(channel);
    reading.handed(before).await;
    reading.stop().await;
    let missed: Vec<_> = (0..450).map(|_| world.post(channel)).collect();
    let reading = world.read().await;
    reading.handed(missed[449]).await;
    assert!(!reading.inbox.has(before));
    world.simulator.inject(Fault::Restart { millis: 300 });
    let during = world.post(channel);
    reading.handed(during).await;
    assert!(missed.iter().all(|post| reading.inbox.has(*post)));
    reading.inbox.assert_once_and_in_order();
}

#[tokio::test]
async fn the_history_of_a_channel_ends_where_the_bot_joins() {
    for version in Version::ALL {
        let world = World::new(version).await;
        let reading = world.reading().await;
        let channel =
            world.simulator.create_channel(world.team, "old", Visibility::Public).unwrap();
        world.simulator.add_to_channel(channel, world.alice.id).unwrap();
        let now = world.made(world.post(channel));
        let old: Vec<_> = (1..=250).map(|ago| world.post_at(channel, now - ago)).collect();
        world.simulator.add_to_channel(channel, world.bot.id).unwrap();
        let new = world.post(channel);
        reading.handed(new).await;
        assert!(old.iter().all(|post| !reading.inbox.has(*post)), "{version:?}");
    }
}
