//! Commands, in every place where people type them.

use gaggle_ipc::Text;
use gaggle_ipc::session::{Cost, FromWorker, ToolState, TurnEnd};
use gaggle_tests::mattermost::{Body, Fault, Requests, When};

use crate::fake::Did;
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

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_of_the_thread_or_of_everything_to_oneself_alone() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().tool(1, ToolState::Running, "shell · make");
    world.answer(root, |post| post.message.contains("make")).await;
    world.sim.reply(world.alice.id, root, "@goosebot and then?").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.sim.reply(world.alice.id, root, "@goosebot !status").unwrap();
    let here = world.answer(root, |post| post.message.starts_with("- Running for")).await.message;
    assert!(here.contains("last step `shell · make`; 1 message waits for it."), "{here}");
    assert!(here.contains("Mode `") && here.contains("as `alice`"), "{here}");
    assert!(here.contains("I hear of messages at once"), "{here}");
    // Somebody else hears nothing of it.
    world.sim.reply(world.bob.id, root, "@goosebot !status").unwrap();
    let his = world.answer(root, |post| post.message.contains("somebody else's turn")).await;
    assert!(!his.message.contains("make"), "{}", his.message);
    let elsewhere = world.ask("!status");
    world.says(elsewhere, "I sent it to you in a direct message.").await;
    let direct = world.direct();
    let all = world.sim.wait_for_post(direct, std::time::Duration::from_secs(20), |post| {
        post.message.contains("`work` · `team/town`: Running for")
    });
    assert!(all.await.unwrap().message.contains("Your worker is up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_of_the_conversation_and_in_private_of_the_person() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    let (thread, turn) = (asked.thread, asked.turn);
    let cost = |nanos| Some(Cost { nanos, currency: Text::lossy("USD") });
    asked.ready();
    for (input, nanos) in [(600, 1), (1500, 2_700_000)] {
        asked.word(FromWorker::Spent { thread, turn, input, output: 27, cost: cost(nanos) });
    }
    asked.word(FromWorker::Usage { thread, used: 1280, size: 128_000 });
    asked.say("done").end(TurnEnd::Complete);
    world.says(root, "done").await;
    world.sim.reply(world.alice.id, root, "@goosebot !usage").unwrap();
    let here = world.answer(root, |post| post.message.contains("| this conversation |")).await;
    let row = "| this conversation | 1,500 tokens in, 27 out, in 1 turn · about 0.0027 `USD` |";
    assert!(here.message.contains(row), "{}", here.message);
    assert!(here.message.contains("| context | 1 % full: 1,280 of 128,000 tokens |"));
    assert!(!here.message.contains("30 days |"), "that is the person's own");
    // A turn that tells nothing of itself is not one that took nothing.
    let other = world.ask("more");
    world.supervisor.asked().await.answer("done");
    world.says(other, "done").await;
    world.sim.reply(world.alice.id, other, "@goosebot !usage").unwrap();
    world.answer(other, |post| post.message.contains("| not reported, in 1 turn |")).await;
    let direct = world.direct();
    world.sim.post(world.alice.id, direct, "!usage").unwrap();
    let all = world.sim.wait_for_post(direct, std::time::Duration::from_secs(20), |post| {
        post.message.contains("| you, today (UTC) |")
    });
    let all = all.await.unwrap().message;
    assert!(all.contains("1,500 tokens in, 27 out, in 2 turns"), "{all}");
    assert!(all.contains("1 of them not reported"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_told_as_the_rules_have_them() {
    let mut world = World::prepare().await;
    world.toml("[goose]\nmode = \"auto\"\n[tools]\ndeny = [\"write\"]");
    world.start().await;
    world.reading().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().tool(1, ToolState::Completed, "shell · ls");
    asked.say("done").end(TurnEnd::Complete);
    world.says(root, "done").await;
    world.sim.reply(world.alice.id, root, "@goosebot !tools").unwrap();
    let told = world.answer(root, |post| post.message.starts_with("Mode `auto`")).await.message;
    assert!(told.contains("`write`") && told.contains("does not run"), "{told}");
    assert!(told.contains("Used for you since I was started: `shell`."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_a_turn_of_its_own() {
    let mut world = World::new().await;
    let root = world.ask("work");
    world.supervisor.asked().await.answer("done");
    world.says(root, "done").await;
    // For the bot alone, and so nothing to be summed up.
    world.sim.reply(world.alice.id, root, "@goosebot !quiet").unwrap();
    world.answer(root, |post| post.message.starts_with("I show what I do")).await;
    world.sim.reply(world.alice.id, root, "@goosebot !summarize 2h").unwrap();
    let asked = world.supervisor.asked().await;
    assert!(asked.text.contains("in the last 2 hours"), "{}", asked.text);
    // What Goose has said itself goes along, too: it may be the half of the thread.
    assert!(asked.text.contains("> @goosebot work") && asked.text.contains("> done"));
    assert!(!asked.text.contains("I show what I do"), "{}", asked.text);
    assert!(asked.resume.is_some());
    asked.ready();
    world.kill();
    world.start().await;
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    assert!(world.supervisor.done().is_none(), "not asked again");
}

/// The bot can say nothing for now.
fn mute(world: &World) {
    world.sim.inject(Fault::Fail {
        requests: Requests::next(100_000, "POST", "/posts"),
        status: 503,
        body: Body::Json,
        when: When::Before,
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_comes_between_is_obeyed_once_and_answered_once() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let one = world.supervisor.asked().await;
    one.answer("to one");
    world.says(root, "to one").await;
    mute(&world);
    world.sim.reply(world.alice.id, root, "@goosebot !new").unwrap();
    let tried = world.requests("POST /posts");
    world.until("obeyed", || world.requests("POST /posts") > tried).await;
    world.kill();
    world.sim.clear_faults();
    world.start().await;
    world.answer(root, |post| post.message.starts_with("Your next message here begins")).await;
    world.sim.reply(world.alice.id, root, "@goosebot two").unwrap();
    assert!(matches!(world.supervisor.next().await, Did::Started));
    assert!(matches!(world.supervisor.next().await, Did::Closed(_)));
    let two = world.supervisor.asked().await;
    assert_eq!(two.resume, None);
    two.answer("to two");
    world.says(root, "to two").await;
    // Neither is obeyed once more, nor said once more, by who comes next.
    world.kill();
    world.start().await;
    world.sim.reply(world.alice.id, root, "@goosebot three").unwrap();
    let three = world.supervisor.asked().await;
    assert!(three.resume.is_some(), "begun anew twice");
    three.answer("to three");
    world.says(root, "to three").await;
    let told = world.texts(root);
    let said = told.iter().filter(|text| text.starts_with("Your next message")).count();
    assert_eq!(said, 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_changes_nothing_is_answered_by_who_comes_next() {
    let mut world = World::new().await;
    mute(&world);
    let tried = world.requests("POST /posts");
    let root = world.ask("!whoami");
    let stop = world.ask("!stop");
    world.until("taken", || world.requests("POST /posts") > tried + 1).await;
    world.kill();
    world.sim.clear_faults();
    world.start().await;
    world.answer(root, |post| post.message.contains("| Linux account |")).await;
    // Whatever was to be stopped has ended with the process.
    assert!(world.texts(stop).is_empty());
}
