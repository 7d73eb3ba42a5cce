//! How turns end: cancels, failures, crashes, and what they leave behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod support;

use std::fs;

use gaggle_ipc::session::{
    Before, FailureKind, FromWorker, GooseMode, History, PermissionChoice, ToWorker, ToolState,
    TurnEnd,
};
use support::{Lab, Played, Worker, eventually, lives, next_second, thread};

const VOID: &str = "The previous request was interrupted";

async fn cancel_when(worker: &Worker, turn: gaggle_ipc::TurnId, seen: fn(&FromWorker) -> bool) {
    worker.until(seen).await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
}

fn started(message: &FromWorker) -> bool {
    matches!(message, FromWorker::TurnStarted { .. })
}

fn ask_of(played: &Played) -> u32 {
    match played.messages.last() {
        Some(FromWorker::PermissionAsk { ask, .. }) => *ask,
        other => unreachable!("no question: {other:?}"),
    }
}

async fn question(worker: &Worker) -> Played {
    worker.until(|m| matches!(m, FromWorker::PermissionAsk { .. })).await
}

#[tokio::test]
async fn a_permission_decides_whether_a_command_runs() {
    let mut lab = Lab::new();
    lab.mode = GooseMode::Approve;
    let mut worker = lab.start().await;
    for (choice, runs) in [(PermissionChoice::Reject, false), (PermissionChoice::Allow, true)] {
        let turn = worker.prompt(thread('a'), "!!run touch permitted").await;
        let asked = question(&worker).await;
        let Some(FromWorker::PermissionAsk { detail, name, .. }) = asked.messages.last() else {
            panic!()
        };
        assert_eq!((detail.as_str(), name.as_str()), ("touch permitted", "shell"));
        assert!(!lab.workspace().join("permitted").exists(), "it ran before it was allowed");
        let ask = ask_of(&asked);
        worker.send(ToWorker::PermissionReply { thread: thread('a'), turn, ask, choice }).await;
        assert_eq!(*worker.end_of(turn).await.end(), TurnEnd::Complete);
        assert_eq!(lab.workspace().join("permitted").exists(), runs);
    }
    // Allowed once is not allowed for ever.
    worker.prompt(thread('a'), "!!run touch again").await;
    question(&worker).await;
    assert!(!lab.workspace().join("again").exists());
}

#[tokio::test]
async fn a_cancel_ends_a_turn_that_waits_for_a_permission() {
    let mut lab = Lab::new();
    lab.mode = GooseMode::Approve;
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "!!run touch file").await;
    let ask = ask_of(&question(&worker).await);
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    assert_eq!(*worker.end_of(turn).await.end(), TurnEnd::Cancelled);
    // An answer that comes too late does nothing.
    let choice = PermissionChoice::Allow;
    worker.send(ToWorker::PermissionReply { thread: thread('a'), turn, ask, choice }).await;
    worker.play(thread('b'), "!!say x").await;
    assert!(!lab.workspace().join("file").exists());
}

#[tokio::test]
async fn after_a_cancel_nothing_of_the_turn_runs_and_nothing_is_taken_up_again() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "the word is plumtree").await;
    next_second().await;
    let command = "!!run sleep 1000 & echo $! > child; echo $$ > shell; touch ready; sleep 1000";
    let turn = worker.prompt(thread('a'), command).await;
    eventually("the command runs", || lab.workspace().join("ready").exists()).await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    let played = worker.end_of(turn).await;
    assert_eq!(*played.end(), TurnEnd::Cancelled);
    let abandoned =
        |m: &FromWorker| matches!(m, FromWorker::Tool { state: ToolState::Abandoned, .. });
    assert!(played.messages.iter().any(abandoned), "{played:?}");
    for pid_file in ["child", "shell"] {
        assert!(!lives(&lab.workspace().join(pid_file)), "{pid_file}");
    }
    let played = worker.play(thread('a'), "what now?").await;
    assert_eq!(played.answer(), "echo: what now?");
    assert_eq!(played.ready().unwrap().1, History::Resumed);
    let memory = lab.model.last_conversation();
    assert!(memory.contains("plumtree"), "{memory}");
    assert!(!memory.contains("sleep 1000"), "{memory}");
}

#[tokio::test]
async fn an_unanswered_prompt_is_cut_from_memory() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "the word is plumtree").await;
    next_second().await;
    let turn = worker.prompt(thread('a'), "delete everything !!hang").await;
    cancel_when(&worker, turn, started).await;
    assert_eq!(*worker.end_of(turn).await.end(), TurnEnd::Cancelled);
    let played = worker.play(thread('a'), "hello?").await;
    assert_eq!(played.answer(), "echo: hello?");
    let memory = lab.model.last_conversation();
    assert!(!memory.contains("delete everything"), "{memory}");
    assert!(memory.contains("plumtree"), "{memory}");
}

#[tokio::test]
async fn a_turn_that_an_earlier_worker_left_half_done_is_void() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "delete everything !!hang").await;
    let seen = worker.until(started).await;
    let (session, _) = seen.ready().unwrap();
    eventually("the model is asked", || lab.model.asked() > 0).await;
    let _ = turn;
    assert!(worker.hang_up().await.success());
    let mut worker = lab.start().await;
    let turn = worker.prompt_after(thread('a'), "hello?", Some(session), Before::Interrupted).await;
    worker.end_of(turn).await;
    let memory = lab.model.last_conversation();
    assert!(!memory.contains("delete everything"), "{memory}");
}

