//! The real Goose asks before it uses a tool, and does what its person says.

use anyhow::{Context, Result};
use gaggle_tests::lab::{ANSWER, Lab, Thread, wait};
use gaggle_tests::mattermost::Post;

/// The post that asks about `command`.
fn question(lab: &Lab, thread: &Thread<'_>, command: &str) -> Result<Post> {
    let asks = |post: &Post| post.message.starts_with("🔐") && post.message.contains(command);
    let found = || lab.simulator.thread(thread.root()).into_iter().find(|post| asks(post));
    wait::until(ANSWER, found).with_context(|| format!("not asked; {}", lab.logs()))
}

#[test]
fn what_is_allowed_runs_and_what_is_not_does_not() -> Result<()> {
    let Some(lab) = Lab::builder().goose_section("mode = \"approve\"").start_if_possible()? else {
        return Ok(());
    };
    let alice = lab.person("alice")?;
    let react = |post: &Post, emoji| lab.simulator.react(alice.mattermost.id, post.id, emoji);
    let made = |name: &str| lab.namespace.seen(format!("/home/alice/workspace/{name}")).exists();

    let mut thread = lab.ask("alice", "run: touch denied; id -un")?;
    let asks = question(&lab, &thread, "touch denied; id -un")?;
    assert!(!made("denied"), "before anybody was asked");
    react(&asks, "-1")?;
    thread.answer()?;
    assert!(!made("denied"), "although it was not allowed");

    thread.say("run: touch once")?;
    react(&question(&lab, &thread, "touch once")?, "+1")?;
    thread.answer()?;
    assert!(made("once"));

    thread.say("run: touch first")?;
    react(&question(&lab, &thread, "touch first")?, "white_check_mark")?;
    thread.answer()?;
    thread.then("run: touch second")?;
    assert!(made("first") && made("second"));
    let asked = lab.simulator.thread(thread.root());
    assert!(!asked.iter().any(|post| post.message.contains("touch second\n")), "asked again");
    Ok(())
}
