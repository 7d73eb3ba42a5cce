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

/// Goose's pipes carry the person's answers, and its environment has the key.
#[test]
fn no_command_of_an_agent_reaches_into_its_goose() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let reach =
        "cat /proc/$P/comm; (: > /proc/$P/fd/0) 2>&1; cat /proc/$P/environ 2>&1 | tr -d '\\0'";
    let said = lab.answer("alice", &format!("run: P=$PPID; {reach}"))?;
    assert!(said.starts_with("goose\n"), "not Goose's process: {said}");
    assert_eq!(said.matches("Permission denied").count(), 2, "{said}");
    // What a domain of its own must not take away: moving files between folders,
    // and ending what an earlier command has begun.
    let mut thread =
        lab.ask("alice", "run: (setsid sleep 1000 & echo $! > pid) && mkdir -p a b")?;
    thread.answer()?;
    let moved = thread.then("run: touch a/x && mv a/x b/x && kill $(cat pid) && echo moved")?;
    assert_eq!(moved, "moved");
    // The control: without the domain the same account may do both.
    let uid = lab.person("alice")?.uid;
    let outside = format!("sleep 9 </dev/null & P=$!; {reach}; kill $P");
    let outside = lab.namespace.run(uid, &["sh", "-c", &outside])?;
    let outside = String::from_utf8_lossy(&outside.stdout).into_owned();
    assert!(outside.contains("PATH=") && !outside.contains("denied"), "{outside}");
    Ok(())
}

/// Where the admin said nothing, in the mode that Goose itself has.
#[test]
fn as_it_comes_a_shell_is_asked_for_and_a_rule_forbids_what_a_mode_would_let_run() -> Result<()> {
    let builder =
        Lab::builder().goose_section("mode = \"auto\"").tools_section("deny = [\"shell\"]");
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    let made = |name: &str| lab.namespace.seen(format!("/home/alice/workspace/{name}")).exists();
    let mut thread = lab.ask("alice", "run: touch forbidden")?;
    let said = thread.answer()?;
    assert!(!made("forbidden"), "{said}");
    let told = |post: &Post| post.message.contains("rules do not let the agent use `shell`");
    assert!(lab.simulator.thread(thread.root()).iter().any(told), "{said}");
    // The control: what no rule names runs, in the same conversation.
    thread.then(r#"!!tool name=write | {"path": "allowed", "content": "x"}"#)?;
    assert!(made("allowed"));
    Ok(())
}

#[test]
fn a_command_that_fails_three_times_ends_in_a_question() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let steps: Vec<_> =
        (1..=6).map(|n| format!("shell | echo {n} >> tries; sleep 1; false")).collect();
    let mut thread = lab.ask("alice", &format!("!!{}", steps.join(" ;; ")))?;
    let asks = |post: &Post| post.message.contains("How shall I go on?");
    let asked = || lab.simulator.thread(thread.root()).iter().any(asks).then_some(());
    wait::until(ANSWER, asked).with_context(|| lab.logs())?;
    let tries = lab.namespace.seen("/home/alice/workspace/tries");
    let tries = std::fs::read_to_string(tries)?;
    // The fourth begins before it is seen, and is ended while it works.
    assert!((3..=4).contains(&tries.lines().count()), "{tries}");
    let after = thread.then("run: echo on")?;
    assert_eq!(after, "on");
    Ok(())
}
