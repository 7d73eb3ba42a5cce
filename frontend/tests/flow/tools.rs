//! The admin's rules for tools, and calls that fail again and again.

use gaggle_ipc::session::{FromWorker, GooseMode, PermissionChoice, ToolState, TurnEnd};
use gaggle_tests::mattermost::{Id, Post};

use crate::approvals::{asking, question, replied, wants, wants_tool};
use crate::fake::{Asked, Did};
use crate::world::World;

/// With these lines in `gaggle.toml`.
async fn with(lines: &str) -> World {
    let mut world = World::prepare().await;
    world.toml(lines);
    world.start().await;
    world.reading().await;
    world
}

async fn asked_directly(world: &mut World) -> (Id, Asked) {
    let root = world.sim.post(world.alice.id, world.direct(), "do it").unwrap();
    let asked = world.supervisor.asked().await;
    asked.ready();
    (root, asked)
}

async fn asked_in_channel(world: &mut World) -> (Id, Asked) {
    let root = world.ask("do it");
    let asked = world.supervisor.asked().await;
    asked.ready();
    (root, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_reading_runs_unasked_in_private_and_everything_else_is_asked_for() {
    let mut world = World::new().await;
    let (root, asked) = asked_directly(&mut world).await;
    wants_tool(&asked, 1, "tree", "{}");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    wants_tool(&asked, 2, "write", "a file");
    let post = world.answer(root, |post| post.message.contains("a file")).await;
    world.sim.react(world.alice.id, post.id, "-1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    asked.end(TurnEnd::Complete);
    // Where others read along what is in a folder, the person is asked.
    let (_, asked) = asked_in_channel(&mut world).await;
    wants_tool(&asked, 1, "tree", "of the home");
    let post = question(&world, "of the home").await;
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_tool_is_never_asked_for_and_the_thread_says_so() {
    let mut world = with("[tools]\ndeny = [\"shell\"]\nallow = [\"write\"]").await;
    let (root, asked) = asked_directly(&mut world).await;
    wants(&asked, 1, "rm -r secrets");
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    wants_tool(&asked, 2, "write", "control");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    asked.say("done").end(TurnEnd::Complete);
    let post = world.answer(root, |post| post.message.ends_with("done")).await;
    assert!(post.message.contains("rules do not let the agent use `shell`."), "{}", post.message);
    assert!(!world.texts(root).iter().any(|text| text.contains("secrets")));
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_in_direct_messages_it_is_asked_for_elsewhere() {
    let mut world =
        with("[tools]\nallow_in_dm = [\"shell\"]\nin_channels = \"policy\"\nallow = [\"write\"]")
            .await;
    let (_, asked) = asked_directly(&mut world).await;
    wants(&asked, 1, "ls");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
    asked.end(TurnEnd::Complete);
    let (_, asked) = asked_in_channel(&mut world).await;
    wants_tool(&asked, 1, "write", "x");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow, "the control");
    wants(&asked, 2, "ls -l");
    let post = question(&world, "ls -l").await;
    world.sim.react(world.alice.id, post.id, "-1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
}

#[tokio::test(flavor = "multi_thread")]
async fn goose_is_kept_in_the_mode_that_has_it_ask_for_what_is_not_simply_to_run() {
    let mut world = with("[goose]\nmode = \"auto\"\n[tools]\nallow_in_dm = [\"shell\"]").await;
    let (_, asked) = asked_directly(&mut world).await;
    assert_eq!(asked.mode, GooseMode::Auto);
    asked.end(TurnEnd::Complete);
    let (_, asked) = asked_in_channel(&mut world).await;
    assert_eq!(asked.mode, GooseMode::Approve);
    // What no rule names still runs unasked.
    wants_tool(&asked, 1, "write", "x");
    assert_eq!(replied(&mut world).await, PermissionChoice::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tools_goose_only_talks() {
    let mut world = with("[tools]\nin_channels = \"off\"").await;
    let (_, asked) = asked_directly(&mut world).await;
    assert_eq!(asked.mode, GooseMode::Approve);
    asked.end(TurnEnd::Complete);
    let (root, asked) = asked_in_channel(&mut world).await;
    assert_eq!(asked.mode, GooseMode::Chat);
    // A worker that asks all the same gets a no.
    wants_tool(&asked, 1, "tree", "x");
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    asked.say("only words").end(TurnEnd::Complete);
    world.answer(root, |post| post.message.ends_with("only words")).await;
    let mut world = with("[tools]\nenabled = false").await;
    let (_, asked) = asked_directly(&mut world).await;
    assert_eq!(asked.mode, GooseMode::Chat);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_changed_meanwhile_goes_before_the_persons_yes() {
    let mut world = World::new().await;
    let (root, asked, post) = asking(&mut world, "ls").await;
    world.toml("[tools]\ndeny = [\"shell\"]");
    world.reload();
    // In force once another call is refused by it.
    let mut ask = 1;
    loop {
        ask += 1;
        wants(&asked, ask, &format!("ls {ask}"));
        let refused =
            tokio::time::timeout(std::time::Duration::from_millis(300), replied(&mut world));
        if refused.await.is_ok() {
            break;
        }
    }
    world.sim.react(world.alice.id, post.id, "+1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    world.answer(root, |post| post.message.ends_with("rules forbid this tool here by now.")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_question_says_how_and_the_second_does_not() {
    let mut world = World::new().await;
    let (_, asked, post) = asking(&mut world, "first").await;
    assert!(post.message.contains("I tell you this once"), "{}", post.message);
    world.sim.react(world.alice.id, post.id, "-1").unwrap();
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    wants(&asked, 2, "second");
    let post = question(&world, "second").await;
    assert!(!post.message.contains("I tell you this once"), "{}", post.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_a_kill_left_open_is_closed_wherever_it_stands() {
    let mut world = World::new().await;
    let (root, _asked, post) = asking(&mut world, "ls").await;
    world.buttons(post.id).await;
    let short = world.answer(root, |post| post.message.starts_with("🔐")).await;
    world.kill();
    world.start().await;
    let (bot, direct) = (world.bot.id, world.direct());
    let closed = |post: &Post| {
        post.user_id == bot && post.message.contains("ls\n```\n\n🚫 Not asked any more")
    };
    let deadline = std::time::Duration::from_secs(20);
    world.sim.wait_for_post(direct, deadline, closed).await.unwrap();
    world
        .answer(root, |post| post.id == short.id && post.message.ends_with("I was restarted."))
        .await;
    world.answer(root, |post| post.message.contains("⚠️ Interrupted")).await;
    assert_eq!(world.texts(root).iter().filter(|text| text.contains("Interrupted")).count(), 1);
}

fn fails(asked: &Asked, call: u32) {
    asked.word(FromWorker::Tool {
        thread: asked.thread,
        turn: asked.turn,
        call,
        state: ToolState::Failed,
        name: gaggle_ipc::Text::lossy("shell"),
        title: gaggle_ipc::Text::lossy("shell · make"),
        detail: gaggle_ipc::Text::lossy("make: *** no rule"),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_failures_the_agent_hears_no_and_then_the_person_is_asked() {
    let mut world = World::new().await;
    let (root, asked) = asked_directly(&mut world).await;
    for call in 1..=3 {
        fails(asked.tool(call, ToolState::Running, "shell · make"), call);
    }
    world.answer(root, |post| post.message.contains("3 calls of tools failed in a row")).await;
    asked.tool(4, ToolState::Running, "shell · make again");
    wants(&asked, 1, "make again");
    assert_eq!(replied(&mut world).await, PermissionChoice::Reject);
    fails(&asked, 4);
    asked.tool(5, ToolState::Running, "shell · make once more");
    let Did::Cancelled(_) = world.supervisor.next().await else { panic!("it goes on") };
    asked.end(TurnEnd::Cancelled);
    let post = world.answer(root, |post| post.message.contains("How shall I go on?")).await;
    assert!(post.message.contains("it said `make: *** no rule`."), "{}", post.message);
    // The answer begins anew.
    world.sim.reply(world.alice.id, root, "with cmake").unwrap();
    let next = world.supervisor.asked().await;
    fails(next.ready().tool(1, ToolState::Running, "shell · cmake"), 1);
    next.tool(2, ToolState::Running, "shell · cmake").say("ok").end(TurnEnd::Complete);
    world.answer(root, |post| post.message.ends_with("ok")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_asked_the_call_after_the_third_failure_ends_the_turn() {
    let mut world = with("[goose]\nmode = \"auto\"").await;
    let (root, asked) = asked_directly(&mut world).await;
    for call in 1..=3 {
        fails(asked.tool(call, ToolState::Running, "shell · make"), call);
    }
    asked.tool(4, ToolState::Running, "shell · make again");
    let Did::Cancelled(_) = world.supervisor.next().await else { panic!("it goes on") };
    asked.end(TurnEnd::Cancelled);
    world.answer(root, |post| post.message.contains("How shall I go on?")).await;
}
