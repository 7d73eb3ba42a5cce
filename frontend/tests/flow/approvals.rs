//! Goose asks whether a tool may run: who is asked, who decides, and how.

use std::time::Duration;

use gaggle_ipc::Text;
use gaggle_ipc::session::{FromWorker, PermissionChoice, TurnEnd};
use gaggle_tests::mattermost::{Id, Post};

use crate::fake::{Asked, Did};
use crate::world::World;

/// Asks on the agent's behalf.
pub(crate) fn wants(asked: &Asked, ask: u32, command: &str) {
    wants_tool(asked, ask, "shell", command);
}

/// The same with any tool.
pub(crate) fn wants_tool(asked: &Asked, ask: u32, tool: &str, command: &str) {
    asked.word(FromWorker::PermissionAsk {
        thread: asked.thread,
        turn: asked.turn,
        ask,
        name: Text::lossy(tool),
        title: Text::lossy(tool),
        detail: Text::lossy(command),
    });
}

/// A turn in the channel that wants to run `command`, and the post with it.
pub(crate) async fn asking(world: &mut World, command: &str) -> (Id, Asked, Post) {
    let root = world.ask("do it");
    let asked = world.supervisor.asked().await;
    wants(asked.ready(), 1, command);
    let post = question(world, command).await;
    (root, asked, post)
}

/// Where only the person reads it.
pub(crate) async fn question(world: &World, command: &str) -> Post {
    let (bot, direct) = (world.bot.id, world.direct());
    let wanted = |post: &Post| post.user_id == bot && post.message.contains(command);
    world.sim.wait_for_post(direct, Duration::from_secs(20), wanted).await.unwrap()
}

pub(crate) async fn replied(world: &mut World) -> PermissionChoice {
    match world.supervisor.next().await {
        Did::Replied(choice) => choice,
        other => panic!("no reply but {other:?}"),
    }
}

/// What the person types to mean the question.
fn name(post: &Post) -> String {
    post.message.split("!approve ").nth(1).unwrap().chars().take(4).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_of_the_person_allows_it_once() {
    let mut world = World::new().await;
    let (root, asked, post) = asking(&mut world, "rm -r build").await;
    assert!(post.message.contains("```\nrm -r build\n```"));
    world.buttons(post.id).await;
    // Others read that something is asked, and not what.
    let short = world.answer(root, |post| post.message.starts_with("🔐")).await;
    assert!(short.message.contains("`shell`") && !short.message.contains("build"));
    // Nor does anybody allow there what is not shown there.
    world.sim.react(world.bob.id, short.id, "+1").unwrap();
    world.sim.react(world.alice.id, short.id, "+1").unwrap();
    // Somebody else's click is nothing, and so is a deaf emoji.
    world.sim.react(world.alice.id, post.id, "tada").unwrap();
    world.reading().await;
    assert!(world.supervisor.done().is_none());
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    world.answer(root, |post| post.message.ends_with("👍 Allowed, this once.")).await;
    // Once is once.
    wants(&asked, 2, "rm -r other");
    let second = question(&world, "rm -r other").await;
    world.sim.react(world.alice.id, second.id, "-1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    asked.end(TurnEnd::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_for_the_thread_it_is_not_asked_again_there() {
    let mut world = World::new().await;
    let (root, asked, post) = asking(&mut world, "make").await;
    world.sim.react(world.alice.id, post.id, "white_check_mark").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    wants(&asked, 2, "make install");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    asked.say("made").end(TurnEnd::Complete);
    world.answer(root, |post| post.message.contains("made")).await;
    let told = world.sim.posts(world.direct());
    assert!(!told.iter().any(|post| post.message.contains("make install")));
    // In another thread it is.
    let (_, _, post) = asking(&mut world, "make again").await;
    world.sim.react(world.alice.id, post.id, "-1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_stops_asking_is_not_listened_to_for_ever() {
    let mut world = World::new().await;
    let (root, asked, post) = asking(&mut world, "make").await;
    world.sim.react(world.alice.id, post.id, "white_check_mark").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    for ask in 2..400 {
        wants(&asked, ask, "make install");
    }
    for _ in 2..=256 {
        assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    }
    asked.say("made").end(TurnEnd::Complete);
    world.answer(root, |post| post.message.contains("made")).await;
    assert!(world.supervisor.done().is_none(), "the 257th was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_answers_count_like_clicks_and_only_the_persons_own() {
    let mut world = World::new().await;
    let (root, _asked, post) = asking(&mut world, "ls").await;
    let approve = format!("!approve {}", name(&post));
    let others = world.sim.reply(world.bob.id, root, &format!("@goosebot {approve}")).unwrap();
    world.answer(root, |post| post.message.contains("has not asked you")).await;
    assert!(world.supervisor.done().is_none(), "{others}");
    world.sim.reply(world.alice.id, root, &approve).unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    let (root, _asked, _) = asking(&mut world, "ls -l").await;
    world.sim.reply(world.alice.id, root, "!deny").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    world.answer(root, |post| post.message.ends_with("👎 Not allowed.")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_it_is_no_and_the_person_is_reminded_once() {
    let mut world = World::prepare().await;
    world.approval = Duration::from_secs(1);
    world.start().await;
    world.reading().await;
    let (root, _asked, _) = asking(&mut world, "ls").await;
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    world.answer(root, |post| post.message.ends_with("Nobody answered: not allowed.")).await;
    let told = world.sim.posts(world.direct());
    assert_eq!(told.iter().filter(|post| post.message.starts_with('⏳')).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_counts_without_a_websocket_too() {
    let mut world = World::prepare().await;
    world.toml("[mattermost]\nwebsocket = false");
    world.start().await;
    world.reading().await;
    let (_, _asked, post) = asking(&mut world, "ls").await;
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_shut_out_meanwhile_allows_nothing() {
    let mut world = World::new().await;
    let (root, _asked, post) = asking(&mut world, "ls").await;
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow, "the control");
    let (_, _asked, post) = asking(&mut world, "ls -l").await;
    world.sim.set_active(world.alice.id, false).unwrap();
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject, "{root}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_turn_asks_for_nothing_any_more() {
    let mut world = World::new().await;
    let (root, asked, _) = asking(&mut world, "ls").await;
    world.sim.reply(world.alice.id, root, "!stop").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Cancelled(_)));
    asked.end(TurnEnd::Cancelled);
    let closed =
        |post: &Post| post.message.starts_with("🔐") && post.message.ends_with("🛑 Stopped.");
    world.answer(root, closed).await;
    world.sim.reply(world.alice.id, root, "!approve").unwrap();
    world.answer(root, |post| post.message.contains("has not asked you")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_direct_message_the_command_stands_in_the_thread() {
    let mut world = World::new().await;
    let root = world.sim.post(world.alice.id, world.direct(), "do it").unwrap();
    let asked = world.supervisor.asked().await;
    wants(asked.ready(), 1, "ls");
    let post = world.answer(root, |post| post.message.contains("```\nls\n```")).await;
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
}
