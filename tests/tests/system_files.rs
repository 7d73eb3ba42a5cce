//! Files of a conversation with the real Goose under the real account: in and out, and
//! no further than the agent itself could reach.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use gaggle_tests::lab::Lab;
use gaggle_tests::mattermost::Id;
use serde_json::json;

/// Runs a script as root in the lab; `$0` is alice's uid.
fn as_root(lab: &Lab, script: &str) -> Result<()> {
    let uid = lab.person("alice")?.uid.to_string();
    let made = lab.namespace.run(0, &["sh", "-ec", script, &uid])?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

fn inbox(lab: &Lab, root: Id) -> PathBuf {
    lab.namespace.seen(format!("/home/alice/workspace/inbox/{root}"))
}

#[test]
fn files_arrive_as_the_persons_own_and_their_agent_reads_them() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let large: Vec<u8> = (0..2_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let files: &[(&str, &[u8])] =
        &[("report.pdf", &large), ("report.pdf", b"another"), ("notes.txt", b"one\ntwo\n")];
    let text = r#"run: cd "$GAGGLE_INBOX" && stat -c '%U %a %s %n' * && pwd"#;
    let thread = lab.ask_with("alice", text, files)?;
    let root = thread.root();
    let expected = format!(
        "alice 600 8 notes.txt\nalice 600 7 report-2.pdf\nalice 600 2000000 report.pdf\n/home/alice/workspace/inbox/{root}"
    );
    assert_eq!(thread.answer()?, expected);
    assert!(fs::read(inbox(&lab, root).join("report.pdf"))? == large);
    let folder = fs::metadata(inbox(&lab, root))?;
    let alice = lab.person("alice")?.uid;
    assert_eq!((folder.uid(), folder.permissions().mode() & 0o7777), (alice, 0o700));
    // In the next turn of the thread they are there still, and the same file again is
    // the same file.
    lab.attach("alice", Some(root), "look", &[("report.pdf", b"another")])?;
    lab.told(root, "echo: look")?;
    let mut thread = thread;
    assert_eq!(thread.then("run: ls $GAGGLE_INBOX | wc -l")?, "3");
    Ok(())
}

#[test]
fn a_small_text_stands_in_the_prompt_and_an_image_reaches_the_model() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let png = b"\x89PNG\r\n\x1a\n not much of one";
    let thread = lab.ask_with("alice", "!!image", &[("cat.jpg", png), ("liar.png", b"text")])?;
    assert_eq!(thread.answer()?, "images: 1");
    let without = Lab::builder().goose_section("vision = false").start()?;
    let thread = without.ask_with("alice", "!!image", &[("cat.png", png)])?;
    let said = thread.answer()?;
    assert!(said.contains("`cat.png` is there as a file") && said.ends_with("images: 0"), "{said}");
    let thread = lab.ask_with("alice", "", &[("notes.txt", b"the word is plumtree\n")])?;
    let said = thread.answer()?;
    assert!(said.contains("plumtree") && said.contains("The message has no text"), "{said}");
    Ok(())
}

#[test]
fn what_is_in_the_outbox_comes_attached_and_links_and_pipes_do_not() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    as_root(
        &lab,
        "mkdir -p /home/alice/.ssh; echo key > /home/alice/.ssh/id; chown -R $0 /home/alice/.ssh",
    )?;
    let text = r#"run: mkdir -p "$GAGGLE_OUTBOX" && cd "$GAGGLE_OUTBOX" && seq 50000 > numbers.txt && ln -s /etc/shadow shadow && ln -s ~/.ssh/id id && mkfifo pipe && mkdir folder && echo made"#;
    let thread = lab.ask("alice", text)?;
    let root = thread.root();
    assert_eq!(thread.answer()?, "made");
    let post = lab.told(root, "📎")?;
    let numbers: String = (1..=50_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(lab.files_in(root), [("numbers.txt".to_owned(), numbers.into_bytes())]);
    for line in [
        "⚠️ `shadow` was not sent: it is a link",
        "⚠️ `id` was not sent: it is a link",
        "⚠️ `pipe` was not sent: it is no file",
        "⚠️ `folder` was not sent: it is no file",
    ] {
        assert!(post.message.contains(line), "{line:?} is not in {:?}", post.message);
    }
    // Sent is sent.
    let mut thread = thread;
    assert_eq!(
        thread.then("run: ls $GAGGLE_OUTBOX $GAGGLE_OUTBOX/sent")?.matches("numbers").count(),
        1
    );
    assert_eq!(lab.answer("alice", "hello")?, "echo: hello");
    assert_eq!(lab.files_in(root).len(), 1);
    Ok(())
}

