//! The simulator's fault switches: that each does what a program under test
//! will take it for, and that it ends.

use std::time::Duration;

use anyhow::{Result, ensure};
use gaggle_tests::mattermost::{
    Account, Body, Fault, Id, Options, Requests, Simulator, Version, When,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::case::simulated;
use super::socket::{Heard, Socket, inner};
use super::until::until;
use super::world::{World, id, order, text, unique};

async fn world() -> Result<(Simulator, World)> {
    simulated(Version::V10).await
}

fn post(count: u32) -> Requests {
    Requests::next(count, "POST", "/posts")
}

impl World {
    async fn switch(&self, fault: Value) -> Result<()> {
        let body = Some(fault.to_string());
        let reply = self.rest.send("", Method::POST, "/_sim/faults", body, None).await?;
        ensure!(reply.status == 200, "{}", reply.body);
        Ok(())
    }

    async fn message_count(&self, message: &str) -> Result<usize> {
        let list = self.posts("").await?;
        let posts = list["posts"].as_object().map(|posts| posts.values()).into_iter().flatten();
        Ok(posts.filter(|post| post["message"] == message).count())
    }
}

#[tokio::test]
async fn the_rate_limit_is_plain_text_and_says_when_to_come_back() -> Result<()> {
    let (simulator, world) = world().await?;
    world.switch(json!({ "fault": "rate_limit", "per_second": 1, "burst": 2 })).await?;
    for left in ["2", "1", "0"] {
        let reply = world.get(&world.bot, "/users/me").await?;
        ensure!(reply.header("x-ratelimit-remaining") == left, "{:?}", reply.headers);
        ensure!(reply.header("x-ratelimit-limit") == "3", "{:?}", reply.headers);
        reply.is(200)?;
    }
    let reply = world.get(&world.bot, "/users/me").await?;
    ensure!(reply.status == 429 && reply.body == "limit exceeded\n", "{reply:?}");
    ensure!(reply.header("content-type") == "text/plain; charset=utf-8", "{reply:?}");
    ensure!(reply.header("retry-after") == "1", "{reply:?}");
    ensure!(reply.header("x-ratelimit-reset") == "3", "{reply:?}");
    simulator.clear_faults();
    world.get(&world.bot, "/users/me").await?.is(200).map(|_| ())
}

#[tokio::test]
async fn requests_fail_as_often_as_asked_before_or_after_they_are_carried_out() -> Result<()> {
    let (simulator, world) = world().await?;
    for (when, stored) in [(When::Before, 0), (When::After, 2)] {
        simulator.inject(Fault::Fail { requests: post(2), status: 503, body: Body::Html, when });
        let message = format!("{when:?}");
        let body = json!({ "channel_id": world.channel, "message": message });
        for _ in 0..2 {
            let reply = world.post(&world.bot, "/posts", body.clone()).await?;
            ensure!(reply.status == 503 && reply.body.starts_with("<html>"), "{reply:?}");
        }
        ensure!(world.message_count(&message).await? == stored, "{when:?}");
        world.post(&world.bot, "/posts", body).await?.is(201)?;
    }
    let any = json!({ "fault": "fail", "requests": { "path": "/users/*" }, "status": 500,
        "body": "json", "when": "before" });
    world.switch(any).await?;
    world.get(&world.bot, "/users/me").await?.refused(500, "simulator.fault")
}

#[tokio::test]
async fn connections_drop_before_or_after_the_post_is_stored() -> Result<()> {
    let (simulator, world) = world().await?;
    for (when, stored) in [(When::Before, 0), (When::After, 1)] {
        simulator.inject(Fault::Drop { requests: post(1), when });
        let message = format!("{when:?}");
        let body = json!({ "channel_id": world.channel, "message": message });
        let dropped = world.post(&world.bot, "/posts", body).await;
        ensure!(dropped.is_err(), "an answer: {dropped:?}");
        ensure!(world.message_count(&message).await? == stored, "{when:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_is_of_a_post_that_is_there_already() -> Result<()> {
    let (simulator, world) = world().await?;
    let mut socket = world.listen(&world.alice).await?;
    simulator.inject(Fault::Slow { requests: post(1), millis: 60_000 });
    tokio::select! {
        answer = world.say(&world.bot, "slow") => anyhow::bail!("answered: {answer:?}"),
        heard = socket.posted("slow") => heard.map(|_| ()),
    }
}

#[tokio::test]
async fn a_late_post_is_seen_after_a_newer_one() -> Result<()> {
    let (simulator, world) = world().await?;
    simulator.inject(Fault::LatePosts { count: 1, newer: 1 });
    let late = world.say(&world.alice, "late");
    let newer = async {
        until("a post held back", async || Ok((simulator.held_posts() == 1).then_some(()))).await?;
        world.say(&world.bot, "newer").await
    };
    let (late, newer) = tokio::join!(late, newer);
    let (late, newer) = (late?, newer?);
    ensure!(late["create_at"].as_i64() <= newer["create_at"].as_i64(), "{late} {newer}");
    let list = world.posts(&format!("?after={}", id(&newer))).await?;
    ensure!(!order(&list).contains(&id(&late)), "a cursor finds it: {list}");
    let rows = simulator.posts(Id::parse(&world.channel).expect("an id"));
    ensure!(rows.iter().any(|post| post.message == "late"), "it was not stored");
    Ok(())
}

#[tokio::test]
async fn the_key_of_a_post_under_way_is_pending() -> Result<()> {
    let (simulator, world) = world().await?;
    simulator.inject(Fault::LatePosts { count: 1, newer: 1 });
    let body = json!({ "channel_id": world.channel, "message": "once",
        "pending_post_id": unique("key") });
    let again = async {
        until("a post held back", async || Ok((simulator.held_posts() == 1).then_some(()))).await?;
        let reply = world.post(&world.bot, "/posts", body.clone()).await?;
        reply.refused(500, "api.post.deduplicate_create_post.pending")?;
        world.say(&world.alice, "newer").await
    };
    let (first, again) = tokio::join!(world.post(&world.bot, "/posts", body.clone()), again);
    again?;
    let first = first?.is(201)?;
    let reply = world.post(&world.bot, "/posts", body).await?.is(201)?;
    ensure!(reply["id"] == first["id"], "{reply}");
    Ok(())
}

#[tokio::test]
async fn events_are_doubled_and_lost_without_a_gap() -> Result<()> {
    let (simulator, world) = world().await?;
    let mut socket = world.listen(&world.bot).await?;
    simulator.inject(Fault::DuplicateEvents { count: 1 });
    world.say(&world.alice, "twice").await?;
    let (first, _) = socket.posted("twice").await?;
    let (second, _) = socket.posted("twice").await?;
    ensure!(second["seq"].as_i64() == first["seq"].as_i64().map(|seq| seq + 1), "{second}");
    simulator.inject(Fault::LoseEvents { count: 1 });
    world.say(&world.alice, "lost").await?;
    world.say(&world.alice, "heard").await?;
    let event = socket.event("posted").await?;
    ensure!(inner(&event, "post")?["message"] == "heard", "{event}");
    ensure!(world.message_count("lost").await? == 1, "it was not stored");
    Ok(())
}

#[tokio::test]
async fn a_restart_ends_connections_and_keeps_posts() -> Result<()> {
    let (simulator, world) = world().await?;
    let (mut socket, hello) = Socket::open(&world.rest.base, &world.bot.token).await?;
    world.say(&world.alice, "before").await?;
    world.switch(json!({ "fault": "restart", "millis": 600_000 })).await?;
    socket.closed().await?;
    let fresh = super::rest::Rest::new(&world.rest.base)?;
    let refused = fresh.call(&world.bot.token, Method::GET, "/users/me", None).await;
    ensure!(refused.is_err(), "answered while down: {refused:?}");
    // The connection that asked for it may end it.
    let reply = world.rest.send("", Method::DELETE, "/_sim/faults", None, None).await?;
    ensure!(reply.status == 200, "{reply:?}");
    until("up again", async || {
        Ok(fresh.call(&world.bot.token, Method::GET, "/users/me", None).await.ok())
    })
    .await?;
    ensure!(world.message_count("before").await? == 1, "the post is gone");
    let connection = hello["data"]["connection_id"].as_str().unwrap_or_default();
    let query = format!("?connection_id={connection}&sequence_number=1");
    let mut socket = Socket::connect(&world.rest.base, Some(&world.bot.token), &query).await?;
    let Heard::Message(first) = socket.next().await? else { anyhow::bail!("closed") };
    ensure!(first["event"] == "hello", "a connection outlived the process: {first}");
    drop(simulator);
    socket.closed().await
}

#[tokio::test]
async fn tokens_are_revoked_and_clocks_are_wrong() -> Result<()> {
    let (simulator, world) = world().await?;
    let right = world.say(&world.alice, "now").await?["create_at"].as_i64();
    simulator.inject(Fault::ClockSkew { millis: -3_600_000 });
    let wrong = world.say(&world.alice, "an hour ago").await?["create_at"].as_i64();
    ensure!(wrong < right, "{wrong:?} {right:?}");
    simulator.inject(Fault::RevokeTokens { user: world.bot.id.clone() });
    let reply = world.get(&world.bot, "/users/me").await?;
    reply.refused(401, "api.context.session_expired.app_error")
}

#[tokio::test]
async fn a_fault_nobody_knows_is_refused() -> Result<()> {
    let (_simulator, world) = world().await?;
    for fault in [r#"{"fault":"flood"}"#, r#"{"fault":"late_posts","count":1}"#, "{"] {
        let body = Some(fault.to_owned());
        let reply = world.rest.send("", Method::POST, "/_sim/faults", body, None).await?;
        ensure!(reply.status == 400 && !reply.body.is_empty(), "{fault}: {reply:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_dropped() -> Result<()> {
    let websocket_ping = Duration::from_millis(100);
    let options = Options { websocket_ping, ..Options::default() };
    let simulator = Simulator::start(options).await?;
    let (deaf, awake) = (simulator.create_user("deaf")?, simulator.create_user("awake")?);
    let (_unread, _) = Socket::open(simulator.url(), &deaf.token).await?;
    let (mut read, _) = Socket::open(simulator.url(), &awake.token).await?;
    let reading = tokio::spawn(async move { read.next().await.map(|_| ()) });
    let rest = super::rest::Rest::new(simulator.url())?;
    let status = async |user: &Account| {
        let path = format!("/users/{}/status", user.id);
        let status = rest.call(&awake.token, Method::GET, &path, None).await?.is(200)?;
        Ok::<_, anyhow::Error>(text(&status, "status"))
    };
    ensure!(status(&deaf).await? == "online", "never online");
    until("dropped", async || Ok((status(&deaf).await? != "online").then_some(()))).await?;
    ensure!(status(&awake).await? == "online", "the one who answers was dropped too");
    reading.abort();
    Ok(())
}

/// What a whole flock of simulators leaves behind: nothing.
#[tokio::test]
async fn a_dropped_simulator_lets_go_of_its_port_and_connections() -> Result<()> {
    let (simulator, world) = world().await?;
    let mut socket = world.listen(&world.bot).await?;
    let url = simulator.url().to_owned();
    drop(simulator);
    socket.closed().await?;
    let address = url.trim_start_matches("http://");
    until("the port free", async || Ok(tokio::net::TcpListener::bind(address).await.ok())).await?;
    Ok(())
}
