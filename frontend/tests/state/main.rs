//! The state, as a restart after a kill finds it.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conversations;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use gaggle_frontend::state::{
    Anchor, Cursor, NewTurn, Outcome, Ready, SeenPost, State, StateError, Told,
};
use gaggle_ipc::session::History;
use gaggle_ipc::{GooseSession, MattermostId, MattermostUserId, ThreadId};
use tempfile::TempDir;

fn id(number: u64) -> MattermostId {
    MattermostId::new(&format!("{number:026}")).unwrap()
}

fn user(number: u64) -> MattermostUserId {
    id(number).into()
}

fn thread(number: u64) -> ThreadId {
    id(number).into()
}

fn seen(post: u64, channel: u64, create_at: i64) -> SeenPost {
    SeenPost { post: id(post), channel: id(channel), create_at }
}

fn new_turn(post: u64) -> NewTurn {
    NewTurn { user: user(1), thread: thread(post), post: seen(post, 9, 5), anew: false }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), 0o700);
    folder
}

/// The state again, once the one before has let go of it.
fn reopened(folder: &Path) -> State {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match State::open(folder) {
            Err(StateError::InUse { .. }) if std::time::Instant::now() < deadline => {
                std::thread::yield_now();
            }
            opened => return opened.unwrap(),
        }
    }
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    state.record_seen(seen(1, 2, 3)).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "the database and its log");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_folder_that_others_may_write_in_is_refused() {
    let folder = folder();
    for open in [0o720, 0o702, 0o777] {
        set_mode(folder.path(), open);
        let refused = State::open(folder.path());
        assert!(matches!(refused, Err(StateError::NotPrivate { .. })), "{open:o}");
    }
    set_mode(folder.path(), 0o750);
    State::open(folder.path()).unwrap();
}

#[test]
fn a_link_in_place_of_folder_or_file_is_refused() {
    let folder = folder();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let link = folder.path().join("link");
    symlink(&elsewhere, &link).unwrap();
    assert!(matches!(State::open(&link), Err(StateError::Folder { .. })));
    symlink("/etc/hostname", elsewhere.join("gaggle.sqlite")).unwrap();
    set_mode(&elsewhere, 0o700);
    assert!(matches!(State::open(&elsewhere), Err(StateError::Folder { .. })));
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_lives() {
    let folder = folder();
    let first = State::open(folder.path()).unwrap();
    assert!(matches!(State::open(folder.path()), Err(StateError::InUse { .. })));
    drop(first);
    reopened(folder.path());
}

#[tokio::test]
async fn a_state_of_a_newer_gaggle_is_refused_and_left_alone() {
    let folder = folder();
    drop(State::open(folder.path()).unwrap());
    drop(reopened(folder.path()));
    let file = folder.path().join("gaggle.sqlite");
    {
        let newer = rusqlite::Connection::open(&file).unwrap();
        newer.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
    }
    let refused = State::open(folder.path());
    assert!(matches!(refused, Err(StateError::Newer { found: 99, .. })));
    let again = rusqlite::Connection::open(&file).unwrap();
    let version: i64 = again.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = folder();
    std::fs::write(folder.path().join("gaggle.sqlite"), "x".repeat(5000)).unwrap();
    assert!(matches!(State::open(folder.path()), Err(StateError::Database(_))));
}

#[tokio::test]
async fn a_post_opens_one_turn_whatever_became_of_it() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let turn = state.open_turn(new_turn(3)).await.unwrap().unwrap();
    assert!(state.seen(id(3)).await.unwrap());
    assert_eq!(state.open_turn(new_turn(3)).await.unwrap(), None);
    state.end_turn(turn, Outcome::Failed).await.unwrap();
    assert_eq!(state.open_turn(new_turn(3)).await.unwrap(), None);
    let other = state.open_turn(new_turn(4)).await.unwrap().unwrap();
    assert!(other > turn);
}

#[tokio::test]
async fn unfinished_turns_say_how_far_they_came() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let ended = state.open_turn(new_turn(3)).await.unwrap().unwrap();
    let sent = state.open_turn(new_turn(4)).await.unwrap().unwrap();
    let waits = state.open_turn(new_turn(5)).await.unwrap().unwrap();
    state.turn_sent(sent, Told::default()).await.unwrap();
    for post in [22, 21, 22] {
        state.turn_answer_post(sent, id(post)).await.unwrap();
    }
    state.end_turn(ended, Outcome::Complete).await.unwrap();
    drop(state);
    let state = reopened(folder.path());
    let found = state.unfinished_turns().await.unwrap();
    assert_eq!(found.iter().map(|turn| turn.turn).collect::<Vec<_>>(), [sent, waits]);
    assert_eq!((found[0].sent, found[1].sent), (true, false));
    assert_eq!(found[0].answers, [id(22), id(21)]);
    let known = (found[0].user, found[0].thread, found[0].channel, found[0].post);
    assert_eq!(known, (user(1), thread(4), id(9), id(4)));
}

