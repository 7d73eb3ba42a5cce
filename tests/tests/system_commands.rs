//! Commands that reach Goose: what it remembers, in which mode it is, which model
//! it asks, what it took.

use anyhow::{Context as _, Result};
use gaggle_tests::lab::{ANSWER, Lab, Thread, wait};

/// What the bot says to a command in the thread, if it holds `wanted`.
fn told(lab: &Lab, thread: &Thread<'_>, wanted: &str) -> Result<String> {
    let said = || {
        let mut posts = lab.simulator.thread(thread.root()).into_iter();
        posts.find(|post| post.user_id == lab.bot.id && post.message.contains(wanted))
    };
    let post = wait::until(ANSWER, said).with_context(|| {
        let texts: Vec<_> = lab.simulator.thread(thread.root());
        let texts: Vec<_> = texts.into_iter().map(|post| post.message).collect();
        format!("{wanted:?} is not said, but {texts:#?}\n{}", lab.logs())
    })?;
    Ok(post.message)
}

/// What Goose has of the person's messages.
fn remembered(thread: &mut Thread<'_>) -> Result<Vec<String>> {
    let recalled = thread.then("!!recall")?;
    let lines = recalled.lines().filter(|line| !line.is_empty() && !line.starts_with('['));
    Ok(lines.map(str::to_owned).collect())
}

#[test]
fn goose_forgets_what_was_before_and_takes_it_up_again_elsewhere() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let mut first = lab.ask("alice", "the number is 4711")?;
    first.answer()?;
    first.command("!new")?;
    told(&lab, &first, "`!resume 1` goes back")?;
    assert_eq!(remembered(&mut first)?, ["!!recall"]);
    let mut second = lab.ask("alice", "!resume 1")?;
    told(&lab, &second, "Conversation 1 goes on here")?;
    assert_eq!(remembered(&mut second)?, ["the number is 4711", "!!recall"]);
    // The one in the first thread is another by now, and stays where it is.
    assert_eq!(remembered(&mut first)?, ["!!recall", "!!recall"]);
    // Taken from a thread whose Goose is at hand, not only from one that is gone.
    let mut third = lab.ask("alice", "!resume 2")?;
    told(&lab, &third, "Where it was until now, your next message begins anew")?;
    assert_eq!(remembered(&mut third)?, ["!!recall", "!!recall", "!!recall"]);
    let here = remembered(&mut first)?;
    let [note, words] = here.as_slice() else { panic!("{here:?}") };
    assert!(note.contains("`!resume 2` takes it back") && words == "!!recall", "{here:?}");
    Ok(())
}

#[test]
fn mode_and_model_of_a_conversation_are_gooses_own() -> Result<()> {
    let models = "models = [\"gpt-4o-mini\"]";
    let Some(lab) = Lab::builder().goose_section(models).start_if_possible()? else {
        return Ok(());
    };
    let made = |name: &str| lab.namespace.seen(format!("/home/alice/workspace/{name}")).exists();
    let asked = || {
        let requests = lab.llm.requests();
        requests.last().and_then(|request| Some(request.body["model"].as_str()?.to_owned()))
    };
    let mut thread = lab.ask("alice", "run: touch before")?;
    thread.answer()?;
    assert!(made("before"), "the control");
    assert_eq!(asked().as_deref(), Some("gpt-4o"));
    thread.command("!mode chat")?;
    told(&lab, &thread, "the mode is `chat`")?;
    thread.then("run: touch within")?;
    assert!(!made("within"));
    thread.command("!mode auto")?;
    told(&lab, &thread, "the mode is `auto`")?;
    thread.command("!model gpt-4o-mini")?;
    told(&lab, &thread, "the model is `gpt-4o-mini`")?;
    thread.then("run: touch after")?;
    assert!(made("after"));
    assert_eq!(asked().as_deref(), Some("gpt-4o-mini"));
    thread.command("!model default")?;
    told(&lab, &thread, "the model is the usual one")?;
    thread.then("hello")?;
    assert_eq!(asked().as_deref(), Some("gpt-4o"));
    thread.command("!usage")?;
    let usage = told(&lab, &thread, "| this conversation |")?;
    let line = usage.lines().find(|line| line.contains("| this conversation |"));
    let line = line.unwrap_or_default();
    assert!(line.contains(" tokens in, ") && line.contains("in 4 turns"), "{usage}");
    assert!(line.contains(" · about ") && !line.contains("not reported"), "{usage}");
    assert!(usage.contains(" % full: "), "{usage}");
    Ok(())
}
