//! The isolation probe, driven over the session socket as `gaggle doctor` drives
//! it. The same list by hand, outside of the sandbox, is the control.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use gaggle_ipc::session::{FromWorker, ProbeOutcome, ToWorker};
use support::{Lab, Played};

/// What the cage around Goose closes by itself. The rest needs root's part, or is
/// closed on some machines for everybody, so that there is no control here.
const CLOSED_BY_THE_CAGE: &[&str] = &[
    "own_home_outside_profile",
    "start_up_files",
    "hard_link",
    "rename_out",
    "planted_link",
    "worker_files",
    "worker_descriptors",
    "signal_worker",
    "own_processes",
    "no_new_privs",
    "clone3",
    "ptrace",
    "keyrings",
    "bpf",
    "perf",
    "userfaultfd",
    "odd_sockets",
    "terminal_input",
    "connect_ports",
    "listen_ports",
    "leftover_descriptors",
    "environment",
];

type Outcomes = BTreeMap<String, (ProbeOutcome, String)>;

fn lab() -> Lab {
    let mut lab = Lab::new();
    fs::write(lab.home().join(".bashrc"), "").unwrap();
    fs::create_dir_all(lab.workspace()).unwrap();
    lab.set("GAGGLE_CONNECT_PORTS", "443");
    lab
}

fn outcomes(played: &Played) -> Outcomes {
    let probed = |message: &FromWorker| match message {
        FromWorker::Probed { attack, outcome, detail } => {
            Some((attack.to_string(), (*outcome, detail.to_string())))
        }
        _ => None,
    };
    played.messages.iter().filter_map(probed).collect()
}

fn is_end(message: &FromWorker) -> bool {
    matches!(message, FromWorker::ProbeEnded { .. })
}

fn by_hand(lab: &Lab) -> Outcomes {
    let probe = format!(
        "export NOTIFY_SOCKET=/x HOME={}; {}/gaggle-worker isolation-probe 3</dev/null; true",
        lab.home().display(),
        lab.programs().display()
    );
    let output = support::as_account(&probe).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let [name, word, detail] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let outcome = match word {
            "held" => ProbeOutcome::Held,
            "open" => ProbeOutcome::Open,
            _ => ProbeOutcome::Untried,
        };
        (name.to_owned(), (outcome, detail.to_owned()))
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn what_is_open_by_hand_is_held_in_the_cage() {
    let lab = lab();
    let worker = lab.start().await;
    worker.send(ToWorker::Probe).await;
    let played = worker.until(is_end).await;
    assert_eq!(played.messages.last(), Some(&FromWorker::ProbeEnded { complete: true }));
    let caged = outcomes(&played);
    let uncaged = by_hand(&lab);
    assert!(caged.len() > 50 && caged.keys().eq(uncaged.keys()));
    for name in CLOSED_BY_THE_CAGE {
        assert_eq!(uncaged[*name].0, ProbeOutcome::Open, "control of {name}: {:?}", uncaged[*name]);
        assert_eq!(caged[*name].0, ProbeOutcome::Held, "{name}: {:?}", caged[*name]);
    }
}

#[tokio::test]
async fn nothing_of_a_probe_stays_and_turns_go_on_beside_it() {
    let lab = lab();
    let before = fs::read_dir(lab.home()).unwrap().count();
    let mut worker = lab.start().await;
    worker.send(ToWorker::Probe).await;
    worker.until(is_end).await;
    let left = |folder| fs::read_dir(folder).unwrap().flatten().collect::<Vec<_>>();
    assert!(left(lab.workspace()).is_empty(), "{:?}", left(lab.workspace()));
    // Beside what was there: the folders that the worker makes for Goose.
    assert!(left(lab.home()).len() <= before + 2, "{:?}", left(lab.home()));
    worker.send(ToWorker::Probe).await;
    let played = worker.play(support::thread('a'), "hello").await;
    assert!(!played.answer().is_empty());
}

#[tokio::test]
async fn a_second_probe_beside_the_first_is_refused_and_a_later_one_is_not() {
    let lab = lab();
    let worker = lab.start().await;
    worker.send(ToWorker::Probe).await;
    worker.send(ToWorker::Probe).await;
    let refused = worker.until(is_end).await;
    assert_eq!(refused.messages.last(), Some(&FromWorker::ProbeEnded { complete: false }));
    let first = worker.until(is_end).await;
    assert_eq!(first.messages.last(), Some(&FromWorker::ProbeEnded { complete: true }));
    worker.send(ToWorker::Probe).await;
    let later = worker.until(is_end).await;
    assert_eq!(later.messages.last(), Some(&FromWorker::ProbeEnded { complete: true }));
    worker.send(ToWorker::Probe).await;
    assert!(worker.hang_up().await.success());
}
