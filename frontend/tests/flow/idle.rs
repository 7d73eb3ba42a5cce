//! Workers that nobody has needed for a while are ended, and nobody notices.

use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::session::Before;
use gaggle_tests::mattermost::Id;

use crate::fake::{Asked, Did};
use crate::world::World;

/// Workers are ended after a second without a turn.
async fn impatient() -> World {
    let mut world = World::prepare().await;
    world.toml("[goose]\nworker_idle_seconds = 1");
    world.start().await;
    world.reading().await;
    world
}

/// Alice asks and is answered.
async fn answered(world: &mut World, text: &str) -> (Id, Asked) {
    let root = world.ask(text);
    let asked = world.supervisor.asked().await;
    asked.answer("first");
    world.says(root, "first").await;
    (root, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_ended_and_the_thread_goes_on_in_the_next() {
    let mut world = impatient().await;
    let (root, first) = answered(&mut world, "hello").await;
    assert!(matches!(world.supervisor.next().await, Did::Drained));
    first.die(WorkerExit::Status(0));
    world.sim.reply(world.alice.id, root, "go on").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Started));
    let next = world.supervisor.asked().await;
    assert_eq!((next.text.as_str(), next.before), ("go on", Before::Complete));
    assert!(next.resume.is_some(), "the conversation is lost");
    next.answer("second");
    world.says(root, "second").await;
    assert_eq!(world.texts(root), ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_a_worker_ends_goes_to_the_next_and_only_to_that() {
    let mut world = impatient().await;
    let (root, first) = answered(&mut world, "hello").await;
    assert!(matches!(world.supervisor.next().await, Did::Drained));
    world.sim.reply(world.alice.id, root, "in between").unwrap();
    let other = world.ask("elsewhere");
    // Both are taken in by now; the worker that ends hears of neither.
    world.answer(root, |post| post.message.starts_with("Thinking")).await;
    world.answer(other, |post| post.message.starts_with("Thinking")).await;
    assert!(world.supervisor.done().is_none());
    first.die(WorkerExit::Status(0));
    let mut asked = [world.supervisor.asked().await, world.supervisor.asked().await];
    asked.sort_by_key(|asked| asked.text.clone());
    assert_eq!(asked.each_ref().map(|asked| asked.text.as_str()), ["elsewhere", "in between"]);
    asked[0].answer("there");
    asked[1].answer("here");
    world.says(other, "there").await;
    world.says(root, "here").await;
    assert_eq!(world.texts(root), ["first", "here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_turn_is_left_alone_however_long_it_takes() {
    let mut world = impatient().await;
    let root = world.ask("long");
    let long = world.supervisor.asked().await;
    long.ready().say("still ");
    // Bob's turn ends after alice's began; when his worker is ended, hers would
    // have been long ago.
    let direct = world.sim.direct_channel(world.bob.id, world.bot.id).unwrap();
    let short = world.sim.post(world.bob.id, direct, "short").unwrap();
    let bobs = world.supervisor.asked().await;
    assert_ne!(bobs.user, long.user);
    bobs.answer("done");
    world.says(short, "done").await;
    assert!(matches!(world.supervisor.next().await, Did::Drained));
    bobs.die(WorkerExit::Status(0));
    long.say("at it").end(gaggle_ipc::session::TurnEnd::Complete);
    world.says(root, "still at it").await;
    // The control: now hers is ended as well.
    assert!(matches!(world.supervisor.next().await, Did::Drained));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_asked_about_itself_alone_is_ended_too() {
    let mut world = impatient().await;
    let root = world.ask("!whoami");
    world.answer(root, |post| post.message.contains("workspace")).await;
    assert!(matches!(world.supervisor.next().await, Did::Started));
    assert!(matches!(world.supervisor.next().await, Did::Drained));
}