#[tokio::test]
async fn what_goose_was_told_counts_once_its_turn_was_answered() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let of_thread = |post| NewTurn { thread: thread(7), ..new_turn(post) };
    let told = |seen| Told { seen: Some(seen), instructions: Some(seen * 10), anew: None };
    let mut turns = Vec::new();
    for (post, outcome) in [(3, Outcome::Complete), (4, Outcome::Failed), (5, Outcome::Complete)] {
        let turn = state.open_turn(of_thread(post)).await.unwrap().unwrap();
        state.turn_sent(turn, told(i64::try_from(post).unwrap())).await.unwrap();
        turns.push((turn, outcome));
    }
    assert_eq!(state.told(user(1), thread(7)).await.unwrap(), Told::default());
    for (turn, outcome) in &turns[..2] {
        state.end_turn(*turn, *outcome).await.unwrap();
    }
    assert_eq!(state.told(user(1), thread(7)).await.unwrap(), told(3));
    state.end_turn(turns[2].0, turns[2].1).await.unwrap();
    assert_eq!(state.told(user(1), thread(7)).await.unwrap(), told(5));
    assert_eq!(state.told(user(2), thread(7)).await.unwrap(), Told::default());
    // Goose lost everything before the last turn, and had only that since.
    let session = GooseSession::new("20261120_1").unwrap();
    let lost = Some(turns[2].0);
    for history in [History::Lost, History::Resumed] {
        let (turn, session) = (turns[2].0, session.clone());
        let (user, thread) = (user(1), thread(7));
        let ready = Ready { user, thread, turn, session, history, model: None };
        state.session_ready(ready).await.unwrap();
    }
    let known = Told { anew: lost, ..Told::default() };
    assert_eq!(state.told(user(1), thread(7)).await.unwrap(), known);
    let all = state.thread_turns(thread(7)).await.unwrap();
    let all: Vec<_> = all.iter().map(|turn| (turn.turn, turn.sent, turn.ended)).collect();
    assert_eq!(all, turns.iter().map(|(turn, _)| (*turn, true, true)).collect::<Vec<_>>());
}

#[tokio::test]
async fn seen_posts_are_kept_exactly_as_long_as_they_can_come_again() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    for (post, channel, at) in [(1, 8, 100), (2, 8, 101), (3, 9, 50)] {
        state.record_seen(seen(post, channel, at)).await.unwrap();
    }
    let anchor = Some(Anchor { post: id(1), create_at: 100 });
    let cursor =
        Cursor { channel: id(8), floor: 100, anchor, last_post_at: 101, total_msg_count: 2 };
    state.save_cursors(vec![cursor]).await.unwrap();
    assert_eq!(state.seen_in(id(8)).await.unwrap(), [seen(2, 8, 101)]);
    assert_eq!(state.seen_in(id(9)).await.unwrap(), [seen(3, 9, 50)]);
    assert_eq!(state.cursors().await.unwrap(), [cursor]);
}

#[tokio::test]
async fn another_bot_starts_afresh_and_the_same_one_does_not() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    assert!(!state.bind(id(1)).await.unwrap());
    state.record_listed(70, Vec::new()).await.unwrap();
    assert!(!state.bind(id(1)).await.unwrap());
    assert_eq!(state.listed_at().await.unwrap(), Some(70));
    assert!(state.bind(id(2)).await.unwrap());
    assert_eq!(state.listed_at().await.unwrap(), None);
}

/// Writes until it is killed, naming each turn once the state has it.
#[test]
#[ignore = "the other half of the test that kills it"]
fn writer() {
    let folder = std::env::var("STATE_FOLDER").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let state = State::open(Path::new(&folder)).unwrap();
        for post in 1.. {
            state.open_turn(new_turn(post)).await.unwrap().unwrap();
            eprintln!("turn {post}");
        }
    });
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    use std::io::{BufRead, BufReader};
    let folder = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env("STATE_FOLDER", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        if let Some(number) = line.unwrap().strip_prefix("turn ") {
            acknowledged = number.parse().unwrap();
        }
        if acknowledged == 300 {
            // SIGKILL, in the middle of the next ones.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged >= 300);
    let state = reopened(folder.path());
    let found = state.unfinished_turns().await.unwrap();
    assert!(found.len() >= acknowledged);
    for (turn, post) in found.iter().zip(1..) {
        assert_eq!(turn.post, id(post), "whole and in order");
        assert!(state.seen(turn.post).await.unwrap());
    }
}

#[tokio::test]
async fn files_that_are_due_stay_so_until_they_are_settled() {
    let folder = folder();
    let state = reopened(folder.path());
    let turn = state.open_turn(new_turn(1)).await.unwrap().unwrap();
    assert!(state.due_files_of(user(1), thread(1)).await.unwrap().is_empty());
    state.files_due(turn).await.unwrap();
    assert!(state.due_files().await.unwrap().is_empty(), "its answer does not stand yet");
    state.end_turn(turn, Outcome::Complete).await.unwrap();
    drop(state);
    let state = reopened(folder.path());
    let due = state.due_files().await.unwrap();
    assert_eq!((due.len(), due[0].turn, due[0].post), (1, turn, id(1)));
    assert_eq!(state.due_files_of(user(1), thread(1)).await.unwrap(), due);
    assert!(state.due_files_of(user(2), thread(1)).await.unwrap().is_empty());
    state.files_settled(turn).await.unwrap();
    assert!(state.due_files().await.unwrap().is_empty());
}
