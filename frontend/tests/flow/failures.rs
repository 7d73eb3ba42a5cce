//! Workers and Goose fail.

use gaggle_ipc::Text;
use gaggle_ipc::control::{RefusalCode, WorkerExit};
use gaggle_ipc::session::{Before, Failure, FailureKind, TurnEnd};

use crate::world::{World, user};

fn failed(kind: FailureKind, may_have_acted: bool) -> TurnEnd {
    TurnEnd::Failed(Failure { kind, detail: Text::lossy("for the journal"), may_have_acted })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_interrupts_its_turns_and_comes_back() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    asked.die(WorkerExit::Signal(9));
    let post = world.answer(root, |post| post.message.contains("Interrupted")).await;
    assert!(post.message.starts_with("half\n\n⚠️") && post.message.contains("(E-"));
    world.sim.reply(world.alice.id, root, "again").unwrap();
    let next = world.supervisor.asked().await;
    assert_eq!(next.before, Before::Interrupted);
    assert!(next.resume.is_some());
    next.answer("whole");
    world.says(root, "whole").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_in_peace_costs_nothing() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let asked = world.supervisor.asked().await;
    asked.answer("1");
    world.says(root, "1").await;
    asked.die(WorkerExit::Status(0));
    world.sim.reply(world.alice.id, root, "two").unwrap();
    let next = world.supervisor.asked().await;
    assert!(next.resume.is_some());
    next.answer("2");
    world.says(root, "2").await;
    assert_eq!(world.texts(root), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goose_that_died_untouched_is_tried_once_more() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let first = world.supervisor.asked().await;
    first.ready().end(failed(FailureKind::GooseCrashed, false));
    let second = world.supervisor.asked().await;
    assert_ne!(first.turn, second.turn);
    second.ready().end(failed(FailureKind::GooseCrashed, false));
    world.answer(root, |post| post.message.contains("Goose ended unexpectedly")).await;
    assert!(world.supervisor.done().is_none(), "tried a third time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goose_that_may_have_acted_is_not_tried_again() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().say("rm -rf").end(failed(FailureKind::GooseCrashed, true));
    let post = world.answer(root, |post| post.message.contains("Goose ended unexpectedly")).await;
    assert!(post.message.starts_with("rm -rf"));
    assert!(!post.message.contains("for the journal"));
    assert!(world.supervisor.done().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_in_words() {
    let mut world = World::new().await;
    for (end, words) in [
        (failed(FailureKind::NoProvider, true), "Your admin has not set a model"),
        (failed(FailureKind::ContextOverflow, true), "begin a new thread"),
        (TurnEnd::Complete, "ended without a word"),
        (TurnEnd::MaxTokens, "limit for one answer"),
    ] {
        let root = world.ask("x");
        world.supervisor.asked().await.ready().end(end);
        world.answer(root, |post| post.message.contains(words)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_question_ends_its_turn() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    world.says(root, "Thinking...").await;
    world.sim.delete(world.alice.id, root).unwrap();
    asked.ready().say("on and on");
    let did = world.supervisor.next().await;
    assert!(matches!(did, crate::fake::Did::Cancelled(_)), "{did:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_restarts_is_found_again() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half");
    world.answer(root, |post| post.message.starts_with("half")).await;
    world.restart_supervisor();
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    world.sim.reply(world.alice.id, root, "two").unwrap();
    let next = world.supervisor.asked().await;
    next.answer("2");
    world.says(root, "2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_says_nothing_the_protocol_knows_is_given_up() {
    let mut world = World::new().await;
    let root = world.ask("one");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half").garbage();
    world.answer(root, |post| post.message.contains("Interrupted")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_cut_short_is_remembered_over_a_refused_start_and_a_restart() {
    let mut world = World::new().await;
    let root = world.ask("work");
    let asked = world.supervisor.asked().await;
    asked.ready().say("half").die(WorkerExit::Signal(9));
    world.answer(root, |post| post.message.contains("Interrupted")).await;
    world.supervisor.refuse(user(&world.alice), RefusalCode::AccountExpired);
    world.sim.reply(world.alice.id, root, "again").unwrap();
    world.answer(root, |post| post.message.contains("switched off")).await;
    world.stop().await.unwrap();
    world.restart_supervisor();
    world.start().await;
    world.sim.reply(world.alice.id, root, "and now").unwrap();
    let next = world.supervisor.asked().await;
    assert_eq!(next.before, Before::Interrupted);
    next.answer("whole");
    world.says(root, "whole").await;
    world.sim.reply(world.alice.id, root, "more").unwrap();
    assert_eq!(world.supervisor.asked().await.before, Before::Complete);
}
