//! Settings that change while the frontend serves.

use std::time::Duration;

use gaggle_ipc::session::GooseMode;
use tokio::time::Instant;

use crate::fake::Did;
use crate::world::{World, user};

/// Longest time until a change is in force.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn who_is_approved_no_more_is_told_so_and_a_running_turn_goes_on() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    one.ready();
    // The control: bob is served until the settings say otherwise.
    world.sim.post(world.bob.id, world.channel, "@goosebot hello").unwrap();
    let bobs = world.supervisor.asked().await;
    assert_eq!(bobs.user, user(&world.bob));
    bobs.answer("hello");
    world.set("APPROVED_USERS", "alice");
    world.reload();
    let (bot, bob) = (world.bot.id, world.bob.id);
    let direct = world.sim.direct_channel(bob, bot).unwrap();
    let deadline = Instant::now() + SOON;
    loop {
        world.sim.post(bob, world.channel, "@goosebot hello").unwrap();
        let told =
            world.sim.wait_for_post(direct, Duration::from_millis(500), |post| post.user_id == bot);
        if told.await.is_ok() {
            break;
        }
        while let Some(did) = world.supervisor.done() {
            if let Did::Asked(asked) = did {
                asked.answer("hello");
            }
        }
        assert!(Instant::now() < deadline, "the new settings are not in force");
    }
    one.answer("first");
    world.says(root, "first").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_not_usable_change_nothing() {
    let mut world = World::new().await;
    world.toml("nonsense = 1");
    world.set("APPROVED_USERS", "alice");
    world.reload();
    // By the end of a turn it has long been looked at.
    let root = world.ask("one");
    world.supervisor.asked().await.answer("first");
    world.says(root, "first").await;
    world.sim.post(world.bob.id, world.channel, "@goosebot hello").unwrap();
    assert_eq!(world.supervisor.asked().await.user, user(&world.bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mode_holds_from_the_next_turn_on_without_a_new_worker() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    assert_eq!((one.mode, one.model.clone()), (GooseMode::Approve, None));
    one.answer("first");
    world.says(root, "first").await;
    world.toml("[goose]\nmode = \"chat\"");
    world.reload();
    let deadline = Instant::now() + SOON;
    loop {
        assert!(Instant::now() < deadline, "the new mode is not in force");
        world.sim.reply(world.alice.id, root, "@goosebot and?").unwrap();
        match world.supervisor.next().await {
            Did::Asked(asked) => {
                asked.answer("so");
                if asked.mode == GooseMode::Chat {
                    break;
                }
            }
            other => panic!("{other:?} instead of a prompt"),
        }
    }
}
