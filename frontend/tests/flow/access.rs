//! The admin's lists of channels, teams and people: who is turned away, where,
//! and what they hear of it.

use std::time::Duration;

use gaggle_ipc::Text;
use gaggle_ipc::session::{FromWorker, PermissionChoice, TurnEnd};
use gaggle_tests::mattermost::{Account, Body, Fault, Id, Post, Requests, Visibility, When};

use crate::fake::Did;
use crate::world::{World, user};

const SOON: Duration = Duration::from_secs(20);

/// What the bot said to `account` in private, once it has.
async fn told(world: &World, account: &Account, wanted: &str) -> Post {
    let bot = world.bot.id;
    let direct = world.sim.direct_channel(account.id, bot).unwrap();
    let said = |post: &Post| post.user_id == bot && post.message.contains(wanted);
    world.sim.wait_for_post(direct, SOON, said).await.unwrap()
}

fn allow(what: &str, ids: &[Id]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[access]\n{what}s = \"allow\"\n{what}_ids = [{}]", ids.join(", "))
}

/// Waits until the frontend reads posts: what is older at its very first start is
/// history. `who` writes to the bot in private until it says something.
async fn reading(world: &World, who: &Account) {
    let direct = world.sim.direct_channel(who.id, world.bot.id).unwrap();
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        world.sim.post(who.id, direct, "!help").unwrap();
        let said = |post: &Post| post.user_id == world.bot.id;
        if world.sim.wait_for_post(direct, Duration::from_millis(300), said).await.is_ok() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "the frontend reads no posts");
    }
}

