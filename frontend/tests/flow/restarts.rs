//! The frontend ends, as asked or not, and comes back.

use gaggle_ipc::control::WorkerExit;
use gaggle_ipc::session::{Before, TurnEnd};

use gaggle_tests::mattermost::{Body, Fault, Requests, When};

use crate::fake::Did;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_mid_turn_the_thread_says_so_and_nothing_runs_twice() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half of it");
    world.answer(root, |post| post.message.starts_with("half of it")).await;
    world.kill();
    world.start().await;
    let post = world.answer(root, |post| post.message.contains("Interrupted")).await;
    assert!(post.message.starts_with("half of it\n\n⚠️"));
    assert!(!post.message.contains("Thinking"));
    world.sim.reply(world.alice.id, root, "go on").unwrap();
    let next = world.supervisor.asked().await;
    assert_eq!((next.text.as_str(), next.before), ("go on", Before::Interrupted));
    assert!(next.resume.is_some(), "the conversation is lost");
    next.answer("The rest.");
    world.says(root, "The rest.").await;
    assert_eq!(world.texts(root).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_thread_was_told_last_is_how_the_turn_ended_also_if_the_ledger_never_heard() {
    for (exit, before) in [(true, Before::Interrupted), (false, Before::Complete)] {
        let mut world = World::new().await;
        let root = world.ask("work");
        let asked = world.supervisor.asked().await;
        asked.ready().say("half of it");
        world.answer(root, |post| post.message.starts_with("half of it")).await;
        // Each edit is made, and nobody hears that it was.
        let requests = Requests::next(1000, "PUT", "/posts/*/patch");
        world.sim.inject(Fault::Drop { requests, when: When::After });
        if exit {
            asked.die(WorkerExit::Signal(9));
        } else {
            asked.say(", and the rest").end(TurnEnd::Complete);
        }
        world.answer(root, |post| post.props.contains_key("gaggle_done")).await;
        world.kill();
        world.sim.clear_faults();
        world.start().await;
        world.reading().await;
        let texts = world.texts(root);
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert_eq!(texts[0].contains("Interrupted"), exit, "{texts:?}");
        world.sim.reply(world.alice.id, root, "go on").unwrap();
        assert_eq!(world.supervisor.asked().await.before, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_ledger_nothing_stays_thinking_and_nothing_else_is_touched() {
    let mut world = World::new().await;
    let done = world.ask("quick");
    world.supervisor.asked().await.answer("done");
    world.says(done, "done").await;
    let root = world.ask("work");
    world.supervisor.asked().await.ready().say("half of it");
    world.answer(root, |post| post.message.starts_with("half of it")).await;
    // Somebody else's post with the bot's marks is somebody else's.
    let fake = world.post_with_props(world.bob.id, "Thinking...", ("gaggle_part", "answer-0"));
    world.kill();
    world.forget();
    world.start().await;
    let post = world.answer(root, |post| post.message.contains("Interrupted")).await;
    assert!(post.message.starts_with("half of it\n\n⚠️") && !post.message.contains("Thinking"));
    world.reading().await;
    assert_eq!(world.texts(done), ["done"]);
    assert_eq!(world.sim.get(fake).unwrap().message, "Thinking...");
    assert_eq!(world.texts(root).len(), 1, "nor is anything answered twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_the_ledger_never_learned_of_is_closed_with_the_others() {
    let mut world = World::new().await;
    let root = world.ask("much");
    let asked = world.supervisor.asked().await;
    asked.ready().say("one ");
    world.answer(root, |post| post.message.starts_with("one")).await;
    // The second post is made at once, and nobody hears of it.
    let requests = Requests::next(1, "POST", "/posts");
    world.sim.inject(Fault::Slow { requests, millis: 20_000 });
    asked.say(&"two ".repeat(5000));
    world.answer(root, |post| post.message.starts_with("two")).await;
    world.kill();
    world.sim.clear_faults();
    world.start().await;
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    let texts = world.texts(root);
    assert_eq!(texts.len(), 2);
    assert!(!texts.iter().any(|text| text.contains("Thinking")), "{:?}", texts.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_when_it_was_killed_is_answered_once() {
    let mut world = World::new().await;
    let root = world.ask("one");
    world.supervisor.asked().await.ready();
    world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    world.kill();
    let missed = world.ask("three");
    world.start().await;
    let mut asked = [world.supervisor.asked().await, world.supervisor.asked().await];
    asked.sort_by_key(|asked| asked.text.clone());
    assert_eq!(asked.each_ref().map(|asked| asked.text.as_str()), ["three", "two"]);
    asked[0].answer("3");
    asked[1].answer("2");
    world.says(root, "2").await;
    world.says(missed, "3").await;
    assert_eq!(world.texts(root).len(), 2, "{:?}", world.texts(root));
    assert_eq!(world.texts(missed).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_stop_lets_the_running_turn_end() {
    let mut world = World::new().await;
    let root = world.ask("short");
    let asked = world.supervisor.asked().await;
    asked.ready();
    let end = |did: &Did| {
        if matches!(did, Did::Drained) {
            asked.say("done").end(TurnEnd::Complete);
        }
    };
    world.stop_while(end).await.unwrap();
    world.says(root, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_stop_interrupts_what_takes_too_long_and_postpones_what_waits() {
    let mut world = World::new().await;
    let root = world.ask("endless");
    let asked = world.supervisor.asked().await;
    asked.ready();
    world.sim.reply(world.alice.id, root, "two").unwrap();
    world.answer(root, |post| post.message.starts_with("Queued")).await;
    let end = |did: &Did| {
        if matches!(did, Did::Cancelled(_)) {
            asked.end(TurnEnd::Cancelled);
        }
    };
    world.stop_while(end).await.unwrap();
    let texts = world.texts(root);
    assert!(texts[0].contains("Interrupted: I was restarted"), "{texts:?}");
    assert!(texts[1].contains("come to this right afterwards"), "{texts:?}");
    world.start().await;
    let two = world.supervisor.asked().await;
    assert_eq!(two.text, "two");
    two.answer("2");
    world.says(root, "2").await;
    assert_eq!(world.texts(root).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_the_process() {
    let mut world = World::new().await;
    world.sim.set_active(world.bot.id, false).unwrap();
    assert!(world.ended().await.unwrap_err().is_token());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_at_the_start_may_be_a_proxys() {
    let mut world = World::prepare().await;
    let requests = Requests::next(1, "GET", "/users/me");
    let (status, body, when) = (401, Body::Html, When::Before);
    world.sim.inject(Fault::Fail { requests, status, body, when });
    world.start().await;
    world.reading().await;
    let root = world.ask("hello");
    world.supervisor.asked().await.answer("here");
    world.says(root, "here").await;
    assert_eq!(world.sim.requests()["GET /users/me"], 2, "it was refused once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_does_not_start() {
    let mut world = World::prepare().await;
    world.set("MATTERMOST_TOKEN", "xxxxxxxxxxxxxxxxxxxxxxxxxx");
    world.start().await;
    assert!(world.ended().await.unwrap_err().is_token());
}
