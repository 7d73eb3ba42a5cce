//! Workers that are of no use any more: stopped within a bounded time, and
//! every thread that waits for one hears of it.

use gaggle_ipc::GooseSession;
use gaggle_ipc::channel::WorkerEnd;
use gaggle_ipc::codec;
use gaggle_ipc::control::StopReason;
use gaggle_ipc::session::{Before, DeltaKind, History, TurnEnd};

use super::root::Root;
use super::*;

fn prompt(letter: char, turn: u64) -> ToWorker {
    let (thread, turn) = (thread(letter), TurnId(turn));
    ToWorker::Prompt {
        thread,
        turn,
        resume: None,
        before: Before::Complete,
        mode: GooseMode::Auto,
        model: None,
    }
}

fn delta(letter: char, turn: u64) -> FromWorker {
    let (thread, turn) = (thread(letter), TurnId(turn));
    FromWorker::Delta { thread, turn, kind: DeltaKind::Answer, text: Text::lossy("x") }
}

fn begun(letter: char, turn: u64) -> FromWorker {
    FromWorker::TurnStarted { thread: thread(letter), turn: TurnId(turn) }
}

fn over(letter: char, turn: u64) -> FromWorker {
    FromWorker::TurnEnded { thread: thread(letter), turn: TurnId(turn), end: TurnEnd::Complete }
}