/// Alice is answered in her direct channel.
async fn is_answered_in_private(world: &mut World) {
    let root = world.sim.post(world.alice.id, world.direct(), "hello").unwrap();
    let asked = world.supervisor.asked().await;
    assert_eq!((asked.text.as_str(), asked.user), ("hello", user(&world.alice)));
    asked.answer("Hi.");
    world.says(root, "Hi.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m34_where_the_admin_allows_no_channel_people_are_told_in_private() {
    let mut world = World::prepare().await;
    world.toml("[access]\nchannels = \"none\"");
    world.start().await;
    reading(&world, &world.alice).await;
    is_answered_in_private(&mut world).await;
    let root = world.ask("show my files");
    let post = told(&world, &world.alice, "may not work in that channel").await;
    assert!(post.message.contains(&format!("`{}`", world.channel)), "{}", post.message);
    // The control: what was asked in private is still answered, so this was read.
    is_answered_in_private(&mut world).await;
    assert!(world.texts(root).is_empty(), "the channel stays quiet");
    assert!(world.supervisor.done().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_listed_channel_is_served() {
    let mut world = World::prepare().await;
    let other = world.sim.create_channel(world.team, "other", Visibility::Public).unwrap();
    for account in [&world.bot, &world.alice] {
        world.sim.add_to_channel(other, account.id).unwrap();
    }
    world.toml(&allow("channel", &[other]));
    world.start().await;
    reading(&world, &world.alice).await;
    is_answered_in_private(&mut world).await;
    world.ask("not here");
    told(&world, &world.alice, "may not work in that channel").await;
    world.sim.post(world.alice.id, other, "@goosebot here").unwrap();
    assert_eq!(world.supervisor.asked().await.text, "here");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_direct_message_the_persons_own_teams_count() {
    let mut world = World::prepare().await;
    let dave = world.sim.create_user("dave").unwrap();
    world.toml(&allow("team", &[world.team]));
    world.start().await;
    reading(&world, &world.alice).await;
    is_answered_in_private(&mut world).await;
    let direct = world.sim.direct_channel(dave.id, world.bot.id).unwrap();
    world.sim.post(dave.id, direct, "hello").unwrap();
    told(&world, &dave, "that team").await;
    world.ask("in the team's channel");
    assert_eq!(world.supervisor.asked().await.user, user(&world.alice));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_the_bot_cannot_look_into_lets_nobody_in() {
    for level in ["allow", "block"] {
        let mut world = World::prepare().await;
        let hidden = world.sim.create_team("hidden").unwrap();
        world.sim.add_to_team(hidden, world.alice.id).unwrap();
        world.toml(&format!("[access]\nteams = \"{level}\"\nteam_ids = [\"{hidden}\"]"));
        world.start().await;
        reading(&world, &world.alice).await;
        told(&world, &world.alice, "that team").await;
        assert!(world.supervisor.done().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_say_who_is_in_a_team_is_asked_again() {
    let mut world = World::prepare().await;
    world.toml(&allow("team", &[world.team]));
    world.start().await;
    reading(&world, &world.bob).await;
    let requests = Requests::next(1, "GET", "/teams/*/members/*");
    let (status, body) = (302, Body::Html);
    world.sim.inject(Fault::Fail { requests, status, body, when: When::Before });
    is_answered_in_private(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_listed_is_not_served_whatever_the_mapping_says() {
    let mut world = World::prepare().await;
    world.toml(&allow("user", &[world.bob.id]));
    world.start().await;
    world.reading().await;
    world.ask("let me in");
    told(&world, &world.alice, "`users` in `[access]`").await;
    assert!(world.supervisor.done().is_none());
    world.sim.post(world.bob.id, world.channel, "@goosebot hi").unwrap();
    assert_eq!(world.supervisor.asked().await.user, user(&world.bob));
}

/// Alice's turn in the channel has begun when the admin closes it.
async fn closed_in_the_middle(world: &mut World) -> (Id, crate::fake::Asked) {
    let root = world.ask("do it");
    let asked = world.supervisor.asked().await;
    asked.ready();
    world.toml("[access]\nchannels = \"none\"");
    world.reload();
    // In force as soon as bob is turned away.
    let bob = world.bob.id;
    let direct = world.sim.direct_channel(bob, world.bot.id).unwrap();
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        world.sim.post(bob, world.channel, "@goosebot !help").unwrap();
        let told = world.sim.wait_for_post(direct, Duration::from_millis(300), |_| true).await;
        if told.is_ok() {
            return (root, asked);
        }
        assert!(tokio::time::Instant::now() < deadline, "the new settings are not in force");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_closed_meanwhile_allows_no_tool_and_still_can_be_stopped() {
    let mut world = World::new().await;
    let (root, asked) = closed_in_the_middle(&mut world).await;
    asked.word(FromWorker::PermissionAsk {
        thread: asked.thread,
        turn: asked.turn,
        ask: 1,
        name: Text::lossy("shell"),
        title: Text::lossy("shell"),
        detail: Text::lossy("rm -r build"),
    });
    let question = told(&world, &world.alice, "rm -r build").await;
    world.sim.react(world.alice.id, question.id, "+1").unwrap();
    let Did::Replied(choice) = world.supervisor.next().await else { panic!("no reply") };
    assert_eq!(choice, PermissionChoice::Reject);
    world.sim.reply(world.alice.id, root, "@goosebot !stop").unwrap();
    let Did::Cancelled(thread) = world.supervisor.next().await else { panic!("not stopped") };
    assert_eq!(thread, asked.thread);
    asked.end(TurnEnd::Cancelled);
    world.answer(root, |post| post.message.contains("🛑 Stopped.")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_restart_is_not_run_where_the_admin_closed_the_channel() {
    let mut world = World::new().await;
    let root = world.ask("one");
    world.supervisor.asked().await.ready();
    world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.kill();
    world.toml("[access]\nchannels = \"none\"");
    world.start().await;
    reading(&world, &world.alice).await;
    is_answered_in_private(&mut world).await;
    assert!(!world.texts(root).iter().any(|text| text.starts_with("Queued")));
    assert!(world.supervisor.done().is_none(), "two was run");
}
