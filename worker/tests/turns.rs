//! Turns, threads and sessions with the real Goose.

mod support;

use gaggle_ipc::session::{FromWorker, History, TurnEnd};
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
    assert!(ready < started && started < delta, "{:?}", played.messages);
    assert!(worker.hang_up().await.success());
}
