//! `gaggle audit` as an admin runs it, with a journal of the test's own.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const RECORD: &str = r#"{"__REALTIME_TIMESTAMP":"1795216502123456","_UID":"0","PRIORITY":"5","GAGGLE_EVENT":"worker_started","GAGGLE_ACCOUNT":"alice","GAGGLE_PID":"7"}"#;
const SOON: Duration = Duration::from_secs(20);

/// A folder with a `journalctl` that is this script.
struct Journal(TempDir);

impl Journal {
    fn new(script: &str) -> Self {
        let journal = Self(tempfile::tempdir().unwrap());
        let record = format!("record() {{ echo '{RECORD}'; }}\ncd \"$(dirname \"$0\")\"");
        let program = journal.at("journalctl");
        fs::write(&program, format!("#!/bin/sh\n{record}\n{script}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        journal
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn gaggle(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gaggle"));
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        command.arg("audit").args(arguments).env("PATH", path).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.gaggle(arguments).output().unwrap()
    }

    /// Follows, and has read the first line.
    fn follow(&self) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut child = self.gaggle(&["--follow"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains("worker_started"), "{line}");
        (child, output)
    }

    /// The program that stands for the journal has ended.
    fn ended(&self) -> bool {
        let pid = fs::read_to_string(self.at("pid")).unwrap();
        !PathBuf::from(format!("/proc/{}", pid.trim())).exists()
    }
}

/// Prints one record and then nothing for ever.
const ENDLESS: &str = "echo $$ > pid; record; exec sleep 1000";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it does not end");
}

#[test]
fn what_is_found_is_shown_plainly_and_as_json() {
    let journal = Journal::new("record; record");
    let shown = journal.run(&[]);
    assert_eq!(shown.status.code(), Some(0));
    let lines = text(&shown.stdout);
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.starts_with("2026-11-20T23:15:02Z  worker_started"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "colours are for terminals: {lines:?}");
    let json = journal.run(&["--json"]);
    for line in text(&json.stdout).lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&record["event"], &record["pid"]), (&"worker_started".into(), &7.into()));
    }
}

#[test]
fn nothing_found_a_wrong_time_and_a_failure_have_codes_of_their_own() {
    let nothing = Journal::new("true").run(&["--json"]);
    assert_eq!((nothing.status.code(), text(&nothing.stdout).as_str()), (Some(4), ""));
    let wrong = Journal::new("echo 'Failed to parse timestamp: soonish' >&2; exit 1");
    let wrong = wrong.run(&["--since", "soonish"]);
    assert_eq!(wrong.status.code(), Some(2));
    let sentence = text(&wrong.stderr);
    assert!(sentence.contains("\"soonish\"") && sentence.contains("yesterday"), "{sentence}");
    let broken = Journal::new("echo 'no \u{1b}[31mjournal' >&2; exit 3").run(&[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("journal") && !text(&broken.stderr).contains('\u{1b}'));
}

#[test]
fn following_ends_cleanly_with_a_signal() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let journal = Journal::new(ENDLESS);
        let (mut child, _output) = journal.follow();
        assert!(!journal.ended());
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(wait(&mut child), Some(0), "{signal}");
        assert!(journal.ended(), "{signal}: the journal's program was left behind");
    }
}

#[test]
fn following_ends_cleanly_when_nobody_reads_any_more() {
    let journal = Journal::new(ENDLESS);
    let (mut child, output) = journal.follow();
    drop(output);
    assert_eq!(wait(&mut child), Some(0));
    assert!(journal.ended());
}

#[test]
fn the_help_teaches_with_examples() {
    let help = text(&Journal::new("true").run(&["--help"]).stdout);
    for word in ["--since 1h", "--follow", "jq", "Exit status", "yesterday"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
