//! 🔁: what was cut short is begun again by a click of its person, and once.

use gaggle_ipc::session::TurnEnd;
use gaggle_tests::mattermost::{Id, Post};

use crate::fake::Did;
use crate::world::World;

/// A turn of Alice's that a restart cut short, and the post that says so.
async fn interrupted(world: &mut World) -> (Id, Post) {
    let root = world.ask("work");
    world.supervisor.asked().await.ready().say("half of it");
    world.answer(root, |post| post.message.starts_with("half of it")).await;
    world.kill();
    world.start().await;
    let post = world.answer(root, |post| post.message.contains("Click 🔁")).await;
    (root, post)
}

async fn offered(world: &World, post: Id) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !world.sim.reactions(post).contains(&(world.bot.id, "repeat".to_owned())) {
        assert!(tokio::time::Instant::now() < deadline, "no button");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_begins_it_again_below_and_a_second_one_does_not() {
    let mut world = World::new().await;
    let (root, post) = interrupted(&mut world).await;
    offered(&world, post.id).await;
    // Nobody else's click counts.
    world.sim.react(world.bob.id, post.id, "repeat").unwrap();
    world.settle().await;
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    let again = world.supervisor.asked().await;
    assert_eq!(again.text, "work");
    world.sim.unreact(world.alice.id, post.id, "repeat").unwrap();
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    again.answer("All of it.");
    world.says(root, "All of it.").await;
    world.settle().await;
    let texts = world.texts(root);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with("half of it"), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_short_again_can_be_begun_again() {
    let mut world = World::new().await;
    let (root, post) = interrupted(&mut world).await;
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    world.supervisor.asked().await.ready().say("more of it");
    world.answer(root, |post| post.message.starts_with("more of it")).await;
    world.kill();
    world.start().await;
    let second =
        |post: &Post| post.message.starts_with("more of it") && post.message.contains("Click 🔁");
    let post = world.answer(root, second).await;
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    world.supervisor.asked().await.answer("At last.");
    world.says(root, "At last.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_counts_that_was_made_while_there_was_no_line() {
    let mut world = World::prepare().await;
    world.toml("[mattermost]\nwebsocket = false");
    world.start().await;
    world.reading().await;
    let (root, post) = interrupted(&mut world).await;
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    world.supervisor.asked().await.answer("All of it.");
    world.says(root, "All of it.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_can_be_begun_again_and_what_was_answered_cannot() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    asked.end(TurnEnd::Cancelled);
    let post = world.answer(root, |post| post.message.ends_with("🛑 Stopped.")).await;
    let done = world.ask("other");
    world.supervisor.asked().await.answer("answered");
    let answer = world.says(done, "answered").await;
    world.sim.react(world.alice.id, answer.id, "repeat").unwrap();
    world.sim.react(world.alice.id, post.id, "repeat").unwrap();
    let again = world.supervisor.asked().await;
    assert_eq!(again.text, "work");
    again.answer("whole");
    world.says(root, "whole").await;
    world.settle().await;
    assert_eq!(world.texts(done), ["answered"]);
}
