//! Turns, threads and sessions with the real Goose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod support;

use gaggle_ipc::session::{
    Before, DeltaKind, FailureKind, FromWorker, History, MAX_PROMPT, ToWorker, ToolState, TurnEnd,
};
use gaggle_ipc::{GooseSession, TurnId};
use support::{Lab, thread};

#[tokio::test]
async fn a_prompt_is_answered_and_its_frames_come_in_order() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "!!say hello there").await;
    assert_eq!(played.answer(), "hello there");
    assert_eq!(*played.end(), TurnEnd::Complete);
    assert_eq!(played.ready().map(|(_, history)| history), Some(History::New));
    let place = |wanted: fn(&FromWorker) -> bool| played.messages.iter().position(wanted);
    let ready = place(|m| matches!(m, FromWorker::ThreadReady { .. }));
    let started = place(|m| matches!(m, FromWorker::TurnStarted { .. }));
    let delta = place(|m| matches!(m, FromWorker::Delta { .. }));
    assert!(ready.is_some() && ready < started && started < delta, "{:?}", played.messages);
    assert!(worker.hang_up().await.success());
}

#[tokio::test]
async fn turns_of_a_thread_share_a_memory_and_threads_do_not() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "the word is plumtree").await;
    worker.play(thread('a'), "what was it?").await;
    assert!(lab.model.last_conversation().contains("plumtree"));
    worker.play(thread('b'), "and here?").await;
    assert!(!lab.model.last_conversation().contains("plumtree"));
}

#[tokio::test]
async fn turns_of_one_thread_wait_and_those_of_another_do_not() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let first = worker.prompt(thread('a'), "!!hang").await;
    worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    let second = worker.prompt(thread('a'), "!!say second").await;
    let other = worker.play(thread('b'), "!!say other").await;
    assert_eq!(other.answer(), "other");
    assert!(
        !other
            .messages
            .iter()
            .any(|m| matches!(m, FromWorker::TurnStarted { turn, .. } if *turn == second))
    );
    worker.send(ToWorker::Cancel { thread: thread('a'), turn: first }).await;
    assert_eq!(*worker.end_of(first).await.end(), TurnEnd::Cancelled);
    assert_eq!(worker.end_of(second).await.answer(), "second");
}

#[tokio::test]
async fn a_later_worker_takes_a_thread_up_again() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let (session, _) = worker.play(thread('a'), "the word is plumtree").await.ready().unwrap();
    assert!(worker.hang_up().await.success());
    let mut worker = lab.start().await;
    let turn =
        worker.prompt_after(thread('a'), "and?", Some(session.clone()), Before::Complete).await;
    let played = worker.end_of(turn).await;
    assert_eq!(played.ready(), Some((session, History::Resumed)));
    assert!(lab.model.last_conversation().contains("plumtree"));
    // What was replayed is not said again.
    assert_eq!(played.answer(), "echo: and?");
}

#[tokio::test]
async fn a_session_that_goose_lost_is_told() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let gone = GooseSession::new("20200101_99").unwrap();
    let turn = worker.prompt_after(thread('a'), "!!say new", Some(gone), Before::Complete).await;
    let played = worker.end_of(turn).await;
    assert_eq!(played.ready().unwrap().1, History::Lost);
    assert_eq!(played.answer(), "new");
}

#[tokio::test]
async fn one_goose_session_is_never_in_two_processes() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let (session, _) = worker.play(thread('a'), "hello").await.ready().unwrap();
    let turn = worker.prompt_after(thread('b'), "me too", Some(session), Before::Complete).await;
    let failure = worker.end_of(turn).await.failure().clone();
    assert_eq!(failure.kind, FailureKind::Protocol);
    assert!(!failure.may_have_acted);
}

#[tokio::test]
async fn a_closed_threads_session_goes_on_in_another_at_once() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let (session, _) = worker.play(thread('a'), "the word is plumtree").await.ready().unwrap();
    worker.send(ToWorker::CloseThread { thread: thread('a') }).await;
    let turn =
        worker.prompt_after(thread('b'), "and?", Some(session.clone()), Before::Complete).await;
    let played = worker.end_of(turn).await;
    assert_eq!(played.ready(), Some((session, History::Resumed)));
    assert!(lab.model.last_conversation().contains("plumtree"));
    // And the thread that was closed begins anew.
    let played = worker.play(thread('a'), "and here?").await;
    assert_eq!(played.ready().unwrap().1, History::New);
    assert!(!lab.model.last_conversation().contains("plumtree"));
}

#[tokio::test]
async fn what_a_turn_took_is_the_sum_of_the_models_calls() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    for _ in 0..2 {
        // One call for the tool, one for the answer.
        let played = worker.play(thread('a'), "!!run true").await;
        let spent = played.messages.iter().rev().find_map(|message| match message {
            FromWorker::Spent { input, output, cost, .. } => Some((*input, *output, cost.clone())),
            _ => None,
        });
        let (input, output, cost) = spent.unwrap();
        assert_eq!((input, output), (20, 4));
        let cost = cost.unwrap();
        assert!(cost.nanos > 0 && cost.currency.as_str() == "USD", "{cost:?}");
    }
    let played = worker.play(thread('a'), "!!status 500").await;
    let spent = played.messages.iter().any(|m| matches!(m, FromWorker::Spent { .. }));
    assert!(!spent, "nothing was reported: {played:?}");
}

