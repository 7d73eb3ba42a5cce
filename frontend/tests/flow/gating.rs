//! Who is answered, and what the others see.

use gaggle_ipc::control::{Refusal, RefusalCode};
use gaggle_ipc::launch::LaunchStep;
use gaggle_tests::mattermost::Post;

use crate::world::{World, user};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_bots_and_near_misses_are_not_answered() {
    let mut world = World::new().await;
    let other_bot = world.sim.create_bot("otherbot").unwrap();
    let team = world.sim.create_team("other").unwrap();
    world.sim.add_to_team(team, other_bot.id).unwrap();
    let alice = world.alice.id;
    world.post_with_props(alice, "@goosebot from a hook", ("from_webhook", "true"));
    world.post_with_props(alice, "@goosebot from a bot", ("from_bot", "true"));
    for text in ["@goosebotX hi", "`@goosebot` hi", "hi@goosebot", "@channel hi", "no mention"] {
        world.sim.post(alice, world.channel, text).unwrap();
    }
    // An edit never prompts.
    let edited = world.sim.post(alice, world.channel, "nothing").unwrap();
    world.settle().await;
    world.sim.edit(alice, edited, "@goosebot now").unwrap();
    world.settle().await;
    assert!(world.supervisor.done().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bot_is_not_answered_unless_it_is_allowed() {
    let mut world = World::new().await;
    let other = world.sim.create_bot("otherbot").unwrap();
    let direct = world.sim.direct_channel(other.id, world.bot.id).unwrap();
    world.sim.post(other.id, direct, "hello").unwrap();
    world.settle().await;
    assert!(world.supervisor.done().is_none());
}

async fn notice(world: &World) -> Post {
    let (alice, bot) = (world.alice.id, world.bot.id);
    let direct = world.sim.direct_channel(alice, bot).unwrap();
    let wanted = |post: &Post| post.user_id == bot && post.message.contains("gaggle user add");
    world.sim.wait_for_post(direct, std::time::Duration::from_secs(20), wanted).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmapped_person_is_told_once_a_day_in_private() {
    let mut world = World::new().await;
    world.supervisor.refuse(user(&world.alice), RefusalCode::Unmapped);
    let roots = [world.ask("one"), world.ask("two")];
    let post = notice(&world).await;
    assert!(
        post.message
            .contains(&format!("`sudo gaggle user add ACCOUNT --mattermost {}`", world.alice.id))
    );
    // Not after a restart either.
    world.stop().await.unwrap();
    world.start().await;
    let third = world.ask("three");
    world.reading().await;
    world.stop().await.unwrap();
    let direct = world.sim.direct_channel(world.alice.id, world.bot.id).unwrap();
    assert_eq!(world.sim.posts(direct).len(), 1);
    for root in roots.into_iter().chain([third]) {
        assert!(world.texts(root).is_empty(), "{:?}", world.texts(root));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_not_approved_starts_nothing() {
    let mut world = World::prepare().await;
    world.set("APPROVED_USERS", "bob");
    world.start().await;
    world.reading().await;
    world.ask("let me in");
    let post = notice(&world).await;
    assert!(post.message.contains("APPROVED_USERS"));
    assert!(world.supervisor.done().is_none());
    world.sim.post(world.bob.id, world.channel, "@goosebot hi").unwrap();
    assert_eq!(world.supervisor.asked().await.user, user(&world.bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_is_explained_under_an_error_id() {
    let world = World::new().await;
    let refusal =
        Refusal { code: RefusalCode::LaunchFailed, step: Some(LaunchStep::HomeMode), errno: 0 };
    world.supervisor.refuse(user(&world.alice), refusal);
    let root = world.ask("hi");
    let post = world.answer(root, |post| post.message.contains("home folder")).await;
    assert!(post.message.contains("(E-"));
    assert_eq!(world.texts(root).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_help_and_unknown_commands() {
    let world = World::new().await;
    let root = world.ask("!WhoAmI");
    let post = world.answer(root, |_| true).await;
    let id = world.alice.id.to_string();
    for part in ["`alice`", "/home/alice/workspace", "`approve`", "`workspace`", id.as_str()] {
        assert!(post.message.contains(part), "{part} in {}", post.message);
    }
    let root = world.ask("!help");
    world.answer(root, |post| post.message.contains("`!stop`")).await;
    let root = world.ask("!frobnicate");
    world.answer(root, |post| post.message.contains("no command `!frobnicate`")).await;
}
