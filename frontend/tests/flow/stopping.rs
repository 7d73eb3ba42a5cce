//! `!stop`, in every place where people type it.

use std::time::Duration;

use gaggle_ipc::session::{Before, TurnEnd};

use crate::fake::Did;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn in_the_thread_it_keeps_what_was_said_and_the_next_turn_runs() {
    let mut world = World::new().await;
    let root = world.ask("long");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    assert!(
        matches!(world.supervisor.next().await, Did::Cancelled(thread) if thread == asked.thread)
    );
    asked.end(TurnEnd::Cancelled);
    world.says(root, "half\n\n🛑 Stopped.").await;
    world.sim.reply(world.alice.id, root, "again").unwrap();
    let next = world.supervisor.asked().await;
    assert_eq!((next.text.as_str(), next.before), ("again", Before::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_cannot_and_is_told() {
    let mut world = World::new().await;
    let root = world.ask("long");
    world.supervisor.asked().await.ready();
    world.sim.reply(world.bob.id, root, "!stop").unwrap();
    world.answer(root, |post| post.message.contains("not yours")).await;
    assert!(world.supervisor.done().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_top_level_it_means_the_turn_of_this_channel() {
    let mut world = World::new().await;
    let root = world.ask("long");
    let asked = world.supervisor.asked().await;
    asked.ready();
    let stop = world.ask("!STOP");
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    asked.end(TurnEnd::Cancelled);
    world.says(root, "🛑 Stopped.").await;
    world.says(stop, "Stopping it.").await;
    // Without a mention too, while something runs.
    world.ask("long");
    let asked = world.supervisor.asked().await;
    asked.ready();
    world.sim.post(world.alice.id, world.channel, "!stop").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_turns_are_listed_and_none_is_stopped() {
    let mut world = World::new().await;
    world.ask("one");
    world.supervisor.asked().await.ready();
    world.ask("two");
    world.supervisor.asked().await.ready();
    let stop = world.ask("!stop");
    let post = world.answer(stop, |_| true).await;
    assert!(post.message.contains("2 turns") && post.message.contains("`one`"));
    assert!(world.supervisor.done().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_running_it_says_so() {
    let world = World::new().await;
    let stop = world.ask("!stop");
    world.says(stop, "Nothing of yours is running in this channel.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_turn_goes_on_when_the_one_before_is_stopped() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    one.ready();
    world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    one.end(TurnEnd::Cancelled);
    assert_eq!(world.supervisor.asked().await.text, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deletes_the_question_stops_its_turn() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    one.ready();
    let second = world.sim.reply(world.alice.id, root, "@goosebot two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    let third = world.sim.reply(world.alice.id, root, "@goosebot three").unwrap();
    // One that waits is not begun, and the one that runs goes on.
    world.sim.delete(world.alice.id, second).unwrap();
    // What is told later is told after it.
    world.reading().await;
    one.answer("first");
    let three = world.supervisor.asked().await;
    assert_eq!(three.text, "three");
    three.ready();
    world.sim.delete(world.alice.id, third).unwrap();
    let did = world.supervisor.next().await;
    assert!(matches!(did, Did::Cancelled(_)), "{did:?}");
    three.end(TurnEnd::Cancelled);
    world.says(root, "🛑 Stopped: what you asked was deleted.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_noticed_without_a_websocket_too() {
    let mut world = World::prepare().await;
    world.toml("[mattermost]\nwebsocket = false");
    world.withdrawn = Duration::from_millis(100);
    world.start().await;
    world.reading().await;
    let root = world.ask("one");
    world.supervisor.asked().await.answer("first");
    world.says(root, "first").await;
    let second = world.sim.reply(world.alice.id, root, "@goosebot two").unwrap();
    let two = world.supervisor.asked().await;
    two.ready();
    world.sim.delete(world.alice.id, second).unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    two.end(TurnEnd::Cancelled);
    world.says(root, "🛑 Stopped: what you asked was deleted.").await;
}
