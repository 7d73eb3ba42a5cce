//! What was written while the bot was away, and what became a question only later.

use gaggle_tests::mattermost::Fault;

use crate::world::World;

/// The server's clock goes on by `hours`.
fn advance(world: &World, hours: i64) {
    world.sim.inject(Fault::ClockSkew { millis: hours * 3_600_000 });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_while_it_was_away_is_answered_and_says_how_late() {
    let mut world = World::new().await;
    world.kill();
    let root = world.ask("are you there?");
    advance(&world, 3);
    world.start().await;
    world.supervisor.asked().await.answer("yes");
    let post = world.answer(root, |post| post.message.ends_with("yes")).await;
    assert_eq!(post.message, "> I could not answer when you wrote this, 3 hours ago.\n\nyes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_not_begun_and_the_thread_says_so_once() {
    let mut world = World::new().await;
    world.kill();
    let root = world.ask("are you there?");
    advance(&world, 25);
    world.start().await;
    world.answer(root, |post| post.message.contains("25 hours ago, and did not begin it")).await;
    world.kill();
    world.start().await;
    world.settle().await;
    assert_eq!(world.texts(root).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_waited_over_a_long_outage_is_not_begun_either() {
    let mut world = World::new().await;
    let root = world.ask("one");
    world.supervisor.asked().await.ready();
    let two = world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.kill();
    advance(&world, 25);
    world.start().await;
    world.answer(root, |post| post.message.contains("did not begin it")).await;
    world.settle().await;
    let texts = world.texts(root);
    assert!(!texts.iter().any(|text| text.contains("Queued")), "{two}: {texts:?}");
}

/// M09: somebody with the right to edit others' posts must not ask in their names.
#[tokio::test(flavor = "multi_thread")]
async fn m09_an_edit_asks_for_nothing_unless_an_admin_wants_it() {
    let mut world = World::new().await;
    let root = world.sim.post(world.alice.id, world.channel, "no question").unwrap();
    world.settle().await;
    world.sim.edit(world.alice.id, root, "@goosebot a question").unwrap();
    world.settle().await;
    assert!(world.texts(root).is_empty());
    // The control: wanted, it is found by reading.
    world.toml("answer_edited = true");
    world.kill();
    world.start().await;
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, "a question");
    asked.answer("an answer");
    world.says(root, "an answer").await;
    // No question is asked twice by being edited.
    world.sim.edit(world.alice.id, root, "@goosebot another question").unwrap();
    world.settle().await;
    assert_eq!(world.texts(root), ["an answer"]);
    // A line tells of it at once.
    let root = world.sim.post(world.alice.id, world.channel, "no question").unwrap();
    world.settle().await;
    world.sim.edit(world.alice.id, root, "@goosebot a third one").unwrap();
    let asked = world.supervisor.asked().await;
    assert_eq!(asked.text, "a third one");
    asked.answer("here");
    world.says(root, "here").await;
}