/// Root stopped it, the thread heard of it, and it is not used any more.
async fn is_given_up(root: &mut Root, worker: &Arc<Worker>, route: &mut Route) {
    while route.next().await.is_some() {}
    assert!(!worker.is_alive());
    assert_eq!(root.stopped.recv().await, Some(worker.id));
    assert_eq!(worker.end().await, Some(WorkerExit::Stopped(StopReason::Requested)));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_says_hello() {
    let mut root = Root::listen();
    let user = MattermostUserId::new(&"a".repeat(26)).unwrap();
    let error = Worker::start(&root.supervisor, user, SETTINGS).await.unwrap_err();
    assert!(matches!(error, WorkerError::Silent), "{error}");
    assert_eq!(root.stopped.recv().await, Some(WorkerId(1)));
}

/// The person lost patience: with root's answer on its way, or with the hello.
#[tokio::test(start_paused = true)]
async fn one_that_nobody_waits_for_any_more() {
    for greeted in [false, true] {
        let mut root = Root::listen();
        let user = MattermostUserId::new(&"a".repeat(26)).unwrap();
        let supervisor = root.supervisor.clone();
        let mut start = Box::pin(Worker::start(&supervisor, user, SETTINGS));
        let socket = tokio::select! {
            _ = &mut start => None,
            socket = root.started.recv() => socket,
        };
        // It keeps its end and lives on as long as nobody stops it.
        let end = WorkerEnd::new(socket.unwrap()).unwrap();
        if greeted {
            let configure = tokio::select! {
                _ = &mut start => None,
                frame = end.receive() => frame.unwrap(),
            };
            assert_eq!(configure, Some(ToWorker::Configure(SETTINGS)));
        }
        drop(start);
        assert_eq!(root.stopped.recv().await, Some(WorkerId(1)), "{greeted}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_frozen_before_its_turn_begins() {
    let mut root = Root::listen();
    let (worker, _end) = root.worker().await;
    let mut route = worker.route(thread('a')).unwrap();
    worker.send(&prompt('a', 1)).await.unwrap();
    is_given_up(&mut root, &worker, &mut route).await;
}

#[tokio::test(start_paused = true)]
async fn but_not_one_that_works_on_another_turn() {
    let mut root = Root::listen();
    let (worker, end) = root.worker().await;
    let mut route = worker.route(thread('b')).unwrap();
    worker.send(&prompt('a', 1)).await.unwrap();
    worker.send(&prompt('b', 2)).await.unwrap();
    end.send(&begun('a', 1)).await.unwrap();
    let patient = tokio::time::timeout(turns::START_LIMIT * 20, route.next()).await;
    assert!(patient.is_err(), "{patient:?}");
    // The first one ends, and from now on the second is due.
    end.send(&over('a', 1)).await.unwrap();
    is_given_up(&mut root, &worker, &mut route).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_nothing() {
    let mut root = Root::listen();
    let (worker, _end) = root.worker().await;
    let mut route = worker.route(thread('a')).unwrap();
    let error = loop {
        let cancel = ToWorker::Cancel { thread: thread('a'), turn: TurnId(1) };
        if let Err(error) = worker.send(&cancel).await {
            break error;
        }
    };
    assert!(matches!(&error, ChannelError::Io(error) if error.kind() == io::ErrorKind::TimedOut));
    is_given_up(&mut root, &worker, &mut route).await;
}

#[tokio::test]
async fn one_that_sends_what_is_no_frame() {
    let cases: [(&str, Vec<u8>); 4] = [
        ("oversize", vec![codec::VERSION; codec::MAX_FRAME + 1]),
        ("version", vec![codec::VERSION + 1, 0, 0]),
        ("malformed", vec![codec::VERSION, 0xff]),
        ("trailing", [codec::encode(&over('a', 1)).unwrap(), vec![0]].concat()),
    ];
    for (what, bytes) in cases {
        let mut root = Root::listen();
        let (worker, socket) = root.socket().await;
        let mut route = worker.route(thread('a')).unwrap();
        seqpacket::send(&socket, &bytes, None).expect(what);
        is_given_up(&mut root, &worker, &mut route).await;
    }
}

#[tokio::test]
async fn what_is_said_of_turns_that_are_not_under_way_goes_nowhere() {
    let mut root = Root::listen();
    let (worker, end) = root.worker().await;
    let mut route = worker.route(thread('a')).unwrap();
    worker.send(&prompt('a', 1)).await.unwrap();
    let ready = || FromWorker::ThreadReady {
        thread: thread('a'),
        session: GooseSession::new("s").unwrap(),
        history: History::New,
        model: None,
    };
    end.send(&ready()).await.unwrap();
    end.send(&ready()).await.unwrap();
    // Before it began, in another thread, of a stranger; then twice the same.
    for frame in [delta('a', 1), begun('b', 1), delta('a', 7), begun('a', 1), begun('a', 1)] {
        end.send(&frame).await.unwrap();
    }
    for frame in [delta('a', 1), over('a', 1), over('a', 1), delta('a', 1)] {
        end.send(&frame).await.unwrap();
    }
    let closed = FromWorker::ThreadClosed { thread: thread('a') };
    end.send(&closed).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&closed) {
        seen.push(route.next().await.unwrap());
    }
    assert_eq!(seen, [ready(), begun('a', 1), delta('a', 1), over('a', 1), closed]);
    assert!(worker.is_alive());
    // Some of that can be a slip; more is none.
    for _ in 0..=reading::MAX_STRAY {
        let _ = end.send(&delta('a', 1)).await;
    }
    is_given_up(&mut root, &worker, &mut route).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_while_somebody_else_holds_its_socket() {
    let (mut started, worker, told) = started();
    worker.send(&hello()).await.unwrap();
    let (channel, workspace) = greet(&mut started, SETTINGS).await.unwrap();
    let client = Arc::new(Worker::attend(&nobody(), started, channel, workspace));
    let mut route = client.route(thread('a')).unwrap();
    // What it said before its end is not lost.
    let closed = FromWorker::ThreadClosed { thread: thread('a') };
    worker.send(&closed).await.unwrap();
    told.send(WorkerExit::Status(0)).unwrap();
    assert_eq!(route.next().await, Some(closed));
    assert_eq!(route.next().await, None);
    assert_eq!(client.end().await, Some(WorkerExit::Status(0)));
    assert!(!client.is_alive());
    // And whoever holds it holds nothing.
    assert_eq!(worker.receive().await.unwrap(), Some(ToWorker::Configure(SETTINGS)));
    assert_eq!(worker.receive().await.unwrap(), None);
    let cancel = ToWorker::Cancel { thread: thread('a'), turn: TurnId(1) };
    assert!(client.send(&cancel).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_that_closes_its_socket_and_lives_on() {
    let mut root = Root::listen();
    let (worker, end) = root.worker().await;
    let mut route = worker.route(thread('a')).unwrap();
    drop(end);
    assert_eq!(route.next().await, None);
    assert_eq!(root.stopped.recv().await, Some(worker.id));
}
