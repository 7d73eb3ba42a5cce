//! Commands, in every place where people type them.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn they_are_heard_in_private_behind_the_name_and_in_threads() {
    let mut world = World::new().await;
    let direct = world.direct();
    let bare = world.sim.post(world.alice.id, direct, "!help stop").unwrap();
    world.answer(bare, |post| post.message.starts_with("`!stop` ends your running turn")).await;
    let root = world.ask("!HELP");
    let all = world.answer(root, |post| post.message.contains("- `!whoami` ")).await;
    assert!(all.message.contains("@goosebot !help"), "{}", all.message);
    let root = world.ask("work");
    world.supervisor.asked().await.answer("done");
    world.says(root, "done").await;
    world.sim.reply(world.alice.id, root, "@goosebot !whoami").unwrap();
    world.answer(root, |post| post.message.contains("| Linux account | `alice` |")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_answered_with_what_would_be() {
    let mut world = World::new().await;
    let root = world.ask("!whoami really");
    world.answer(root, |post| post.message.contains("It is written `!whoami`")).await;
    let root = world.ask("!stpo");
    world.answer(root, |post| post.message.contains("Did you mean `!stop`?")).await;
    let root = world.ask("!frobnicate");
    let told = world.answer(root, |_| true).await;
    assert!(!told.message.contains("Did you mean"), "{}", told.message);
    assert!(world.supervisor.done().is_none(), "none of it is for Goose");
}
