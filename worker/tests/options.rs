//! The mode and the model of a turn, with the real Goose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod support;

use gaggle_ipc::ModelName;
use gaggle_ipc::session::{
    Before, FailureKind, FromWorker, GooseMode, History, PermissionChoice, ToWorker, TurnEnd,
};
use support::{Lab, Played, Worker, thread};

/// Plays a turn that touches `file`, and says no if it is asked.
async fn touch(worker: &mut Worker, file: &str) -> (Played, bool) {
    let turn = worker.prompt(thread('a'), &format!("!!run touch {file}")).await;
    let mut played = worker
        .until(|m| matches!(m, FromWorker::PermissionAsk { .. } | FromWorker::TurnEnded { .. }))
        .await;
    let Some(FromWorker::PermissionAsk { ask, .. }) = played.messages.last() else {
        return (played, false);
    };
    let (ask, choice) = (*ask, PermissionChoice::Reject);
    worker.send(ToWorker::PermissionReply { thread: thread('a'), turn, ask, choice }).await;
    played.messages.extend(worker.end_of(turn).await.messages);
    (played, true)
}

#[tokio::test]
async fn each_turn_has_a_mode_of_its_own_in_one_goose() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let made = |file: &str| lab.workspace().join(file).exists();
    for (number, (mode, asked, runs)) in [
        (GooseMode::Auto, false, true),
        (GooseMode::Approve, true, false),
        (GooseMode::Auto, false, true),
        (GooseMode::Chat, false, false),
        (GooseMode::Approve, true, false),
    ]
    .into_iter()
    .enumerate()
    {
        worker.mode = mode;
        let file = format!("file-{number}");
        let (played, was_asked) = touch(&mut worker, &file).await;
        assert_eq!((was_asked, made(&file)), (asked, runs), "{mode:?}");
        assert_eq!(*played.end(), TurnEnd::Complete);
        assert_eq!(played.ready().is_some(), number == 0, "one process is enough");
    }
}

#[tokio::test]
async fn the_mode_of_a_stored_session_is_not_the_mode_of_the_next_turn() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let (played, _) = touch(&mut worker, "unasked").await;
    assert!(lab.workspace().join("unasked").exists(), "the control");
    let (session, _) = played.ready().unwrap();
    assert!(worker.hang_up().await.success());
    let mut worker = lab.start().await;
    worker.mode = GooseMode::Approve;
    worker.prompt_after(thread('a'), "!!run touch later", Some(session), Before::Complete).await;
    let asked = worker.until(|m| matches!(m, FromWorker::PermissionAsk { .. })).await;
    assert_eq!(asked.ready().unwrap().1, History::Resumed);
    assert!(!lab.workspace().join("later").exists());
}

#[tokio::test]
async fn a_folder_to_keep_judgements_in_is_there_in_smart_approve_alone() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let state = lab.home().join(".local/state/gaggle");
    for (mode, folders) in
        [(GooseMode::Auto, 0), (GooseMode::SmartApprove, 1), (GooseMode::Approve, 0)]
    {
        worker.mode = mode;
        let played = worker.play(thread('a'), "the word is plumtree").await;
        assert_eq!(*played.end(), TurnEnd::Complete, "{mode:?}");
        let entries = state.read_dir().unwrap().flatten();
        let found = entries.filter(|entry| entry.path().is_dir()).count();
        assert_eq!(found, folders, "{mode:?}");
    }
    // It was a Goose of its own each time, and one conversation.
    assert_eq!(lab.model.last_conversation().matches("plumtree").count(), 5);
}

#[tokio::test]
async fn each_turn_may_name_a_model_and_without_one_it_stays() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let first = worker.play(thread('a'), "hello").await;
    let of_ready = |played: &Played| {
        played.messages.iter().find_map(|message| match message {
            FromWorker::ThreadReady { model, .. } => model.clone(),
            _ => None,
        })
    };
    assert_eq!(of_ready(&first).unwrap().as_str(), "gpt-4o");
    worker.model = Some(ModelName::new("gpt-4o-mini").unwrap());
    assert_eq!(*worker.play(thread('a'), "hello").await.end(), TurnEnd::Complete);
    assert_eq!(lab.model.last_model(), "gpt-4o-mini");
    worker.model = None;
    worker.play(thread('a'), "hello").await;
    assert_eq!(lab.model.last_model(), "gpt-4o-mini");
    worker.play(thread('b'), "hello").await;
    assert_eq!(lab.model.last_model(), "gpt-4o", "another conversation has its own");
    let (session, _) = first.ready().unwrap();
    assert!(worker.hang_up().await.success());
    // A session keeps it, also beyond its Goose.
    let mut worker = lab.start().await;
    let turn = worker.prompt_after(thread('a'), "and?", Some(session), Before::Complete).await;
    let played = worker.end_of(turn).await;
    assert_eq!(of_ready(&played).unwrap().as_str(), "gpt-4o-mini");
    assert_eq!(lab.model.last_model(), "gpt-4o-mini");
}

#[tokio::test]
async fn a_model_that_the_provider_has_not_is_the_providers_failure() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    worker.model = Some(ModelName::new("no-such-model").unwrap());
    let played = worker.play(thread('a'), "!!status 404").await;
    assert_eq!(played.failure().kind, FailureKind::ProviderError);
    assert_eq!(lab.model.last_model(), "no-such-model");
}
