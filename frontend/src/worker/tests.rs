//! The first words between the two ends, and what follows from their lack.

use gaggle_ipc::channel::WorkerEnd;
use gaggle_ipc::codec::FrameError;
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::session::{GooseMode, Hello};
use gaggle_ipc::{Text, TurnId, seqpacket};
use tokio::sync::oneshot;

use super::*;

mod given_up;
mod root;

const SETTINGS: Settings = Settings { inactivity_ms: 600_000, idle_ms: 600_000, spare: true };

fn thread(letter: char) -> ThreadId {
    ThreadId::new(&letter.to_string().repeat(26)).unwrap()
}

/// A worker just started, its end, and how its end is told.
fn started() -> (Started, WorkerEnd, oneshot::Sender<WorkerExit>) {
    let (ours, theirs) = seqpacket::pair().unwrap();
    let (told, exit) = oneshot::channel();
    let started = Started {
        worker: WorkerId(1),
        account: AccountName::new("alice").unwrap(),
        profile: Profile::Workspace,
        shared: false,
        socket: ours,
        exit,
    };
    (started, WorkerEnd::new(theirs).unwrap(), told)
}

/// Nobody to have workers stopped by.
fn nobody() -> Supervisor {
    Supervisor::connect("/nonexistent/control.sock".into())
}

fn hello() -> FromWorker {
    let workspace = Text::lossy("/home/alice/workspace");
    FromWorker::Hello(Hello { landlock_abi: 7, workspace })
}

#[tokio::test]
async fn settings_are_the_first_frame() {
    let (mut started, worker, _told) = started();
    worker.send(&hello()).await.unwrap();
    let (_, workspace) = greet(&mut started, SETTINGS).await.unwrap();
    assert_eq!(workspace, "/home/alice/workspace");
    assert_eq!(worker.receive().await.unwrap(), Some(ToWorker::Configure(SETTINGS)));
}

#[tokio::test]
async fn a_worker_that_refuses_its_sandbox_says_at_which_step() {
    let (mut started, worker, told) = started();
    drop(worker);
    told.send(WorkerExit::SandboxRefused(LaunchStep::LandlockFloor)).unwrap();
    let error = greet(&mut started, SETTINGS).await.unwrap_err();
    let words = crate::words::not_started(&error);
    assert!(words.contains("kernel cannot confine"), "{words}");
}

#[tokio::test]
async fn another_first_word_than_hello_is_no_worker() {
    let (mut started, worker, _told) = started();
    let thread = thread('t');
    worker.send(&FromWorker::ThreadClosed { thread }).await.unwrap();
    let error = greet(&mut started, SETTINGS).await.unwrap_err();
    assert!(matches!(error, WorkerError::Channel(ChannelError::Frame(FrameError::Malformed))));
}

#[tokio::test]
async fn frames_go_to_their_thread_and_the_end_to_all() {
    let (mut started, worker, told) = started();
    worker.send(&hello()).await.unwrap();
    let (channel, workspace) = greet(&mut started, SETTINGS).await.unwrap();
    let client = Arc::new(Worker::attend(&nobody(), started, channel, workspace));
    let (mut a, mut b) = (client.route(thread('a')).unwrap(), client.route(thread('b')).unwrap());
    let closed = |letter| FromWorker::ThreadClosed { thread: thread(letter) };
    for letter in ['b', 'c', 'a'] {
        worker.send(&closed(letter)).await.unwrap();
    }
    assert_eq!(a.next().await, Some(closed('a')));
    assert_eq!(b.next().await, Some(closed('b')));
    told.send(WorkerExit::Signal(9)).unwrap();
    drop(worker);
    assert_eq!((a.next().await, b.next().await), (None, None));
    assert!(!client.is_alive() && client.route(thread('a')).is_none());
    assert_eq!(client.end().await, Some(WorkerExit::Signal(9)));
}

#[tokio::test]
async fn a_newer_route_of_a_thread_outlives_the_older_one() {
    let (mut started, worker, _told) = started();
    worker.send(&hello()).await.unwrap();
    let (channel, workspace) = greet(&mut started, SETTINGS).await.unwrap();
    let client = Arc::new(Worker::attend(&nobody(), started, channel, workspace));
    let older = client.route(thread('a')).unwrap();
    let mut newer = client.route(thread('a')).unwrap();
    drop(older);
    let closed = FromWorker::ThreadClosed { thread: thread('a') };
    worker.send(&closed).await.unwrap();
    assert_eq!(newer.next().await, Some(closed));
}
