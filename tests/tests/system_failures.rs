//! An LLM that fails in any way: the person is told, and nothing is left
//! thinking.

use anyhow::Result;
use gaggle_tests::lab::Lab;

/// Asks what makes the LLM fail; what the person reads then.
fn told(text: &str) -> Result<Option<String>> {
    // Goose itself tries a failing server for some seconds.
    let limit = if text == "!!hang" { 5 } else { 60 };
    let builder = Lab::builder().goose_section(&format!("rpc_timeout_seconds = {limit}"));
    let Some(lab) = builder.start_if_possible()? else { return Ok(None) };
    let mut thread = lab.ask("alice", text)?;
    let told = thread.answer()?;
    let posts = lab.simulator.thread(thread.root());
    assert!(posts.iter().all(|post| !post.message.contains("Thinking...")), "{told}");
    // One failure is not the end of the thread.
    let next = thread.then("and now?")?;
    assert!(next.contains("and now?"), "{told} / {next}");
    Ok(Some(told))
}

macro_rules! failures {
    ($($name:ident: $text:literal => $($word:literal)|+;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            if let Some(told) = told($text)? {
                let words = [$($word),+];
                let low = told.to_lowercase();
                assert!(words.iter().any(|word| low.contains(word)), "{told}");
            }
            Ok(())
        }
    )*};
}

failures! {
    a_refused_key_is_told: "!!error code=401" => "key" | "authentic";
    too_many_requests_are_told: "!!error code=429" => "rate limit" | "too many";
    a_broken_server_is_told: "!!error code=500" => "error";
    a_refused_request_is_told: "!!error code=400" => "error" | "failed";
    a_full_context_is_told: "!!error code=400 ctx=1" => "context" | "long";
    a_cut_connection_is_told: "!!drop n=2" => "network" | "error";
    a_broken_stream_is_told: "!!badchunk" => "error";
    an_answer_that_is_none_is_told: "!!garbage" => "empty" | "error";
    an_empty_answer_is_told: "!!empty" => "empty";
    a_silent_server_is_told: "!!hang" => "no sign of life";
    a_cut_answer_is_told: "!!length | half a sen" => "limit";
    a_tool_that_does_not_exist_ends_the_turn_in_order: "!!badtool" => "done";
    arguments_that_are_none_end_the_turn_in_order: "!!badargs | {not json" => "done";
}

#[test]
fn errors_that_pass_are_not_even_noticed() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    assert_eq!(lab.answer("alice", "!!error code=500 after=2")?, "recovered");
    Ok(())
}

#[test]
fn a_thread_that_is_given_up_takes_no_other_along() -> Result<()> {
    let builder = Lab::builder().goose_section("rpc_timeout_seconds = 5");
    let Some(lab) = builder.start_if_possible()? else { return Ok(()) };
    let other = lab.ask("alice", "!!reply n=2000 delay=0.1 size=20000 | word")?;
    other.shows("word word")?;
    let silent = lab.ask("alice", "!!hang")?;
    let told = silent.answer()?;
    assert!(told.contains("no sign of life"), "{told}");
    // It still streams, in the Goose that it had, and ends when its person says so.
    assert!(!other.so_far().is_whole(), "it was over before");
    other.command("!stop")?;
    let ended = other.answer()?;
    assert!(ended.contains("Stopped") && !ended.contains("Interrupted"), "{ended}");
    Ok(())
}
