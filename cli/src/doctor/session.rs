//! One session with one worker: asks for the attacks and takes down what came
//! of them.
//!
//! Trust: none. What comes is the account's word: bounded in number and time,
//! refused where it is not what it should be, escaped before it goes anywhere.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gaggle_ipc::codec::{self, MAX_FRAME};
use gaggle_ipc::seqpacket;
use gaggle_ipc::session::{FromWorker, ProbeOutcome, Settings, ToWorker};
use nix::errno::Errno;
use serde::Serialize;

use super::handover::receive_within;
use crate::output::escaped;

/// Longest probe of one person.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// Most attacks that are taken down.
const MOST_ATTACKS: usize = 256;
/// Most frames that are read, of whatever kind.
const MOST_FRAMES: usize = 1024;

const ENDED: &str = "the worker ended before it was done; see: gaggle audit";

/// What came of one attack.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attack {
    /// Its stable name.
    pub(super) name: String,
    /// Held, open or untried.
    pub(super) outcome: Word,
    /// How, and what the kernel said; escaped.
    pub(super) detail: String,
}

/// The outcome as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// It was refused.
    Held,
    /// It succeeded.
    Open,
    /// There was nothing to try it on.
    Untried,
}

/// Everything that came, and why it is not all, if it is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) attacks: Vec<Attack>,
    pub(super) incomplete: Option<String>,
    /// How long it took until the worker said anything.
    pub(super) first: Option<Duration>,
}

/// Has the worker at the other end attack its sandbox.
pub(super) fn probe(session: &OwnedFd) -> Findings {
    let mut findings = Findings::default();
    let read = ask(session).and_then(|()| read(session, &mut findings));
    findings.incomplete = read.err();
    findings
}

fn ask(session: &OwnedFd) -> Result<(), String> {
    // No Goose is started with them.
    let settings = Settings { inactivity_ms: 60_000, idle_ms: 60_000, spare: false };
    for message in [ToWorker::Configure(settings), ToWorker::Probe] {
        let frame = codec::encode(&message).map_err(|error| error.to_string())?;
        seqpacket::send(session, &frame, None).map_err(|_| ENDED.to_owned())?;
    }
    Ok(())
}

fn read(session: &OwnedFd, findings: &mut Findings) -> Result<(), String> {
    let asked = Instant::now();
    let deadline = asked + LIMIT;
    let attacks = &mut findings.attacks;
    for _ in 0..MOST_FRAMES {
        let packet = match receive_within(session, deadline) {
            Ok(Some(packet)) if packet.is_end() => return Err(ENDED.to_owned()),
            Ok(Some(packet)) => packet,
            Ok(None) => return Err("it did not end in time".to_owned()),
            // It was killed before it had read what it was asked.
            Err(Errno::ECONNRESET) => return Err(ENDED.to_owned()),
            Err(errno) => return Err(format!("the session failed: {}", errno.desc())),
        };
        findings.first.get_or_insert_with(|| asked.elapsed());
        match codec::decode(&packet.bytes, MAX_FRAME).map_err(|error| error.to_string())? {
            FromWorker::Probed { attack, outcome, detail } => {
                attacks.push(take(attacks, attack.as_str(), outcome, detail.as_str())?);
            }
            FromWorker::ProbeEnded { complete: true } if attacks.is_empty() => {
                return Err("the worker tried nothing".to_owned());
            }
            FromWorker::ProbeEnded { complete: true } => return Ok(()),
            FromWorker::ProbeEnded { complete: false } => {
                return Err("the worker could not try everything; see: gaggle audit".to_owned());
            }
            _ => {}
        }
    }
    Err("the worker says too much".to_owned())
}

fn take(
    before: &[Attack],
    name: &str,
    outcome: ProbeOutcome,
    detail: &str,
) -> Result<Attack, String> {
    let grammatical = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let good = !name.is_empty()
        && name.chars().all(grammatical)
        && before.len() < MOST_ATTACKS
        && before.iter().all(|attack| attack.name != name);
    if !good {
        return Err("the worker's report is not one".to_owned());
    }
    let outcome = match outcome {
        ProbeOutcome::Held => Word::Held,
        ProbeOutcome::Open => Word::Open,
        ProbeOutcome::Untried => Word::Untried,
    };
    Ok(Attack { name: name.to_owned(), outcome, detail: escaped(detail) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gaggle_ipc::Text;

    fn probed(name: &str, detail: &str) -> FromWorker {
        FromWorker::Probed {
            attack: Text::lossy(name),
            outcome: ProbeOutcome::Held,
            detail: Text::lossy(detail),
        }
    }

    /// What is made of a worker that says this much.
    fn findings(said: &[FromWorker]) -> Findings {
        let (ours, theirs) = seqpacket::pair().unwrap();
        for message in said {
            seqpacket::send(&theirs, &codec::encode(message).unwrap(), None).unwrap();
        }
        let findings = probe(&ours);
        drop(theirs);
        findings
    }

    const END: FromWorker = FromWorker::ProbeEnded { complete: true };

    #[test]
    fn a_whole_report_is_taken_down_and_escaped() {
        let found = findings(&[probed("shadow", "EACCES\u{1b}[2J\u{202e}"), END]);
        assert_eq!(found.incomplete, None);
        assert_eq!(found.attacks[0].detail, "EACCES\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn whatever_is_no_whole_report_is_named_so() {
        let nasty = probed("sha\u{1b}dow", "");
        for (said, why) in [
            (vec![END], "tried nothing"),
            (vec![probed("a", ""), probed("a", ""), END], "not one"),
            (vec![nasty, END], "not one"),
            (vec![probed("", ""), END], "not one"),
            (vec![probed("a", ""), FromWorker::ProbeEnded { complete: false }], "everything"),
        ] {
            let found = findings(&said);
            let incomplete = found.incomplete.unwrap_or_default();
            assert!(incomplete.contains(why), "{said:?}: {incomplete}");
        }
    }

    #[test]
    fn a_worker_that_only_hangs_up_is_no_report() {
        let (ours, theirs) = seqpacket::pair().unwrap();
        drop(theirs);
        assert!(probe(&ours).incomplete.unwrap().contains("ended"));
    }
}
