//! What tests look at: a turn's messages, and conditions that come about.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gaggle_ipc::GooseSession;
use gaggle_ipc::session::{DeltaKind, Failure, FromWorker, History, ToolState, TurnEnd};
use tokio::time::{Instant, sleep};

use super::DEADLINE;

/// Everything that came of one turn.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) messages: Vec<FromWorker>,
}

impl Played {
    pub(crate) fn answer(&self) -> String {
        self.text(DeltaKind::Answer)
    }

    pub(crate) fn text(&self, wanted: DeltaKind) -> String {
        let text = |message: &FromWorker| match message {
            FromWorker::Delta { kind, text, .. } if *kind == wanted => text.as_str().to_owned(),
            _ => String::new(),
        };
        self.messages.iter().map(text).collect()
    }

    pub(crate) fn end(&self) -> &TurnEnd {
        match self.messages.last() {
            Some(FromWorker::TurnEnded { end, .. }) => end,
            other => panic!("no end of a turn: {other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> &Failure {
        match self.end() {
            TurnEnd::Failed(failure) => failure,
            other => panic!("no failure: {other:?}"),
        }
    }

    pub(crate) fn ready(&self) -> Option<(GooseSession, History)> {
        self.messages.iter().find_map(|message| match message {
            FromWorker::ThreadReady { session, history, .. } => Some((session.clone(), *history)),
            _ => None,
        })
    }

    /// What the last tool that ended put out.
    pub(crate) fn tool_output(&self) -> String {
        let output = self.messages.iter().rev().find_map(|message| match message {
            FromWorker::Tool { state, detail, .. } if *state != ToolState::Running => {
                Some(detail.as_str().to_owned())
            }
            _ => None,
        });
        output.unwrap_or_else(|| panic!("no tool ended: {:?}", self.messages))
    }
}

/// Waits until `holds`.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for the next second: Goose cuts its memory by the second.
pub(crate) async fn next_second() {
    let begun = Instant::now();
    eventually("the next second", || begun.elapsed() > Duration::from_millis(1100)).await;
}

/// Whether a process lives, by the number in a file it wrote.
pub(crate) fn lives(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    // A zombie waits for its parent and does nothing any more.
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// The most memory a process ever had, in bytes.
pub(crate) fn peak_memory(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