#[test]
fn get_reaches_what_the_agent_reaches_and_no_more() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    as_root(
        &lab,
        "mkdir -p /home/alice/.ssh; echo key > /home/alice/.ssh/id; chown -R $0 /home/alice/.ssh",
    )?;
    let made = "run: mkdir d && echo inside > d/file && ln -s ../.ssh d/keys && ln ~/workspace/d/file d/second && echo made";
    assert_eq!(lab.answer("alice", made)?, "made");
    for (path, words) in [
        ("../.ssh/id", "outside of the workspace"),
        ("/home/alice/.ssh/id", "outside of the workspace"),
        ("d/keys/id", "it is a link, or lies behind one"),
        ("d/second", "a second name"),
        ("/etc/shadow", "outside of the workspace"),
        ("d", "it is no file"),
        ("none", "there is no such file"),
    ] {
        let thread = lab.ask("alice", &format!("!get {path}"))?;
        lab.told(thread.root(), words)?;
        assert!(lab.files_in(thread.root()).is_empty(), "{path}");
    }
    assert_eq!(lab.answer("alice", "run: rm d/second && echo gone")?, "gone");
    let thread = lab.ask("alice", "!get ~/workspace/d/file")?;
    lab.told(thread.root(), "📎 `file`")?;
    assert_eq!(lab.files_in(thread.root()), [("file".to_owned(), b"inside\n".to_vec())]);
    // The control: outside of the sandbox alice reads it.
    let alice = lab.person("alice")?.uid;
    let control = lab.namespace.run(alice, &["cat", "/home/alice/.ssh/id"])?;
    assert_eq!(control.stdout, b"key\n");
    // Bob's files are nobody's business.
    assert_eq!(lab.answer("bob", "run: echo of-bob > own && echo made")?, "made");
    let thread = lab.ask("alice", "!get ../../bob/workspace/own")?;
    lab.told(thread.root(), "was not sent")?;
    Ok(())
}

#[test]
fn a_full_workspace_is_told_and_the_turn_goes_on() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    as_root(
        &lab,
        "mkdir /home/alice/workspace; mount -t tmpfs -o size=1m,mode=700,uid=$0,gid=$0 none /home/alice/workspace",
    )?;
    let large = vec![1; 3 * 1024 * 1024];
    let files: &[(&str, &[u8])] = &[("large.bin", &large), ("small.txt", b"fits")];
    let thread = lab.ask_with("alice", "run: ls -A $GAGGLE_INBOX", files)?;
    let said = thread.answer()?;
    assert!(
        said.contains("`large.bin` was not taken: there is no space left on the disk."),
        "{said}"
    );
    assert!(said.ends_with("small.txt") && !said.contains("part"), "{said}");
    Ok(())
}

#[test]
fn a_whole_home_changes_nothing_about_links() -> Result<()> {
    let entry = json!({"account": "alice", "home": "full"});
    let Some(lab) = Lab::builder().entry("alice", entry).start_if_possible()? else {
        return Ok(());
    };
    let thread = lab.ask("alice", "run: mkdir -p ~/.ssh && ln -s ~/.ssh inbox && echo made")?;
    assert_eq!(thread.answer()?, "made");
    let thread = lab.ask_with("alice", "run: ls -A ~/.ssh", &[("authorized_keys", b"x")])?;
    let said = thread.answer()?;
    assert!(said.contains("`authorized_keys` was not taken: a link"), "{said}");
    assert!(!lab.namespace.seen("/home/alice/.ssh/authorized_keys").exists());
    Ok(())
}

#[test]
fn files_that_wait_for_a_restart_come_after_it_once() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    use gaggle_tests::lab::Which;
    use gaggle_tests::mattermost::{Body, Fault, Requests, When};
    lab.simulator.inject(Fault::Fail {
        requests: Requests::next(1000, "POST", "/files"),
        status: 503,
        body: Body::Html,
        when: When::Before,
    });
    let text =
        r#"run: mkdir -p "$GAGGLE_OUTBOX" && echo x > "$GAGGLE_OUTBOX/late.txt" && echo made"#;
    let thread = lab.ask("alice", text)?;
    let root = thread.root();
    assert_eq!(thread.answer()?, "made");
    lab.simulator.clear_faults();
    lab.kill_and_restart(Which::Frontend)?;
    lab.told(root, "📎 `late.txt`")?;
    assert_eq!(lab.files_in(root).len(), 1);
    Ok(())
}