#[tokio::test]
async fn thinking_and_tools_are_told_apart_from_the_answer() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "!!think deep thought").await;
    assert_eq!(played.text(DeltaKind::Thought), "deep thought");
    assert_eq!(played.answer(), "thought");
    let played = worker.play(thread('a'), "!!run echo from the shell").await;
    assert_eq!(played.answer(), "tool: from the shell");
    assert_eq!(played.tool_output(), "from the shell");
    let failed = worker.play(thread('a'), "!!run exit 3").await;
    let state = failed.messages.iter().rev().find_map(|m| match m {
        FromWorker::Tool { state, name, .. } => Some((*state, name.as_str().to_owned())),
        _ => None,
    });
    assert_eq!(state, Some((ToolState::Failed, "shell".into())));
}

#[tokio::test]
async fn a_flood_arrives_whole_and_in_frames() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "!!flood 2097152").await;
    assert_eq!(*played.end(), TurnEnd::Complete);
    assert_eq!(played.answer().len(), 2_097_152);
}

#[tokio::test]
async fn a_flood_that_nobody_reads_is_cut_and_ends() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "!!flood 33554432").await;
    // Nothing is read until the worker has stopped the model.
    support::eventually("the flood is cut", || lab.model.ended() > 0).await;
    assert!(support::peak_memory(worker.child.id()) < 100 * 1024 * 1024);
    let played = worker.end_of(turn).await;
    assert_eq!(*played.end(), TurnEnd::Cancelled);
    assert!(played.answer().len() < 33_554_432);
    assert!(played.messages.iter().any(|m| matches!(m, FromWorker::Notice { .. })));
}

#[tokio::test]
async fn a_prompt_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let fits = "x".repeat(MAX_PROMPT - 7) + "\n!!say y";
    let fits = &fits[fits.len() - MAX_PROMPT..];
    assert_eq!(worker.play(thread('a'), fits).await.answer(), "y");
    let over = "x".repeat(MAX_PROMPT + 1);
    let played = worker.play(thread('a'), &over).await;
    assert_eq!(played.failure().kind, FailureKind::PromptTooLong);
}

#[tokio::test]
async fn with_all_goose_busy_a_turn_waits_and_an_idle_goose_makes_room() {
    let mut lab = Lab::new();
    lab.set("GAGGLE_MAX_GOOSE", "1");
    let mut worker = lab.start().await;
    worker.play(thread('a'), "the word is plumtree").await;
    let hanging = worker.prompt(thread('b'), "!!hang").await;
    let seen = worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    let closed = FromWorker::ThreadClosed { thread: thread('a') };
    assert!(seen.messages.contains(&closed), "{seen:?}");
    let waiting = worker.prompt(thread('a'), "again").await;
    let queued = worker.prompt(thread('c'), "never").await;
    worker.send(ToWorker::Cancel { thread: thread('c'), turn: queued }).await;
    assert_eq!(*worker.end_of(queued).await.end(), TurnEnd::Cancelled);
    worker.send(ToWorker::Cancel { thread: thread('b'), turn: hanging }).await;
    let played = worker.end_of(waiting).await;
    assert_eq!(played.ready().unwrap().1, History::Resumed);
    assert!(lab.model.last_conversation().contains("plumtree"));
}

#[tokio::test]
async fn an_idle_goose_is_stopped_and_told() {
    let mut lab = Lab::new();
    lab.settings.idle_ms = 1;
    let mut worker = lab.start().await;
    worker.play(thread('a'), "hello").await;
    let closed = FromWorker::ThreadClosed { thread: thread('a') };
    worker.until(|m| *m == closed).await;
    let played = worker.play(thread('a'), "still there?").await;
    assert_eq!(played.ready().unwrap().1, History::Resumed);
}

#[tokio::test]
async fn a_drain_lets_the_running_turn_end_and_refuses_the_rest() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let running = worker.prompt(thread('a'), "!!run sleep 1; echo over").await;
    worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    let waiting = worker.prompt(thread('a'), "too late").await;
    worker.send(ToWorker::Drain).await;
    let late = worker.prompt(thread('b'), "far too late").await;
    let seen = worker.end_of(running).await;
    assert_eq!(*seen.end(), TurnEnd::Complete);
    for refused in [waiting, late] {
        let is_refused = |m: &FromWorker| match m {
            FromWorker::TurnEnded { turn, end: TurnEnd::Failed(failure), .. } => {
                *turn == refused && failure.kind == FailureKind::Draining
            }
            _ => false,
        };
        assert!(seen.messages.iter().any(is_refused), "{refused}: {seen:?}");
    }
    assert!(worker.exit().await.success());
}

#[tokio::test]
async fn a_frame_before_the_configuration_ends_the_worker() {
    let lab = Lab::new();
    let worker = lab.start_bare().await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn: TurnId(1) }).await;
    assert!(!worker.exit().await.success());
}