#[tokio::test]
async fn half_done_work_is_kept_in_memory_and_its_request_declared_void() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "!!run echo half done # and hang").await;
    let ended = |m: &FromWorker| matches!(m, FromWorker::Tool { state: ToolState::Completed, .. });
    worker.until(ended).await;
    eventually("the model hears of it", || lab.model.asked() > 1).await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    worker.end_of(turn).await;
    worker.play(thread('a'), "!!say hello").await;
    let memory = lab.model.last_conversation();
    assert!(memory.contains("half done") && memory.contains(VOID), "{memory}");
    let played = worker.play(thread('a'), "/status").await;
    assert!(played.answer().contains("Session status"), "{}", played.answer());
}

#[tokio::test]
async fn silence_ends_a_turn_and_the_thread_goes_on() {
    let mut lab = Lab::new();
    lab.settings.inactivity_ms = 1500;
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "!!hang").await;
    assert_eq!(played.failure().kind, FailureKind::Inactive);
    assert_eq!(worker.play(thread('a'), "!!say back").await.answer(), "back");
}

#[tokio::test]
async fn a_question_that_waits_for_a_person_is_no_silence() {
    let mut lab = Lab::new();
    lab.mode = GooseMode::Approve;
    lab.settings.inactivity_ms = 1500;
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "!!run echo done").await;
    let ask = ask_of(&question(&worker).await);
    let asked = std::time::Instant::now();
    eventually("the limit passes", || asked.elapsed().as_millis() > 2000).await;
    let choice = PermissionChoice::Allow;
    worker.send(ToWorker::PermissionReply { thread: thread('a'), turn, ask, choice }).await;
    assert_eq!(worker.end_of(turn).await.answer(), "tool: done");
}

#[tokio::test]
async fn a_crash_is_told_and_the_next_prompt_finds_the_thread() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "the word is plumtree").await;
    next_second().await;
    // The shell's parent is Goose.
    let played = worker.play(thread('a'), "!!run kill -9 $PPID; sleep 1000").await;
    let failure = played.failure();
    assert_eq!(failure.kind, FailureKind::GooseCrashed);
    assert!(failure.may_have_acted, "a tool ran");
    assert!(failure.detail.as_str().contains("signal"), "{}", failure.detail);
    let played = worker.play(thread('a'), "hello?").await;
    assert_eq!(played.ready().unwrap().1, History::Resumed);
    assert!(lab.model.last_conversation().contains("plumtree"));
}

#[tokio::test]
async fn each_failure_of_the_provider_has_its_kind() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    for (order, kind) in [
        ("!!status 401", FailureKind::ProviderAuth),
        ("!!empty", FailureKind::EmptyAnswer),
        ("!!overflow", FailureKind::ContextOverflow),
        ("!!status 500", FailureKind::ProviderError),
    ] {
        let played = worker.play(thread('a'), order).await;
        assert_eq!(played.failure().kind, kind, "{order}: {played:?}");
    }
    assert_eq!(*worker.play(thread('b'), "!!length").await.end(), TurnEnd::MaxTokens);
    assert_eq!(*worker.play(thread('a'), "!!say fine").await.end(), TurnEnd::Complete);
}

#[tokio::test]
async fn a_missing_provider_and_a_missing_key_are_told_apart() {
    let mut lab = Lab::new();
    lab.unset("GAGGLE_AGENT_ENV_GOOSE_PROVIDER");
    let failure = lab.start().await.play(thread('a'), "hi").await.failure().clone();
    assert_eq!(failure.kind, FailureKind::NoProvider);
    assert!(!failure.may_have_acted);
    lab.set("GAGGLE_AGENT_ENV_GOOSE_PROVIDER", "anthropic");
    let failure = lab.start().await.play(thread('a'), "hi").await.failure().clone();
    assert_eq!(failure.kind, FailureKind::ProviderKeyMissing);
}

#[tokio::test]
async fn the_limit_of_actions_is_no_failure() {
    let mut lab = Lab::new();
    lab.set("GAGGLE_AGENT_ENV_GOOSE_MAX_TURNS", "1");
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "!!run echo one").await;
    assert_eq!(*played.end(), TurnEnd::MaxActions);
}

#[tokio::test]
async fn the_end_of_the_socket_ends_every_goose() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.prompt(thread('a'), "!!run echo $PPID > goose; sleep 1000").await;
    let file = lab.workspace().join("goose");
    eventually("Goose runs", || fs::read_to_string(&file).is_ok_and(|t| t.ends_with('\n'))).await;
    assert!(lives(&file));
    assert!(worker.hang_up().await.success());
    eventually("Goose is gone", || !lives(&file)).await;
}

#[tokio::test]
async fn a_frontend_that_goes_away_in_mid_answer_is_an_ordinary_end() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.prompt(thread('a'), "!!flood 33554432").await;
    worker.until(|m| matches!(m, FromWorker::Delta { .. })).await;
    assert!(worker.hang_up().await.success());
}
