//! A Goose that breaks the rules of its protocol, in the place of the real one,
//! which cannot be made to.
//!
//! Trust: none in Goose. What it does in a turn is named by the prompt.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use gaggle_tests::lab::{ANSWER, Builder, Lab};
use nix::unistd::{Gid, Uid, chown};
use tempfile::TempDir;

use super::processes::worker_of_alice;

const GOOSE: &str = include_str!("goose.sh");
const REPLIES: &str = "/home/alice/workspace/replies";

/// A lab with the hostile Goose, whose folder must last as long.
#[track_caller]
fn hostile(builder: Builder, extensions: &str) -> Result<Option<(Lab, TempDir)>> {
    let folder = tempfile::tempdir()?;
    let goose = folder.path().join("goose");
    fs::write(&goose, GOOSE.replace("EXTENSIONS", extensions))?;
    fs::set_permissions(&goose, Permissions::from_mode(0o755))?;
    let lab = builder.goose(goose).start_if_possible()?;
    Ok(lab.map(|lab| (lab, folder)))
}

/// What Goose was told in answer to its questions.
fn replies(lab: &Lab) -> Result<String> {
    fs::read_to_string(lab.namespace.seen(REPLIES)).context("Goose was answered")
}

/// The most memory that a process ever had, in KiB.
fn peak_memory(pid: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.trim().strip_suffix(" kB")).context("a peak")?.parse()?)
}

#[test]
fn a37_a38_what_is_no_protocol_ends_a_turn_at_most() -> Result<()> {
    let Some((lab, _folder)) = hostile(Lab::builder(), "")? else { return Ok(()) };
    let mut thread = lab.ask("alice", "hello")?;
    assert_eq!(thread.answer()?, "hi");
    let worker = worker_of_alice(&lab)?;
    for (id, act) in [("A37", "endless"), ("A38", "bytes")] {
        let told = thread.then(act)?;
        assert!(thread.so_far().tells_of_failure(), "{id}: {told}");
        assert_eq!(thread.then("hello")?, "hi", "{id}");
    }
    // Strange lines between good ones are passed over, and what answers twice
    // is not heard twice.
    assert_eq!(thread.then("noise")?, "hi", "A38");
    assert_eq!(thread.then("hello")?, "hi", "A38");
    assert_eq!(worker_of_alice(&lab)?, worker, "the same worker");
    let peak = peak_memory(worker)?;
    assert!(peak < 200 * 1024, "A37: {peak} KiB");
    Ok(())
}

#[test]
fn a39_a40_files_and_terminals_are_not_had_from_the_worker() -> Result<()> {
    let Some((lab, _folder)) = hostile(Lab::builder(), "")? else { return Ok(()) };
    let alice = lab.person("alice")?;
    // The worker may read it, and Goose may not.
    let letter = lab.namespace.seen("/home/alice/letter");
    fs::write(&letter, "private")?;
    chown(&letter, Some(Uid::from_raw(alice.uid)), Some(Gid::from_raw(alice.uid)))?;
    fs::File::options().write(true).open(&letter)?.set_times(
        fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
    )?;
    assert_eq!(lab.answer("alice", "offers")?, "hi");
    let replies = replies(&lab)?;
    assert_eq!(replies.matches("-32601").count(), 4, "{replies}");
    assert!(!replies.contains("private"), "{replies}");
    assert_eq!(fs::metadata(&letter)?.atime(), 1, "A39: it was read");
    assert!(!lab.namespace.seen("/home/alice/workspace/done").exists(), "A40");
    assert_eq!(fs::read_to_string(&letter)?, "private", "A39: it was written");
    // The control: a read leaves its trace.
    assert_ne!(fs::metadata(&letter)?.atime(), 1);
    Ok(())
}

/// Where people are asked before a tool runs.
fn asking() -> Builder {
    Lab::builder().goose_section("mode = \"approve\"")
}

#[test]
fn a41_a_question_with_a_misleading_title_allows_nothing() -> Result<()> {
    let Some((lab, _folder)) = hostile(asking(), "")? else { return Ok(()) };
    let thread = lab.ask("alice", "misleads")?;
    let told = thread.answer_with_no()?;
    // Of the agent's words the tool's name is left, in a frame of code; and below
    // it stands what would be run, in full.
    assert!(told.contains("🔐 Goose wants to use `Read`:\n\n```\n"), "{told}");
    assert!(told.contains("rm -r ~") && !told.contains("allowed it"), "{told}");
    let replies = replies(&lab)?;
    assert!(replies.contains(r#""optionId":"no""#), "{replies}");
    Ok(())
}

#[test]
fn a42_five_hundred_questions_wear_nobody_out() -> Result<()> {
    let Some((lab, _folder)) = hostile(asking(), "")? else { return Ok(()) };
    let thread = lab.ask("alice", "nags")?;
    let told = thread.answer_with_no()?;
    let replies = replies(&lab)?;
    assert_eq!(replies.lines().count(), 500);
    assert_eq!(replies.matches(r#""optionId":"no""#).count(), 500, "none was allowed");
    assert!(told.contains("too often") && told.chars().count() < 2000, "{told}");
    let posts = thread.so_far().posts;
    let asked = posts.iter().filter(|post| post.message.starts_with("🔐")).count();
    assert_eq!((asked, posts.len()), (3, 4), "asked three times, however often it wanted");
    Ok(())
}

#[test]
fn a43_who_does_not_wait_for_an_approval_is_still_in_the_cage() -> Result<()> {
    let model = include_str!("../../../../docs/threat-model.md");
    let model: Vec<&str> = model.split_whitespace().collect();
    let model = model.join(" ");
    assert!(model.contains("Approvals in chat are a convenience and no boundary"));
    let Some((lab, _folder)) = hostile(asking(), "")? else { return Ok(()) };
    let told = lab.ask("alice", "hurries")?.answer_with_no()?;
    assert!(told.contains("👎 Not allowed."), "{told}");
    assert!(replies(&lab)?.contains(r#""optionId":"no""#));
    // That is the limit of an approval; and this the boundary.
    assert!(lab.namespace.seen("/home/alice/workspace/hurried").exists());
    assert!(!lab.namespace.seen("/home/alice/.bashrc").exists());
    Ok(())
}

#[test]
fn a45_a_flood_on_standard_error_reaches_no_log_and_delays_no_record() -> Result<()> {
    let planted = r#"{"name":"planted","success":true}"#;
    let Some((lab, _folder)) = hostile(Lab::builder(), planted)? else { return Ok(()) };
    let thread = lab.ask("alice", "floods")?;
    thread.shows("flooding")?;
    // Meanwhile others are started and heard of.
    assert!(lab.answer("bob", "hello")?.ends_with("hi"));
    lab.record("worker_started", ANSWER, |r| r.field("GAGGLE_ACCOUNT") == "bob")?;
    assert!(thread.answer()?.contains("hi"));
    let told = |r: &gaggle_tests::lab::Entry, word: &str| {
        r.fields.iter().any(|(_, value)| value.contains(word))
    };
    assert!(
        !lab.namespace.records().iter().any(|r| told(r, "floodflood") || told(r, "flood\u{fffd}"))
    );
    // The control: what the worker itself has to say is heard.
    lab.record("worker_output", ANSWER, |r| told(r, "planted"))?;
    Ok(())
}
