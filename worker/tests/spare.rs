//! A Goose is started ahead for the next conversation: one, for one, and not at
//! the cost of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "only tests use it")]

mod support;

use std::collections::HashSet;
use std::fs;

use gaggle_ipc::session::{FromWorker, GooseMode, History, TurnEnd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Lab, Worker, eventually, thread};

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.settings.spare = true;
    lab
}

/// The Goose processes of a worker.
fn geese(worker: &Worker) -> HashSet<i32> {
    let parent = worker.child.id().to_string();
    let is_one = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let (name, rest) = stat.rsplit_once(')').unwrap_or_default();
        let mut rest = rest.split_whitespace();
        let (state, of) = (rest.next().unwrap_or("Z"), rest.next().unwrap_or_default());
        name.ends_with("(goose") && state != "Z" && of == parent
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_one).collect()
}

/// Waits until so many run.
async fn grown_to(worker: &Worker, count: usize) -> HashSet<i32> {
    eventually(&format!("{count} Goose processes"), || geese(worker).len() == count).await;
    geese(worker)
}

#[tokio::test]
async fn the_next_conversation_takes_the_one_that_was_started_ahead_and_another_is_started() {
    let lab = lab();
    let mut worker = lab.start().await;
    let first = worker.play(thread('a'), "!!say one").await;
    let before = grown_to(&worker, 2).await;
    let second = worker.play(thread('b'), "!!say two").await;
    assert_eq!((first.answer().as_str(), second.answer().as_str()), ("one", "two"));
    let [one, two] = [&first, &second].map(|played| played.ready().unwrap());
    assert_eq!((one.1, two.1), (History::New, History::New));
    assert_ne!(one.0, two.0, "two conversations in one session");
    let after = grown_to(&worker, 3).await;
    assert!(after.is_superset(&before), "it was not taken: {before:?} {after:?}");
    // What it was taken for goes on in it.
    assert_eq!(worker.play(thread('b'), "!!say three").await.answer(), "three");
    assert!(lab.model.last_conversation().contains("two"));
    assert!(!lab.model.last_conversation().contains("one"), "another conversation's words");
}

#[tokio::test]
async fn its_commands_know_the_conversation_that_took_it() {
    let lab = lab();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    let before = grown_to(&worker, 2).await;
    let leave = r#"!!run mkdir -p "$GAGGLE_OUTBOX" && echo x > "$GAGGLE_OUTBOX/left""#;
    let played = worker.play(thread('b'), leave).await;
    assert!(geese(&worker).is_superset(&before));
    let left = lab.workspace().join("outbox").join(thread('b').as_str()).join("left");
    assert!(left.exists(), "{:?}", played.messages);
    assert!(played.messages.iter().any(|m| matches!(m, FromWorker::OutboxFilled { .. })));
}

#[tokio::test]
async fn of_two_who_come_at_once_one_gets_it() {
    let lab = lab();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    let before = grown_to(&worker, 2).await;
    let turns = [
        worker.prompt(thread('b'), "!!say two").await,
        worker.prompt(thread('c'), "!!say three").await,
    ];
    let mut ended = 0;
    let mut sessions = HashSet::new();
    while ended < turns.len() {
        match worker.receive().await.unwrap() {
            FromWorker::ThreadReady { session, .. } => {
                sessions.insert(session);
            }
            FromWorker::TurnEnded { end, .. } => {
                assert_eq!(end, TurnEnd::Complete);
                ended += 1;
            }
            _ => {}
        }
    }
    assert_eq!(sessions.len(), 2);
    assert!(geese(&worker).is_superset(&before));
}

#[tokio::test]
async fn the_mode_is_that_of_who_takes_it() {
    let lab = lab();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    let before = grown_to(&worker, 2).await;
    worker.mode = GooseMode::Approve;
    worker.prompt(thread('b'), "!!run true").await;
    worker.until(|message| matches!(message, FromWorker::PermissionAsk { .. })).await;
    assert_eq!(geese(&worker), before, "another one was started");
    // The control: in the mode that it was started for nobody is asked.
    worker.mode = GooseMode::Auto;
    let played = worker.play(thread('c'), "!!run true").await;
    assert!(!played.messages.iter().any(|m| matches!(m, FromWorker::PermissionAsk { .. })));
}

#[tokio::test]
async fn one_that_died_is_no_loss() {
    let lab = lab();
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    let in_use = grown_to(&worker, 2).await;
    let spare = *in_use.iter().max().unwrap();
    kill(Pid::from_raw(spare), Signal::SIGKILL).unwrap();
    assert_eq!(worker.play(thread('b'), "!!say two").await.answer(), "two");
}

#[tokio::test]
async fn it_takes_no_slot_that_a_conversation_needs() {
    let mut lab = lab();
    lab.set("GAGGLE_MAX_GOOSE", "2");
    let mut worker = lab.start().await;
    let first = worker.play(thread('a'), "!!say one").await;
    grown_to(&worker, 2).await;
    // Both are in use, and one more is not there for a third to take.
    let busy =
        [worker.prompt(thread('a'), "!!hang").await, worker.prompt(thread('b'), "!!hang").await];
    for _ in busy {
        worker.until(|message| matches!(message, FromWorker::TurnStarted { .. })).await;
    }
    let waiting = worker.prompt(thread('c'), "!!say three").await;
    worker.send(gaggle_ipc::session::ToWorker::Cancel { thread: thread('b'), turn: busy[1] }).await;
    assert_eq!(worker.end_of(waiting).await.answer(), "three");
    assert!(geese(&worker).len() <= 2, "more than there are slots for");
    assert!(first.ready().is_some());
}

#[tokio::test]
async fn nobody_who_comes_ends_it() {
    let mut lab = lab();
    lab.settings.idle_ms = 2000;
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    grown_to(&worker, 2).await;
    grown_to(&worker, 0).await;
}

#[tokio::test]
async fn where_it_is_not_wanted_there_is_none() {
    let mut lab = Lab::new();
    lab.settings.spare = false;
    let mut worker = lab.start().await;
    worker.play(thread('a'), "!!say one").await;
    worker.play(thread('b'), "!!say two").await;
    worker.play(thread('a'), "!!say three").await;
    assert_eq!(geese(&worker).len(), 2);
}
